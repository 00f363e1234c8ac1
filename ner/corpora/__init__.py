"""Corpora and their file formats, one a file."""

from ner.corpora.base import Corpus, Split
from ner.corpora.gutbrainie.corpus import GutBrainIE
from ner.corpora.sample import Sample
from ner.formats.bioc import BioCJSON, BioCXML
from ner.formats.brat import Brat
from ner.formats.conll import CoNLL
from ner.formats.jsonl import JsonLines
from ner.formats.plain_text import PlainText
from ner.formats.pubtator import PubTator

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
