"""Files that appear whole, under their own name, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from ner.errors import InputError


def write_text(text: str, path: Path) -> None:
    """Write UTF-8 to a file that appears whole or not at all.

    Raises:
        InputError: if that is not possible.
    """
    with writing(path) as file:
        file.write(text)


@contextmanager
def writing(path: Path) -> Iterator[TextIO]:
    """A UTF-8 file to write beside ``path``, moved there at the end: a crash never leaves half a file under that name.

    Raises:
        InputError: if that is not possible.
    """
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        temporary.replace(path)
    except (OSError, UnicodeEncodeError) as error:
        raise _unwritable(path, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def reading(path: Path) -> Iterator[TextIO]:
    """A UTF-8 file to read, with or without byte order mark, whose lines end in ``\\n`` alone.

    Raises:
        InputError: if that is not possible.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            yield file
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error.reason} at byte {error.start} of a block); convert it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from None


def check_writable(path: Path) -> None:
    """Find out before the work, rather than behind it, whether a file can be written.

    Raises:
        InputError: if it cannot.
    """
    if os.path.isdir(path):  # noqa: PTH112 - unlike Path.is_dir it takes a name that is too long
        raise InputError(f"{path}: cannot be written (it is a folder); name a file in it")
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
        temporary.unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


def _beside(path: Path) -> Path:
    if not path.name:
        raise InputError(f"'{path}' is not the name of a file to write")
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _unwritable(path: Path, error: OSError | UnicodeEncodeError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else "a text holds half a surrogate pair"
    return InputError(f"{path}: cannot be written ({reason}); choose another path, or mend what it says")
