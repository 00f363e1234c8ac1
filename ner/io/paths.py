"""Paths as users write them, which may be those of nobody, of another user, or too long."""

import os
from pathlib import Path


def expanded(path: str | Path) -> Path:
    """Return a path with a user's folder in place of ``~``; where there is no such user it stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib's raises an error then


def exists(path: str | Path) -> bool:
    """Return if something is at a path; what may not be seen, or cannot be a path, is nothing."""
    return os.path.exists(path)  # noqa: PTH110 - pathlib's raises an error then


def is_file(path: str | Path) -> bool:
    """Return if a file is at a path, as :func:`exists` does."""
    return os.path.isfile(path)  # noqa: PTH113 - as above


def is_folder(path: str | Path) -> bool:
    """Return if a folder is at a path, as :func:`exists` does."""
    return os.path.isdir(path)  # noqa: PTH112 - as above
