"""Corpora and their file formats, one a file."""

from ner.corpora.base import Corpus, Split
from ner.corpora.bioc import BioCJSON, BioCXML
from ner.corpora.brat import Brat
from ner.corpora.conll import CoNLL
from ner.corpora.gutbrainie import GutBrainIE
from ner.corpora.json_lines import JsonLines
from ner.corpora.plain_text import PlainText
from ner.corpora.pubtator import PubTator
from ner.corpora.sample import Sample

__all__ = [
    "BioCJSON",
    "BioCXML",
    "Brat",
    "CoNLL",
    "Corpus",
    "GutBrainIE",
    "JsonLines",
    "PlainText",
    "PubTator",
    "Sample",
    "Split",
]
