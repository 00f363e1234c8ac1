"""GutBrainIE: the corpus and its submissions."""

from ner.corpora.gutbrainie.corpus import GutBrainIE

__all__ = ["GutBrainIE"]
