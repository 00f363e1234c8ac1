"""The reading of input files in blocks of documents."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from ner.documents import Document, Passage
from ner.errors import InputError, one_line
from ner.formats.base import FileFormat, Format, Record, format_options, in_one_line
from ner.integrations.ray.parts import Part, Ranges
from ner.integrations.ray.storage import InputFile, local_copy
from ner.preprocessing.texts import Texts


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A document that cannot be read.

    Args:
        error: The reason.
        document: The document, where only tagging it failed.
    """

    error: str
    document: Document | None = None


NO_TEXT = Document("", (Passage("", annotated_until=0),))
Reading: TypeAlias = Callable[[], Document | Unreadable]


@dataclass(frozen=True, slots=True)
class Block:
    """Documents of a file that follow each other.

    Args:
        source: The location of the file.
        part: Their range.
        documents: The documents, or why they cannot be read.
        batches: Their texts in batches, if another process than the tagger makes these.
    """

    source: str
    part: Part
    documents: tuple[Document | Unreadable, ...]
    batches: tuple[Texts, ...] | None = None

    def halves(self) -> tuple["Block", "Block"]:
        """Return both halves of a block of at least two documents."""
        first, second = self.part.halves()
        own = self.documents
        return Block(self.source, first, own[: len(first)]), Block(self.source, second, own[len(first) :])

    def given_up(self, error: str) -> "Block":
        """Return the block with an error in place of each document that has none."""
        failed = (text if isinstance(text, Unreadable) else Unreadable(error, text) for text in self.documents)
        return Block(self.source, self.part, tuple(failed))


@dataclass(frozen=True, slots=True)
class Report:
    """A block that is tagged and written.

    Args:
        documents: Its documents.
        errors: Those of them with an error.
        size: Bytes of the part.
        seconds: Time that the actor was busy with it.
    """

    documents: int
    errors: int
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Header:
    """What the engine knows of a block without fetching it.

    Args:
        part: The range of the block; ``None`` if the file has no further one.
        broken: Why the file cannot be read any further; empty where it can.
        documents: The number of documents in the file, or before the place where it is broken.
    """

    part: Part | None = None
    broken: str = ""
    documents: int = 0


class Reader:
    """An actor that reads files, one at a time, block by block.

    Args:
        source: The format of the files.
        block_documents: Most documents of a block.
    """

    def __init__(self, source: Format, block_documents: int) -> None:
        self._format = source.without_annotation()
        self._block_documents = block_documents
        self._blocks: Iterator[tuple[Header, Block | None]] = iter(())

    def open(self, file: InputFile, done: Ranges) -> None:
        """Begin a file, whose documents in ``done`` are left out."""
        self._blocks = _with_headers(file, self._format, done, self._block_documents)

    def next(self) -> tuple[Header, Block | None]:
        """Return the next block, or a header that says why there is none."""
        return next(self._blocks)


def _with_headers(file: InputFile, source: Format, done: Ranges, size: int) -> Iterator[tuple[Header, Block | None]]:
    count = 0

    def documents() -> Iterator[Reading]:
        nonlocal count
        with format_options("format.{}".format), local_copy(file) as path:
            for record in in_one_line(_records(source, path), source, file.location):
                where = f"{file.location}, document {count + 1}"
                yield partial(_read, record, source, where)
                count += 1

    try:
        for block in blocks(file, documents(), done, size):
            yield Header(block.part), block
        yield Header(documents=count), None
    except (InputError, OSError) as error:
        yield Header(broken=one_line(error), documents=count), None


def blocks(file: InputFile, documents: Iterable[Reading], done: Ranges, size: int) -> Iterator[Block]:
    """Yield the documents of a file in blocks.

    Blocks begin at multiples of their size, and after documents that are done. The last block of a file says that it is
    the last; that of an empty file is empty.

    Args:
        file: The file.
        documents: All its documents, which are read by a call.
        done: The documents to leave out.
        size: Most documents of a block.
    """
    waiting: list[Document | Unreadable] = []
    start = 0
    number = -1

    def block(is_last: bool) -> Block:
        part = Part(file.key, file.size, start, start + len(waiting), is_last)
        return Block(file.location, part, tuple(waiting))

    for number, read in enumerate(documents):
        is_done = number in done
        if waiting and (is_done or number % size == 0):
            yield block(is_last=False)
            waiting = []
        if not is_done:
            start = start if waiting else number
            waiting.append(read())
    if waiting or number < 0:
        yield block(is_last=True)


def _records(source: Format, path: Path) -> Iterator[Record]:
    if isinstance(source, FileFormat):
        return source.records(path, None)
    return (partial(_same, document) for document in source.read(path))


def _same(document: Document) -> Document:
    return document


def _read(record: Record, source: Format, where: str) -> Document | Unreadable:
    try:
        [document] = in_one_line((call() for call in [record]), source, where)
    except InputError as error:
        return Unreadable(str(error))
    return document
