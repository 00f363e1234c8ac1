"""The base of corpora: splits of documents under a fixed list of labels."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

from ner.documents import Document
from ner.formats.base import Format, in_one_line

Split = Literal["train", "dev", "test"]


class Corpus(ABC):
    """Documents, split for training and evaluation.

    A corpus of your own is one subclass: it names its ``labels`` (a class constant, or set in ``__init__``), and reads
    its splits. ``__init__`` opens no file: labels are needed before the data is there, and a checkpoint that only tags
    new text never reads the splits.
    """

    labels: Sequence[str]
    # Name of the score of its documents in tables.
    score_name = "strict spans of characters"
    # The format of its own files, which other files to tag have too unless another is named.
    format: Format | None = None
    # The format in which predictions are written unless another is named.
    prediction_format: Format | None = None

    def prepare(self) -> None:  # noqa: B027 - most corpora have nothing to fetch
        """Fetch missing files. Called once per machine before anything is read; by default there is nothing to do."""

    @abstractmethod
    def read(self, split: Split) -> Iterator[Document]:
        """Yield the documents of a split, in the order of its files.

        Raises:
            InputError: if a file is missing or cannot be read as it should.
        """

    def read_share(self, split: Split, first: int, step: int) -> Iterator[tuple[int, Document]]:
        """Yield the documents number ``first``, ``first + step``, ... of a split, counted from 0, with their numbers.

        They are to be tagged, so that their annotation need not be read.

        Raises:
            InputError: as :meth:`read`.
        """
        return islice(enumerate(self.read(split)), first, None, step)


def documents_of(corpus: Corpus, split: Split) -> Iterator[Document]:
    """Yield the documents of a split of a corpus.

    Raises:
        InputError: if the corpus cannot read them, whatever the corpus itself raises.
    """
    return in_one_line(corpus.read(split), corpus, f"the {split} split")
