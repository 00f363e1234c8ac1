"""Files that appear whole, under their own name, or not at all."""

import errno
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from gzip import GzipFile
from io import BufferedReader, BufferedWriter, TextIOWrapper
from pathlib import Path
from platform import node
from shutil import copyfileobj, rmtree
from tempfile import TemporaryDirectory
from threading import Lock
from typing import BinaryIO, TextIO

from ner.errors import InputError
from ner.io.paths import exists

# Stands for standard input and standard output.
STANDARD = Path("-")
# The errors of a full disk, a quota, and a file that is too large.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Ends the names of files that are compressed.
COMPRESSED = ".gz"
COMPRESSION_LEVEL = 6
# Threads read the process's mask one after the other.
_MASK = Lock()


def write_text(text: str, path: Path) -> None:
    """Write UTF-8 to a file that appears whole or not at all.

    Raises:
        InputError: if the file cannot be written.
    """
    with writing(path) as file:
        file.write(text)


@contextmanager
def writing(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 text file as :func:`writing_bytes` does; one whose name ends in ``.gz`` is compressed.

    Raises:
        InputError: if the file cannot be written.
    """
    with writing_bytes(path) as binary, _compressing(binary, path) as stream:
        file = TextIOWrapper(stream, encoding="utf-8", newline="\n")
        try:
            yield file
            file.flush()
        finally:
            with suppress(OSError):
                file.detach()


@contextmanager
def writing_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that appears whole or not at all; ``-`` is standard output.

    A link is followed. A device or a pipe is written as it is, which cannot be undone.

    Raises:
        InputError: if the file cannot be written.
    """
    with _explained(path):
        if path == STANDARD:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        if is_stream(path):
            with path.open("wb") as file:
                yield file
            return
        # A link that somebody has put there would lead elsewhere.
        with replacing(path) as temporary, temporary.open("xb") as file:
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
        with replacing(path) as temporary:
            temporary.mkdir()
            yield temporary


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a free name beside ``path``; the file or folder made there replaces ``path`` at the end.

    Links are followed, and files get the permissions that the process gives new ones, whatever library wrote them.
    After an exception what was made is removed, and ``path`` stays as it was.

    Raises:
        OSError: if writing fails.
    """
    path = _followed(path)
    temporary = _beside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(temporary)
    try:
        yield temporary
        _permit(temporary)
        if temporary.is_file():
            sync(temporary)
        temporary.replace(path)
        with suppress(OSError):  # not every file system can tell of a folder
            sync(path.parent)
    finally:
        with suppress(OSError):
            _remove(temporary)


@contextmanager
def reading(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 file, with or without byte order mark, whose lines end in ``\\n`` alone; ``-`` is standard input.

    A file whose name ends in ``.gz`` is decompressed.

    Raises:
        InputError: if the file cannot be read.
    """
    with _readable(path):
        try:
            with _decompressed(path) as binary, TextIOWrapper(binary, encoding="utf-8-sig", newline="\n") as file:
                yield file
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not UTF-8 ({_bad_byte(path) or error.reason}); convert it") from None


@contextmanager
def kept(path: Path) -> Iterator[Path]:
    """Yield a path that can be read more than once: ``path`` itself, or a copy of standard input or of a pipe.

    Raises:
        InputError: if the pipe cannot be read.
    """
    if path != STANDARD and not is_stream(path):
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / ("standard-input" if path == STANDARD else path.name)
        with _readable(path), _opened(path) as source, copy.open("wb") as file:
            copyfileobj(source, file)
        yield copy


def stem(path: Path) -> str:
    """Return the name of a file without its ending, and without that of its compression."""
    return Path(path.name.removesuffix(COMPRESSED)).stem


def check_writable(path: Path, is_folder: bool = False) -> None:
    """Check before the work that a file, or a new folder, can be written.

    Raises:
        InputError: if it cannot.
    """
    if path == STANDARD:
        if is_folder:
            raise InputError("standard output takes one file, not a folder of them; name a folder")
        return
    with _explained(path):
        if is_folder:
            check_new(path)
            if path.is_dir() and (path.resolve() == Path.cwd() or path.is_mount()):
                raise InputError(f"{path}: is the current folder or a mount point; name a new folder in it")
        elif path.is_dir():
            raise InputError(f"{path}: cannot be written (it is a folder); name a file in it")
        if is_stream(path):
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        target = _followed(path)
        temporary = _beside(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove(temporary)
        try:
            with suppress(FileExistsError):  # another process checks the same
                temporary.touch(exist_ok=False)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def check_apart(
    source: Path, output: Path, suffixes: Sequence[str], is_folder: bool = False, companions: Sequence[str] = ()
) -> None:
    """Refuse an output that would replace the input, or become a part of it.

    Args:
        source: The file or folder that is read.
        output: The file or folder to write.
        suffixes: The endings of the files that are read in a folder, compressed or not; none stand for all.
        is_folder: The output is a folder.
        companions: The endings of other files that belong to one that is read, by their name.

    Raises:
        InputError: if the output is a part of the input, or one of the paths is none.
    """
    if STANDARD in (source, output):
        return
    with _readable(source):
        source = _followed(source)
    with _explained(output):
        if is_stream(output):
            return
        new = _followed(output)
    name = new.name.removesuffix(COMPRESSED)
    is_read = is_folder or not suffixes or name.endswith((*suffixes, *companions))
    names = [f"{stem(source)}{ending}" for ending in companions] if source.is_file() else []
    is_beside = new.parent == source.parent and name in names
    if new == source or (source in new.parents and is_read) or is_beside:
        raise InputError(f"{output}: belongs to the input; write it elsewhere")


def is_stream(path: Path) -> bool:
    """Return whether a device, a pipe or a socket stands at a path."""
    return exists(path) and not path.is_file() and not path.is_dir()


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
        if path == STANDARD and isinstance(error, BrokenPipeError):  # whoever reads it has enough
            raise
        raise _unwritable(path, error) from None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn a failure to read into one line that names the path."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); check the path") from None
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be decompressed ({error}); compress it anew") from None


def _opened(path: Path) -> BufferedReader:
    """Open a file, or standard input, as bytes.

    Raises:
        OSError: if that is not possible.
    """
    if path == STANDARD:
        return open(sys.stdin.fileno(), "rb", closefd=False)
    return _followed(path).open("rb") if not is_stream(path) else path.open("rb")


@contextmanager
def _decompressed(path: Path) -> Iterator[BufferedReader]:
    with _opened(path) as file:
        yield BufferedReader(GzipFile(fileobj=file)) if path.suffix == COMPRESSED else file


@contextmanager
def _compressing(file: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    """Yield what compresses into a file, if its name says so, and the same bytes for the same text."""
    if path.suffix != COMPRESSED:
        yield file
        return
    with GzipFile("", "wb", COMPRESSION_LEVEL, file, mtime=0) as compressing, BufferedWriter(compressing) as buffered:
        yield buffered


def _followed(path: Path) -> Path:
    """Return the path to which links lead.

    Raises:
        OSError: if they lead in a circle, or the path holds a NUL.
    """
    try:
        target = Path(os.path.realpath(path))
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error)) from None
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


