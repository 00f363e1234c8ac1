"""The base of file formats."""

import logging
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeAlias, TypeVar

from ner.documents import Document
from ner.errors import InputError
from ner.formats._quoting import shown_name
from ner.io.files import COMPRESSED

log = logging.getLogger(__name__)

T = TypeVar("T")
# A document that is found in a file but not parsed yet; the call parses it.
Record: TypeAlias = Callable[[], Document]
# Ends messages about a bad span.
SKIP = "set on_bad_span: skip for the format"
SKIP_DUPLICATE = "set on_duplicate: skip for the format"
SHOWN_LABELS = 200
# Kinds of what is left out where a format is set to skip it.
BAD_SPANS = "spans that do not fit"
DISCONTINUOUS = "discontinuous spans"
DUPLICATES = "documents with an identifier of another"


class GapError(ValueError):
    """An annotation whose parts have text between them."""


@dataclass(kw_only=True)
class Format(ABC):
    """A file format that documents are read from and, in most formats, written to.

    A format of your own is one subclass with ``read``, and ``write`` if it can be written; options are fields of a
    dataclass. Where finding a document is cheaper than parsing it, make it a :class:`FileFormat`.

    Args:
        on_bad_span: Refuse an annotation that does not fit its text, or leave it out with a warning.
        on_duplicate: Refuse a document whose identifier has come before, or leave it out with a warning.
        annotation: Read the annotation, or texts alone, whatever stands in its place.
    """

    # Endings of the format's files, to which compression adds .gz. A folder is searched for them.
    suffixes: ClassVar[Sequence[str]] = ()
    can_read: ClassVar[bool] = True
    # Formats that cannot write at all, or only texts, cannot hold predictions.
    can_write_entities: ClassVar[bool] = False
    writes_folder: ClassVar[bool] = False
    reads_subfolders: ClassVar[bool] = False
    # Endings of files that belong to a text of the format.
    companions: ClassVar[tuple[str, ...]] = ()
    holds_scores: ClassVar[bool] = True
    keeps_identifiers: ClassVar[bool] = True
    # False where the service does not read it: files of another format look the same, or a small one fills the memory.
    is_read_by_service: ClassVar[bool] = True
    # What a file begins with that can be of this format alone, though others have its ending too.
    beginning: ClassVar[re.Pattern[bytes] | None] = None

    on_bad_span: Literal["error", "skip"] = "error"
    on_duplicate: Literal["error", "skip"] = "error"
    annotation: bool = True
    # Number of things that the last reading did not keep, by kind, such as relations.
    not_read: Counter[str] = field(default_factory=Counter, init=False, repr=False, compare=False)

    @abstractmethod
    def read(self, path: Path) -> Iterator[Document]:
        """Yield the documents of a file or, file by file in the order of their names, of a folder.

        Raises:
            InputError: if the path is missing or cannot be read as it should.
        """

    def read_share(self, path: Path, first: int, step: int) -> Iterator[tuple[int, Document]]:
        """Yield the documents number ``first``, ``first + step``, ... of a path, counted from 0, with their numbers.

        Raises:
            InputError: as :meth:`read`.
        """
        return islice(enumerate(self.read(path)), first, None, step)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents to a file or, if ``writes_folder``, to a new folder.

        Raises:
            InputError: if the format cannot hold them, or the path cannot be written.
        """
        raise InputError(f"{type(self).__name__} cannot be written; choose another format, such as JsonLines")

    def for_labels(self, labels: Sequence[str]) -> Self:
        """Return the format as files of a corpus with these entity types have it; most formats need not know them."""
        return self

    def without_annotation(self) -> Self:
        """Return the format as it is read to tag its texts, which no annotation can stop."""
        texts = copy(self)
        texts.annotation = False
        return texts

    def reject_span(self, where: str, what: str | ValueError) -> None:
        """Refuse an annotation that does not fit its text, or log and count that it is left out.

        Raises:
            InputError: unless ``on_bad_span`` is ``skip``.
        """
        if self.on_bad_span == "error":
            raise InputError(f"{where}: {what}; correct it, or {SKIP}")
        log.warning("%s: left out: %s", where, what)
        self.not_read[DISCONTINUOUS if isinstance(what, GapError) else BAD_SPANS] += 1

    def is_new(self, name: str, seen: set[str], where: str) -> bool:
        """Note the identifier of a document, and return if it is to be read: it has not come before.

        Raises:
            InputError: if it came before, unless ``on_duplicate`` is ``skip``.
        """
        if name in seen:
            self.reject_duplicate(name, where)
            return False
        seen.add(name)
        return True

    def reject_duplicate(self, name: str, where: str) -> None:
        """Refuse a document whose identifier came before, or log and count that it is left out.

        Raises:
            InputError: unless ``on_duplicate`` is ``skip``.
        """
        what = f"{name!r:.100} has come before"
        if self.on_duplicate == "error":
            raise InputError(f"{where}: {what}; keep one of them, rename one, or {SKIP_DUPLICATE}")
        log.warning("%s: left out: %s", where, what)
        self.not_read[DUPLICATES] += 1


@dataclass
class FileFormat(Format):
    """A format whose files are found, and their documents told apart, before any document is parsed."""

    # Identifiers that the present reading has come across, in all files of a folder.
    _seen: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    @abstractmethod
    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        """Yield the documents of a file, not parsed yet.

        Args:
            file: The file.
            folder: The folder that is read, if not the file alone is.

        Raises:
            InputError: if the file is missing or cannot be read as it should.
        """

    def seen_in(self, folder: Path | None) -> set[str]:
        """Return the identifiers that documents of a file may not have: those of earlier files of the folder."""
        return set() if folder is None else self._seen

    def files(self, folder: Path) -> list[Path]:
        """Return the files of a folder that are of this format, by name; those that begin with a dot are hidden.

        A compressed file is left out where it lies beside the same one as it is.

        Raises:
            InputError: if one is a link that leads nowhere.
        """
        found = sorted(
            file
            for file in folder.iterdir()
            if file.name.removesuffix(COMPRESSED).endswith(tuple(self.suffixes))
            and not file.name.startswith(".")
            and is_there(file)
        )
        copies = {f"{file.name}{COMPRESSED}" for file in found}
        return [file for file in found if file.name not in copies]

    def read(self, path: Path) -> Iterator[Document]:
        return (document for _, document in self.read_share(path, 0, 1))

    def read_share(self, path: Path, first: int, step: int) -> Iterator[tuple[int, Document]]:
        self.not_read.clear()
        self._seen.clear()
        for number, record in islice(enumerate(self._all_records(path)), first, None, step):
            yield number, record()
        if left_out := [kind for kind in (BAD_SPANS, DISCONTINUOUS, DUPLICATES) if self.not_read[kind]]:
            log.warning("%s: left out: %s", path, ", ".join(f"{self.not_read[kind]} {kind}" for kind in left_out))

    def _all_records(self, path: Path) -> Iterator[Record]:
        if not path.is_dir():
            return self.records(path, None)
        return chain.from_iterable(self.records(file, path) for file in self._some_files(path))

    def _some_files(self, folder: Path) -> Iterator[Path]:
        files = self.files(folder)
        if not files:
            listed = " or ".join(f"*{suffix}" for suffix in self.suffixes)
            raise InputError(f"{folder}: no {listed} file in this folder; name a file or a folder that has some")
        yield from files


def is_there(file: Path) -> bool:
    """Return if a path in a folder is that of a file.

    Raises:
        InputError: if it is a link that leads nowhere, whose documents would be missed in silence.
    """
    if file.is_symlink() and not file.exists():
        raise InputError(f"{file}: a link that leads nowhere; fetch the file, or remove the link")
    return file.is_file()


def documents_at(path: Path, source: Format, option: str = "") -> Iterator[Document]:
    """Yield the documents of a file or folder in a format.

    Args:
        path: The file or folder.
        source: The format.
        option: The option that named it, without dashes, for messages that advise a setting of it.

    Raises:
        InputError: if the format cannot read them, whatever the format itself raises.
    """
    with format_options(lambda setting: f"{option}.{setting}" if option else ""):
        yield from in_one_line(source.read(path), source, str(path))


def in_one_line(found: Iterable[T], reader: object, source: str) -> Iterator[T]:
    """Yield what a reader finds, and turn an error of a class that is not the project's into one line.

    Raises:
        InputError: if reading fails.
    """
    try:
        yield from found
    except InputError:
        raise
    except (OSError, ArithmeticError, LookupError, ValueError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{type(reader).__name__} cannot read {source}: {reason}") from error


@contextmanager
def format_options(option: Callable[[str], str]) -> Iterator[None]:
    """Let messages that speak of a setting of a format name its option.

    Args:
        option: Returns the option of a setting, without dashes; empty if there is none.

    Raises:
        InputError: the same with another message.
    """

    def advised(found: re.Match[str]) -> str:
        name = option(found[1])
        return f"give --{name} {found[2]}" if name else found[0]

    def named(found: re.Match[str]) -> str:
        name = option(found[1])
        return f"--{name}" if name else found[0]

    try:
        yield
    except InputError as error:
        text = re.sub(r"set (\w+): (\w+) for the format", advised, str(error))
        raise InputError(re.sub(r"the format's (\w+)", named, text)) from error


def unknown_labels(counts: Counter[str], known: str = "the format's labels") -> str:
    """Return the part of a message that lists labels with their counts, the most frequent first."""
    listed = [f"{shown_name(label)} ({count})" for label, count in counts.most_common(SHOWN_LABELS)]
    others = f", and {len(counts) - len(listed)} more" if len(counts) > len(listed) else ""
    return f"labels that are not in {known}: {', '.join(listed)}{others}"


def unique(documents: Iterable[Document]) -> Iterator[Document]:
    """Yield documents to write in a format in which each has an identifier of its own.

    Raises:
        InputError: if two have the same.
    """
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise InputError(f"document {document.id!r:.100}: another document has this id; give each its own")
        seen.add(document.id)
        yield document
