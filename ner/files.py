"""Files that appear whole, under their own name, or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from ner.errors import InputError


def write_text(text: str, path: Path) -> None:
    """Write UTF-8 beside ``path`` and move it there, so that a crash never leaves half a file under that name.

    Raises:
        InputError: if that is not possible.
    """
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    except (OSError, UnicodeEncodeError) as error:
        raise _unwritable(path, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


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
