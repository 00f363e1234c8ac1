"""What a corpus is: splits of documents under a fixed list of labels."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from ner.documents import Document
from ner.errors import InputError

Split = Literal["train", "dev", "test"]


class Corpus(ABC):
    """Documents in a file format, split for training and evaluation.

    A corpus of one's own is one subclass: it names its ``labels`` (a class constant, or set in ``__init__``), and reads
    a file of its format. ``__init__`` opens no file: labels are needed before the data is there, and a checkpoint that
    only tags new text never reads the splits.
    """

    labels: Sequence[str]
    # What files of the format end with, and what a folder is searched for.
    suffixes: Sequence[str] = ()
    # Whether `write` makes a folder, not a file.
    writes_folder = False
    # What tables call the score of its documents.
    score_name = "strict spans of characters"

    def prepare(self) -> None:  # noqa: B027 - most corpora have nothing to fetch
        """Fetch what is missing. Called once per machine before anything is read; by default there is nothing to do."""

    @abstractmethod
    def read(self, split: Split) -> Iterator[Document]:
        """The documents of a split, in the order of its files.

        Raises:
            InputError: if a file is missing or cannot be read as it should.
        """

    @abstractmethod
    def read_path(self, path: Path) -> Iterator[Document]:
        """The documents of one file, or of the files of one folder, in this corpus's format, annotated or not.

        Raises:
            InputError: if the path is missing or cannot be read as it should.
        """

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents in this corpus's format.

        Raises:
            InputError: if there is no writer of it, or the file cannot be written.
        """
        raise InputError(f"{type(self).__name__} has no writer")

    def write_predictions(self, documents: Iterable[Document], path: Path) -> None:
        """Write what a tagger found: as :meth:`write`, unless the corpus has a format of its own for it.

        Raises:
            InputError: as :meth:`write`.
        """
        self.write(documents, path)

    @property
    def has_writer(self) -> bool:
        """Whether predictions can be written in its format."""
        kind = type(self)
        return kind.write is not Corpus.write or kind.write_predictions is not Corpus.write_predictions


def documents_of(corpus: Corpus, source: Split | Path) -> Iterator[Document]:
    """The documents of a split of a corpus, or of a file or folder in its format.

    Raises:
        InputError: if the corpus cannot read them, whatever the corpus itself raises.
    """
    try:
        yield from corpus.read_path(source) if isinstance(source, Path) else corpus.read(source)
    except InputError:
        raise
    except (OSError, ArithmeticError, LookupError, ValueError) as error:
        what = f"{source}" if isinstance(source, Path) else f"the {source} split"
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{type(corpus).__name__} cannot read {what}: {reason}") from error


def unique(documents: Iterable[Document]) -> Iterator[Document]:
    """Documents to write in a format in which each has an identifier of its own.

    Raises:
        InputError: if two have the same.
    """
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise InputError(f"document {document.id!r:.100}: another document has this id; give each its own")
        seen.add(document.id)
        yield document