def sync(path: str | Path) -> None:
    """Wait until the disk has a file or a folder, so that no crash of the machine leaves an empty one under its name.

    Raises:
        OSError: if that is not possible.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _permit(path: Path) -> None:
    """Give the files at a path the permissions of new ones."""
    # The mask can only be read by setting it; this one is the safe one for a file that another thread opens meanwhile.
    with _MASK:
        mask = os.umask(0o077)
        os.umask(mask)
    for file in [path, *path.rglob("*")]:
        if file.is_file():
            file.chmod(0o666 & ~mask)


def _bad_byte(path: Path) -> str:
    """Return where a file stops being UTF-8; a stream cannot be read again."""
    if path != STANDARD and not is_stream(path):
        with _decompressed(path) as file:
            for number, line in enumerate(file, 1):
                try:
                    line.decode()
                except UnicodeDecodeError as error:
                    return f"{error.reason} at byte {error.start + 1} of line {number}"
    return ""


def _beside(path: Path) -> Path:
    if not path.name:
        raise InputError(f"'{path}' is not the name of a file to write")
    # Machine and process keep runs that write at the same time apart: the first process of each container is number 1.
    return path.with_name(f".{path.name}.{node().partition('.')[0][-12:]}-{os.getpid()}.tmp")


def _remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there: what a killed process has left under a hidden name."""
    if path.is_dir() and not path.is_symlink():
        rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError | UnicodeEncodeError) -> InputError:
    if isinstance(error, OSError):
        fix = "free the disk, or choose another path" if error.errno in NO_ROOM else "choose another path"
        return InputError(f"{path}: cannot be written ({error.strerror or error}); {fix}")
    return InputError(f"{path}: cannot be written (a text holds half a surrogate pair); replace that character")
