"""A corpus of a user's own: labels and splits, and nothing else."""

from collections.abc import Iterator

import pytest

from ner.corpora import Corpus, Split
from ner.corpora.base import documents_of
from ner.documents import Document, Passage
from ner.errors import InputError

DOCUMENTS = [Document(str(number), (Passage("Mice ate."),)) for number in range(5)]


class Own(Corpus):
    """Five documents, of which the test split is broken in its middle."""

    labels = ("animal",)

    def read(self, split: Split) -> Iterator[Document]:
        yield from DOCUMENTS[:3]
        if split == "test":
            raise KeyError("a column\nis missing")
        yield from DOCUMENTS[3:]


def test_it_needs_labels_and_splits_alone() -> None:
    corpus = Own()
    corpus.prepare()
    assert (corpus.format, corpus.prediction_format) == (None, None)
    assert list(documents_of(corpus, "dev")) == DOCUMENTS


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_its_processes_share_the_documents(count: int) -> None:
    shares = [list(Own().read_share("dev", first, count)) for first in range(count)]
    assert sorted(pair for share in shares for pair in share) == list(enumerate(DOCUMENTS))
    assert all(number % count == first for first, share in enumerate(shares) for number, _ in share)


def test_an_error_of_its_own_is_one_line_that_names_it() -> None:
    with pytest.raises(InputError, match=r"^Own cannot read the test split: KeyError: 'a column\\nis missing'$"):
        list(documents_of(Own(), "test"))
