"""The log: one JSON line a request, without what was sent or answered."""

import json
import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import Scope

LONGEST_PATH = 200

log = logging.getLogger(__name__)


def start_log() -> None:
    """Write the lines to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


def log_request(scope: Scope, status: int, received: int, start: float, error: str) -> None:
    """Log a request that is done.

    Args:
        scope: The request.
        status: The status of the answer; 499 if the client left before it.
        received: Bytes of its body.
        start: The monotonic time at which it arrived.
        error: Where the service failed; empty if it did not.
    """
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "method": scope["method"],
        "path": scope["path"][:LONGEST_PATH],
        "status": status,
        "ms": round(1000 * (time.monotonic() - start), 1),
        "bytes": received,
        "texts": scope.get("state", {}).get("texts", 0),
    }
    log.info(json.dumps(line | ({"error": error} if error else {})))


def place_of(error: BaseException) -> str:
    """Return the class of an exception and where it was raised; its message may hold a text."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
