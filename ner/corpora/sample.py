"""The toy corpus that ships with the package."""

import logging
from collections.abc import Iterator
from pathlib import Path

from ner.corpora.base import Corpus, Split
from ner.corpora.gutbrainie.corpus import GutBrainIE
from ner.documents import Document

log = logging.getLogger(__name__)

# Beside the splits lies ``encoder``: configuration and tokenizer of a tiny BERT, without weights.
FOLDER = Path(__file__).parent / "sample_data"


class Sample(Corpus):
    """Some 70 invented documents with the labels and in the JSON of GutBrainIE, to try everything out in minutes.

    The texts were written for this project: they report no findings, and nothing is taken from PubMed. They repeat a
    few words of each type, beside every shape of annotation that is easy to get wrong. Scores on it show that a model
    learns, not how well it does on real texts.
    """

    labels = GutBrainIE.labels
    score_name = GutBrainIE.score_name
    format = GutBrainIE.format
    prediction_format = GutBrainIE.prediction_format

    def prepare(self) -> None:
        """Log what the scores are worth."""
        log.warning("The sample corpus is a toy, and scores on it are those of a toy: they say nothing of real texts.")

    def read(self, split: Split) -> Iterator[Document]:
        """Yield the documents of a split; those of test have no annotation."""
        return self.format.read(FOLDER / f"{split}.json")
