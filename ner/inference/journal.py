"""The journal of a prediction: documents are kept as soon as they are tagged, so that a killed run can be resumed."""

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from ner.documents import Document
from ner.formats.jsonl import document_of, record_of
from ner.inference.assembly import in_order
from ner.io.journal import Journal, Settings

# Documents that may be tagged before the first one that is not; a pool has fewer.
MOST_AHEAD = 1 << 20


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
        # At most as many as a pool has documents, however many are tagged.
        self._ahead: set[int] = set()
        # Of the documents of an earlier run, four bytes each.
        self._checksums = array("I")

    def add(self, place: int, checksum: int | None = None) -> None:
        """Note that a document is tagged; by an earlier run, if its checksum is given.

        Raises:
            ValueError: if no run tags that document next.
        """
        if checksum is not None:
            index, rest = divmod(place - self.first, self.step)
            if rest or not 0 <= index <= self._count + MOST_AHEAD:
                raise ValueError(f"no document has the place {place}")
            self._checksums.extend([0] * (index + 1 - len(self._checksums)))
            self._checksums[index] = checksum
        self._count += 1
        self._ahead.add(place)
        while self.due in self._ahead:
            self._ahead.remove(self.due)
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
        """True while a document is missing before one that is tagged."""
        return bool(self._ahead)

    def __contains__(self, place: int) -> bool:
        return place < self.due or place in self._ahead

    def __len__(self) -> int:
        return self._count


def checksum(document: Document) -> int:
    """Return a checksum of all of a document that predictions keep: everything but its annotation."""
    facts = (document.id, document.tier, document.annotator, float(document.weight), document.year)
    passages = [(passage.section, passage.text, passage.tokens) for passage in document.passages]
    return crc32(json.dumps((facts, passages)).encode())


class PredictionJournal:
    """The documents that one process has tagged, in the order in which they come.

    A record is the place of the document in the input and the document: ``[7, {"id": ..., "passages": ...}]``.

    Args:
        path: The file; the documents that an interrupted run left there are taken over.
        done: The documents in the file are added to it, and those that are written.

    Raises:
        InputError: if another process is writing the file, or it is something else.
    """

    def __init__(self, path: Path, done: Done) -> None:
        self.path = path
        self.done = done
        self._journal = Journal(path, self._take)

    def open(self, settings: Settings) -> None:
        """Start or resume writing.

        Raises:
            InputError: if the documents in the file were tagged with other settings.
        """
        self._journal.open(settings)

    def write(self, documents: Mapping[int, Document]) -> None:
        """Append documents, by their places in the input.

        Raises:
            InputError: if they cannot be written, such as to a full disk, or the file is no longer there.
        """
        self._journal.write([place, record_of(document)] for place, document in documents.items())
        for place in documents:
            self.done.add(place)

    def check_there(self) -> None:
        """Check that the file is still under its name.

        Raises:
            InputError: if it was deleted or moved.
        """
        self._journal.check_there()

    def remove(self) -> None:
        """Delete the file, once the output holds its documents."""
        self._journal.remove()

    def close(self) -> None:
        """Stop writing."""
        self._journal.close()

    def _take(self, record: object) -> None:
        place, document = _numbered(record)
        self.done.add(place, checksum(document))


def documents_in(paths: Sequence[Path]) -> Iterator[Document]:
    """Yield the documents in the journals of all processes, which took turns, in the order of the input."""
    with ExitStack() as files:
        journals = [_lines(files.enter_context(path.open("rb"))) for path in paths]
        ordered = (in_order(lines, number, len(paths)) for number, lines in enumerate(journals))
        for _, line in merge(*ordered, key=itemgetter(0)):
            yield _numbered(json.loads(line))[1]


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield places and lines; a line that waits for its turn is smaller than its document."""
    file.readline()  # the settings
    for line in file:
        yield int(line[1 : line.index(b",")]), line


def _numbered(record: object) -> tuple[int, Document]:
    """Return the place and the document of a record.

    Raises:
        ValueError: if it is not a record of this journal.
    """
    match record:
        case [int(place), document]:
            return place, document_of(document)
        case _:
            raise ValueError("not a place and a document")
