"""Files on disks, and wherever pyarrow's file systems reach, such as ``s3://bucket/folder``."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import blake2b
from itertools import takewhile
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from urllib.parse import quote, unquote
from uuid import uuid4

import pyarrow as pa
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem

from ner.errors import InputError, one_line
from ner.io.files import COMPRESSED, sync
from ner.io.paths import expanded

WILDCARDS = frozenset("*[")
ANY_FOLDERS = "**"
# Files in a folder that the library `datasets` has saved, whose documents lie in others.
SAVED = ("dataset_info.json", "dataset_dict.json", "state.json")
# Beside letters and digits, what a path in an address holds as it is.
UNQUOTED = "/:@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to tag.

    Args:
        location: Its absolute path or its address, with which rows name their source.
        size: Its bytes.
        identity: The same whatever leads to the file: on a disk its path without links; elsewhere the location.
    """

    location: str
    size: int
    identity: str = ""

    @property
    def key(self) -> str:
        """A digest of the identity, as a part of file names."""
        return blake2b(os.fsencode(self.identity or self.location), digest_size=10).hexdigest()


def absolute(location: str) -> str:
    """Return an address as it is, and a path as it is called from every folder."""
    return location if "://" in location else str(expanded(location).absolute())


def file_system(location: str) -> tuple[FileSystem, str]:
    """Return the file system of a path or address, and the path on it.

    Raises:
        InputError: if there is no such file system, or the address holds a password, which would be in every row.
    """
    scheme, colon, rest = location.partition("://")
    if not colon:
        return LocalFileSystem(), absolute(location)
    if ":" in rest.rpartition("@")[0]:
        raise InputError(f"{scheme}://...: holds a password; give it in the environment instead")
    try:
        system, path = FileSystem.from_uri(location)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{location}: no address that pyarrow reads: {one_line(error)}") from None
    return system, path.rstrip("/")


def find_inputs(patterns: Sequence[str], suffixes: Sequence[str], *, is_deep: bool = False) -> list[InputFile]:
    """Return the files that paths, addresses and patterns name, each once, in the order of their names.

    Args:
        patterns: Files, folders, or patterns with ``*``, and ``**`` for any number of folders.
        suffixes: The endings of the files that are taken of a folder, compressed or not; none stand for all.
        is_deep: Whether a folder stands for its subfolders too.

    Raises:
        InputError: if one names no file, or a data set that only its own library reads.
    """
    found: dict[str, InputFile] = {}
    for pattern in patterns:
        system, path = file_system(pattern)
        before, query = _around(pattern, path)
        try:
            files = list(_matching(system, path, tuple(suffixes), is_deep=is_deep))
        except UnicodeError:
            raise InputError(f"{pattern}: a name there is not UTF-8; rename the file") from None
        except OSError as error:
            raise InputError(f"{pattern}: cannot be read ({one_line(error)}); check the path") from None
        if not files:
            raise InputError(f"{pattern}: no such file; name files, a folder or a pattern that has some")
        for file in files:
            if file.base_name in SAVED:
                fix = "let `convert --from HFDatasets --to JsonLines` write a file of it"
                raise InputError(f"{pattern}: a data set that the library datasets has saved; {fix}")
            location = f"{before}{quote(file.path, UNQUOTED)}{query}" if before else file.path
            identity = os.path.realpath(file.path) if isinstance(system, LocalFileSystem) else location
            found.setdefault(identity, InputFile(location, file.size, identity))
    return sorted(found.values(), key=lambda file: file.location)


def _around(pattern: str, path: str) -> tuple[str, str]:
    """Return what stands before and after a path in an address; nothing for a pattern that is none."""
    if "://" not in pattern:
        return "", ""
    before, question, query = pattern.partition("?")
    return unquote(before).rstrip("/").removesuffix(path), question + query


def _matching(system: FileSystem, path: str, suffixes: tuple[str, ...], *, is_deep: bool) -> list[FileInfo]:
    [info] = system.get_file_info([path])
    if info.type == FileType.NotFound:
        found = list(_selected(system, path))
    elif info.type == FileType.Directory:
        found = [
            info
            for info in system.get_file_info(FileSelector(path, recursive=is_deep))
            if not suffixes or info.path.removesuffix(COMPRESSED).endswith(suffixes)
        ]
        found = [info for info in found if not _is_hidden(info.path.removeprefix(path))]
    else:
        found = [info]
    files = [info for info in found if info.type == FileType.File and not info.base_name.startswith(".")]
    # A compressed copy beside a file is no other file.
    copies = {f"{info.path}{COMPRESSED}" for info in files}
    return [info for info in files if info.path not in copies]


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(path).parts)


