"""Files that appear whole, under their own name, or not at all."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from shutil import copyfileobj, rmtree
from tempfile import TemporaryDirectory
from typing import BinaryIO, TextIO

from ner.errors import InputError

# Stands for standard input and standard output.
STANDARD = Path("-")


def write_text(text: str, path: Path) -> None:
    """Write UTF-8 to a file that appears whole or not at all.

    Raises:
        InputError: if the file cannot be written.
    """
    with writing(path) as file:
        file.write(text)


@contextmanager
def writing(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 text file that appears whole or not at all; ``-`` is standard output.

    Raises:
        InputError: if the file cannot be written.
    """
    with writing_bytes(path) as binary:
        file = TextIOWrapper(binary, encoding="utf-8", newline="\n")
        try:
            yield file
            file.flush()
        finally:
            with suppress(OSError):
                file.detach()


@contextmanager
def writing_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that appears whole or not at all; ``-`` is standard output.

    Raises:
        InputError: if the file cannot be written.
    """
    with _explained(path):
        if path == STANDARD:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        with replacing(path) as temporary, temporary.open("wb") as file:
            yield file


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Create a folder that appears under its name only once it is complete.

    Yields:
        The folder to fill, which is moved to ``path`` at the end.

    Raises:
        InputError: if the path is a file or a folder with content, or the folder cannot be written.
    """
    with _explained(path):
        check_new(path)
        with replacing(path.absolute()) as temporary:
            temporary.mkdir()
            yield temporary


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a free name beside ``path``; the file or folder made there replaces ``path`` at the end.

    After an exception it is removed, and ``path`` stays as it was.
    """
    temporary = _beside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):
            if temporary.is_dir():
                rmtree(temporary, ignore_errors=True)
            else:
                temporary.unlink(missing_ok=True)


@contextmanager
def reading(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 file, with or without byte order mark, whose lines end in ``\\n`` alone; ``-`` is standard input.

    Raises:
        InputError: if the file cannot be read.
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
    """Yield a path that can be read more than once: ``path`` itself, or for ``-`` a copy of standard input."""
    if path != STANDARD:
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "standard-input"
        with copy.open("wb") as file:
            copyfileobj(sys.stdin.buffer, file)
        yield copy


def check_writable(path: Path, is_folder: bool = False) -> None:
    """Check before the work that a file, or a new folder, can be written.

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
    """Refuse an output that would replace the input, or become a part of it.

    Args:
        source: The file or folder that is read.
        output: The file or folder to write.
        suffixes: The endings of the files that are read in a folder; none stand for all.
        is_folder: The output is a folder.

    Raises:
        InputError: if the output is a part of the input.
    """
    if STANDARD in (source, output):
        return
    source, new = source.expanduser().resolve(), output.expanduser().resolve()
    is_read = is_folder or not suffixes or new.name.endswith(tuple(suffixes))
    if new == source or (source in new.parents and is_read):
        raise InputError(f"{output}: belongs to the input; write it elsewhere")


def check_new(path: Path) -> None:
    """Refuse a folder whose content would be lost.

    Raises:
        InputError: if the path is a file, or a folder that is not empty.
    """
    if path.is_dir() and not any(path.iterdir()):
        return
    if path.exists():
        raise InputError(f"{path}: exists already; delete it, or choose another folder")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn a failure to write into one line that names the path."""
    try:
        yield
    except (OSError, UnicodeEncodeError) as error:
        raise _unwritable(path, error) from None


def _bad_byte(path: Path) -> str:
    """Return where a file stops being UTF-8; standard input cannot be read again."""
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
    # The process id keeps runs that write at the same time apart.
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _unwritable(path: Path, error: OSError | UnicodeEncodeError) -> InputError:
    if isinstance(error, OSError):
        return InputError(f"{path}: cannot be written ({error.strerror or error}); choose another path")
    return InputError(f"{path}: cannot be written (a text holds half a surrogate pair); replace that character")
