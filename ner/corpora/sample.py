"""The toy corpus that ships with the package."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from ner.corpora.base import Corpus, Split
from ner.corpora.gutbrainie.corpus import GutBrainIE
from ner.documents import Document

log = logging.getLogger(__name__)

# Beside the splits lies ``encoder``: configuration and tokenizer of a tiny BERT, without weights.
FOLDER = Path(__file__).parent / "sample_data"


class Sample(Corpus):
    """Some 70 invented documents with the labels and in the JSON of GutBrainIE, to try everything out in minutes.

    The texts were written for this project: nothing they say was ever found, and nothing is taken from PubMed. They
    repeat a few words of each type, beside every shape of annotation that is easy to get wrong. Scores on it are those
    of a toy: they tell that a model learns, not how well it does on real texts.
    """

    labels = GutBrainIE.labels
    suffixes = GutBrainIE.suffixes
    score_name = GutBrainIE.score_name

    def prepare(self) -> None:
        """Say what the scores are worth."""
        log.warning("The sample corpus is a toy, and scores on it are those of a toy: they say nothing of real texts.")

    def read(self, split: Split) -> Iterator[Document]:
        """The documents of a split; those of test have no annotation."""
        return self.read_path(FOLDER / f"{split}.json")

    def read_path(self, path: Path) -> Iterator[Document]:
        """The documents of a file, or of the files of a folder, in the JSON of GutBrainIE."""
        return GutBrainIE().read_path(path)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write annotated documents in the JSON of GutBrainIE."""
        GutBrainIE().write(documents, path)

    def write_predictions(self, documents: Iterable[Document], path: Path) -> None:
        """Write entities in the submission format of GutBrainIE."""
        GutBrainIE().write_predictions(documents, path)