def _selected(system: FileSystem, pattern: str) -> Iterator[FileInfo]:
    """Yield what a pattern names; a folder that is called like one is no pattern."""
    parts = PurePosixPath(pattern).parts
    for place, part in enumerate(parts):
        folder, above = str(PurePosixPath(*parts[: place + 1])), str(PurePosixPath(*parts[:place]))
        if WILDCARDS & set(part) and system.get_file_info([folder])[0].type == FileType.NotFound:
            wanted = parts[place:]
            selector = FileSelector(above, allow_not_found=True, recursive=len(wanted) > 1 or ANY_FOLDERS in wanted)
            for info in system.get_file_info(selector):
                if _fits(PurePosixPath(info.path).relative_to(above).parts, wanted):
                    yield info
            return


def _fits(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return if the names of a path, folder by folder, fit a pattern; what is hidden has to be named, as in a shell."""
    if not pattern:
        return not names
    if pattern[0] == ANY_FOLDERS:
        shown = list(takewhile(lambda name: not _is_hidden(name), names))
        return any(_fits(names[count:], pattern[1:] or ("*",)) for count in range(len(shown) + 1))
    if not names or (_is_hidden(names[0]) and not _is_hidden(pattern[0])):
        return False
    return fnmatchcase(names[0], pattern[0]) and _fits(names[1:], pattern[1:])


@contextmanager
def local_copy(file: InputFile) -> Iterator[Path]:
    """Yield the path of a file that is on disk, or of a copy, which is deleted at the end.

    Raises:
        OSError: if the file cannot be copied.
    """
    system, path = file_system(file.location)
    if isinstance(system, LocalFileSystem):
        yield Path(path)
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / PurePosixPath(path).name
        with system.open_input_stream(path, compression=None) as source, copy.open("wb") as target:
            copyfileobj(source, target)
        yield copy


class Folder:
    """A folder whose files appear whole or not at all.

    Args:
        location: Its path or address.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        self.system, self.path = file_system(location)

    def make(self, inner: str = "") -> None:
        """Create the folder, or one in it.

        Raises:
            InputError: if it cannot be created.
        """
        with self._in_a_line("written"):
            self.system.create_dir(self._at(inner), recursive=True)

    def files(self, inner: str = "") -> list[FileInfo]:
        """Return the files in the folder, or in one in it, by name; none if it is missing.

        Raises:
            InputError: if it is no folder, or cannot be read.
        """
        return [info for info in self.entries(inner) if info.type == FileType.File]

    def entries(self, inner: str = "") -> list[FileInfo]:
        """Return the files and folders in the folder, or in one in it, by name; none if it is missing.

        Raises:
            InputError: if it is no folder, or cannot be read.
        """
        with self._in_a_line("read"):
            found = self.system.get_file_info(FileSelector(self._at(inner), allow_not_found=True))
        return sorted(found, key=lambda info: info.base_name)

    def is_link(self, inner: str) -> bool:
        """Return if a folder in the folder is a link to another one, which other file systems do not have."""
        return isinstance(self.system, LocalFileSystem) and Path(self._at(inner)).is_symlink()

    def exists(self, name: str) -> bool:
        """Return if there is a file of a name.

        Raises:
            InputError: if the folder cannot be read.
        """
        with self._in_a_line("read"):
            return bool(self.system.get_file_info([self._at(name)])[0].type == FileType.File)

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            InputError: if it cannot be read.
        """
        with self._in_a_line("read"), self.system.open_input_stream(self._at(name), compression=None) as file:
            return bytes(file.read())

    @contextmanager
    def writing(self, name: str) -> Iterator[pa.NativeFile]:
        """Open a file that appears under its name at the end; what fails leaves nothing.

        Raises:
            InputError: if it cannot be written.
        """
        target = self._at(name)
        temporary = str(PurePosixPath(target).with_name(f".{uuid4().hex}.tmp"))
        try:
            with self._in_a_line("written"):
                with self.system.open_output_stream(temporary, compression=None) as file:
                    yield file
                self._sync(temporary)
                self.system.move(temporary, target)
        finally:
            with suppress(OSError):
                self.system.delete_file(temporary)

    def write(self, content: bytes, name: str) -> None:
        """Write a file.

        Raises:
            InputError: if it cannot be written.
        """
        with self.writing(name) as file:
            file.write(content)

    def move(self, name: str, other: str) -> None:
        """Give a file another name.

        Raises:
            InputError: if that is not possible.
        """
        with self._in_a_line("written"):
            self.system.move(self._at(name), self._at(other))
            self._sync(self._at(""))

    def delete(self, name: str) -> None:
        """Delete a file, if it is there.

        Raises:
            InputError: if that is not possible.
        """
        with self._in_a_line("written"), suppress(FileNotFoundError):
            self.system.delete_file(self._at(name))

    def delete_folder(self, inner: str) -> None:
        """Delete a folder in this one, if it is there.

        Raises:
            InputError: if that is not possible.
        """
        with self._in_a_line("written"), suppress(FileNotFoundError):
            self.system.delete_dir(self._at(inner))

    def _sync(self, path: str) -> None:
        if isinstance(self.system, LocalFileSystem):
            sync(path)

    def _at(self, name: str) -> str:
        return f"{self.path}/{name}" if name else self.path

    @contextmanager
    def _in_a_line(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"{self.location}: cannot be {what} ({one_line(error)}); choose another folder") from None
