"""The connection to a Ray cluster, or a Ray on this machine."""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import ray

from ner.errors import InputError, one_line

# Of shared memory, for a Ray of a command's own: it holds the few blocks on their way.
OBJECT_STORE_BYTES = 256 << 20
ANSWER_SECONDS = 5


@contextmanager
def cluster(address: str | None, option: str = "address") -> Iterator[None]:
    """Connect to a Ray cluster, or start a Ray on this machine that ends with the block.

    Args:
        address: Of the cluster; ``None`` for this machine.
        option: The option that names it, without dashes, for messages.

    Raises:
        InputError: if there is no cluster at the address.
    """
    _check_there(address, option)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A later version's behaviour, about whose coming every process would warn.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        ray.init(
            address or "local",
            include_dashboard=None if address else False,
            object_store_memory=None if address else OBJECT_STORE_BYTES,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except (OSError, RuntimeError, ValueError) as error:
        if address is None:
            fix = "see that it may use memory and ports, and set RAY_TMPDIR to a short path"
            raise InputError(f"Ray cannot start on this machine: {one_line(error)[:200]}; {fix}") from None
        raise InputError(f"--{option} {address}: no Ray cluster there: {one_line(error)[:200]}") from None
    _keep_quiet()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    try:
        yield
    finally:
        ray.shutdown()


def _check_there(address: str | None, option: str) -> None:
    """Refuse an address where nobody answers, for which Ray would wait for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
        except (OSError, OverflowError, UnicodeError) as error:
            raise InputError(f"--{option} {address}: no Ray cluster there: {one_line(error)}") from None


def _keep_quiet() -> None:
    """Keep Ray from printing a paragraph for each process that ends: the loop prints a line."""
    with suppress(ImportError, AttributeError):  # no part of Ray's interface
        from ray._private.ray_logging import global_worker_stdstream_dispatcher  # noqa: PLC0415

        global_worker_stdstream_dispatcher.remove_handler("ray_print_logs")
