"""What is tagged goes to a file at once, document by document, so that a killed run can go on."""

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from filelock import FileLock, Timeout

from ner.documents import Document
from ner.errors import InputError
from ner.formats.jsonl import document_of, line_of
from ner.inference.assembly import in_order

Settings = Mapping[str, object]


class Done:
    """The documents of a process that are tagged, by their places in the input: all up to one, and some after it.

    Args:
        first: The place of the process's first document.
        step: The distance to the next one: the number of processes that share the input.

    Attributes:
        due: The first place that is not tagged.
    """

    def __init__(self, first: int = 0, step: int = 1) -> None:
        self.first = first
        self.step = step
        self.due = first
        self._count = 0
        # As many as a pool has documents, however many were tagged.
        self._after: set[int] = set()
        # Of an earlier run's documents, four bytes each.
        self._checksums = array("I")

    def add(self, place: int, checksum: int | None = None) -> None:
        """Note that a document is tagged; by an earlier run, if its checksum is given."""
        if checksum is not None:
            index = (place - self.first) // self.step
            self._checksums.extend([0] * (index + 1 - len(self._checksums)))
            self._checksums[index] = checksum
        self._count += 1
        self._after.add(place)
        while self.due in self._after:
            self._after.remove(self.due)
            self.due += self.step

    def checksum(self, place: int) -> int:
        """Return the checksum of a document that an earlier run has tagged."""
        return self._checksums[(place - self.first) // self.step]

    @property
    def last(self) -> int:
        """The last place that an earlier run has tagged, ``first - step`` if there is none."""
        return self.first + (len(self._checksums) - 1) * self.step

    @property
    def has_gaps(self) -> bool:
        """Is a document missing before one that is tagged?"""
        return bool(self._after)

    def __contains__(self, place: int) -> bool:
        return place < self.due or place in self._after

    def __len__(self) -> int:
        return self._count


def checksum(document: Document) -> int:
    """Return a checksum of what a tagger reads of a document, and of its identifier."""
    parts = (document.id, *(part for passage in document.passages for part in (passage.section, passage.text)))
    return crc32("\0".join(parts).encode(errors="surrogatepass"))


class Spool:
    """The documents that one process has tagged, as they come: a line on how they were tagged, and one for each.

    Such a line is the document's place in the input, a tab, and the document as JSON.

    Args:
        path: The file. What a killed run left there is taken over, but for a last line that it did not finish.
        done: Knows of no document yet, and is told of those that are in the file.

    Attributes:
        done: The documents that are in the file.

    Raises:
        InputError: if another process is writing the file, or what is there is something else.
    """

    def __init__(self, path: Path, done: Done) -> None:
        self.path = path
        self.settings: Settings | None = None
        self.done = done
        self._file: BinaryIO | None = None
        # The system frees it when the process ends, however it ends.
        self._lock = FileLock(path.with_name(f"{path.name}.lock"))
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise InputError(
                f"{path}: another process is writing it; wait for that, or write to another path"
            ) from None
        try:
            with suppress(FileNotFoundError):
                self._take_over()
        except InputError:
            self.close()
            raise

    def _take_over(self) -> None:
        """Count what is there, and cut off what is not whole."""
        end = 0
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    if end:
                        place, document = _read(line)
                        self.done.add(place, checksum(document))
                    else:
                        self.settings = json.loads(line)["settings"]
                except (ValueError, KeyError, TypeError):
                    raise InputError(f"{self.path}: not what a run that was cut off leaves; remove it") from None
                end += len(line)
        if end < self.path.stat().st_size:
            with self.path.open("r+b") as file:
                file.truncate(end)

    def open(self, settings: Settings) -> None:
        """Begin to write, or go on.

        Raises:
            InputError: if what is there was written with other settings.
        """
        if self.settings is not None and self.settings != settings:
            keys = settings.keys() | self.settings.keys()
            differing = sorted(key for key in keys if settings.get(key) != self.settings.get(key))
            mend = "remove it to start anew, or write to another path"
            raise InputError(f"{self.path}: was begun with another {', '.join(differing)}; {mend}")
        # Unbuffered: what is written survives this process.
        self._file = self.path.open("ab", buffering=0)
        if self.settings is None:
            self._write(json.dumps({"settings": settings}).encode() + b"\n")

    def write(self, documents: Mapping[int, Document]) -> None:
        """Add documents, by their places; all of them or, if the process is killed in the middle, the first of them.

        Raises:
            InputError: if they cannot be written, such as to a full disk.
        """
        self._write("".join(f"{place}\t{line_of(document)}" for place, document in documents.items()).encode())
        for place in documents:
            self.done.add(place)

    def close(self) -> None:
        """End writing."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._lock.is_locked:
            # Still locked, lest somebody locks it and loses it. Windows removes no file that is open.
            with suppress(OSError):
                Path(self._lock.lock_file).unlink()
            self._lock.release()

    def _write(self, content: bytes) -> None:
        assert self._file is not None
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror}") from error


def documents_in(paths: Sequence[Path]) -> Iterator[Document]:
    """The documents of the spools of all processes, which took turns, in the order of the input."""
    with ExitStack() as files:
        spools = [_lines(files.enter_context(path.open("rb"))) for path in paths]
        ordered = (in_order(lines, number, len(paths)) for number, lines in enumerate(spools))
        for _, line in merge(*ordered, key=itemgetter(0)):
            yield _read(line)[1]


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    file.readline()
    for line in file:
        yield int(line.partition(b"\t")[0]), line


def _read(line: bytes) -> tuple[int, Document]:
    place, _, record = line.partition(b"\t")
    return int(place), document_of(json.loads(record))
