"""One function on the nodes of a cluster, once for each of several values."""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import NamedTuple, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from ner.errors import InputError, one_line

T = TypeVar("T")

# Of a call whose process or node was lost.
RETRIES = 3


class Outcome(NamedTuple):
    """The end of a call.

    Args:
        printed: What it printed.
        mistake: Why it could not end as it should, in one line; empty if it did.
    """

    printed: str
    mistake: str


def call_each(function: Callable[[T], object], values: Sequence[T]) -> Iterator[tuple[T, Outcome]]:
    """Call a function with each value, at the same time, and yield what comes of it as the calls end.

    Each call has a process of its own, in this folder, with a GPU if the cluster has some, else an equal share of the
    cores. A call whose process or node is lost is made again. All end with the loop over them.

    Args:
        function: A function that can be pickled, and that goes on where an earlier call was lost.
        values: One for each call.
    """
    cores, gpus = _share(len(values))
    task = ray.remote(num_cpus=cores, num_gpus=gpus, max_calls=1, max_retries=RETRIES)(_call)
    waiting = {task.remote(partial(function, value), Path.cwd()): value for value in values}
    try:
        while waiting:
            [ended], _ = ray.wait(list(waiting))
            yield waiting.pop(ended), _outcome(ended)
    finally:
        for call in waiting:
            ray.cancel(call, force=True)


def _share(calls: int) -> tuple[int, int]:
    """Return the cores and the GPUs that each of several calls takes, so that all fit at the same time if they can."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    if any(node.get("GPU", 0) >= 1 for node in nodes):
        return 1, 1
    cores = [int(node.get("CPU", 0)) for node in nodes]
    return max(min(sum(cores) // calls, max(cores)), 1), 0


def _outcome(ended: "ray.ObjectRef[Outcome]") -> Outcome:
    try:
        return ray.get(ended)
    except RayTaskError as error:
        raise error.cause from None
    except RayError as error:
        return Outcome("", f"its process was lost: {one_line(error)[:200]}; run the same command again")


def _call(function: Callable[[], object], folder: Path) -> Outcome:
    try:
        os.chdir(folder)
    except OSError as error:
        what = f"{socket.gethostname()}: {folder}: {error.strerror}"
        return Outcome("", f"{what}; start fit-seeds in a folder that all nodes of the cluster share")
    with redirect_stdout(StringIO()) as printed:
        try:
            function()
        except InputError as error:
            return Outcome(printed.getvalue(), str(error))
    return Outcome(printed.getvalue(), "")
