"""Files that appear whole, under their own name, or not at all."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import TextIO

from ner.errors import InputError

# Stands for standard input and standard output.
STANDARD = Path("-")


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

    ``-`` is standard output.

    Raises:
        InputError: if that is not possible.
    """
    if path == STANDARD:
        with _standard_output() as file:
            yield file
        return
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

    ``-`` is standard input.

    Raises:
        InputError: if that is not possible.
    """
    try:
        source: Path | int = sys.stdin.fileno() if path == STANDARD else path
        with open(source, encoding="utf-8-sig", newline="\n", closefd=path != STANDARD) as file:
            yield file
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({_bad_byte(path) or error.reason}); convert it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from None


@contextmanager
def kept(path: Path) -> Iterator[Path]:
    """A path that can be read more than once: itself, or for ``-`` a file with what comes from standard input."""
    if path != STANDARD:
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "standard-input"
        with copy.open("wb") as file:
            copyfileobj(sys.stdin.buffer, file)
        yield copy


def check_writable(path: Path, is_folder: bool = False) -> None:
    """Find out before the work, rather than behind it, whether a file can be written, or a new folder.

    Raises:
        InputError: if it cannot.
    """
    if path == STANDARD:
        if is_folder:
            raise InputError("standard output takes one file, not a folder of them; name a folder")
        return
    if is_folder:
        check_new(path)
    elif os.path.isdir(path):  # noqa: PTH112 - unlike Path.is_dir it takes a name that is too long
        raise InputError(f"{path}: cannot be written (it is a folder); name a file in it")
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
        temporary.unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


def check_apart(source: Path, output: Path, suffixes: Sequence[str], is_folder: bool = False) -> None:
    """Refuse an output that would replace what is read, or be read as a part of it the next time.

    Args:
        source: The file or folder that is read.
        output: The file or folder to write.
        suffixes: What files end with that are read in a folder; none stand for all.
        is_folder: Whether the output is a folder.

    Raises:
        InputError: if it would.
    """
    if STANDARD in (source, output):
        return
    source, new = source.expanduser().resolve(), output.expanduser().resolve()
    is_read = is_folder or not suffixes or new.name.endswith(tuple(suffixes))
    if new == source or (source in new.parents and is_read):
        raise InputError(f"{output}: belongs to the input; write it elsewhere")


def check_new(path: Path) -> None:
    """Refuse a folder in which there is something that would be lost.

    Raises:
        InputError: if the path is a file, or a folder that is not empty.
    """
    if path.is_dir() and not any(path.iterdir()):
        return
    if path.exists():
        raise InputError(f"{path}: exists already; remove it, or choose another folder")


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    file = TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="\n")
    try:
        yield file
        file.flush()
    except (OSError, UnicodeEncodeError) as error:
        raise _unwritable(STANDARD, error) from None
    finally:
        with suppress(OSError):
            file.detach()


def _bad_byte(path: Path) -> str:
    """Where a file stops being UTF-8; standard input cannot be read again."""
    if path != STANDARD:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    line.decode()
                except UnicodeDecodeError as error:
                    return f"{error.reason} at byte {error.start + 1} of line {number}"
    return ""


def _beside(path: Path) -> Path:
    if not path.name:
        raise InputError(f"'{path}' is not the name of a file to write")
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _unwritable(path: Path, error: OSError | UnicodeEncodeError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else "a text holds half a surrogate pair"
    return InputError(f"{path}: cannot be written ({reason}); choose another path, or mend what it says")
