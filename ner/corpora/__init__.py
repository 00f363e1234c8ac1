"""Corpora and their file formats, one a file."""

from ner.corpora.base import Corpus, Split
from ner.corpora.gutbrainie import GutBrainIE
from ner.corpora.json_lines import JsonLines
from ner.corpora.pubtator import PubTator
from ner.corpora.sample import Sample

__all__ = ["Corpus", "GutBrainIE", "JsonLines", "PubTator", "Sample", "Split"]
