"""Corpora, one a file or folder: labels and splits of documents.

Every corpus is also a name of this package, ``ner.corpora.Sample``, and the command line knows it as ``Sample``. A new
corpus is a new file here and nothing else.
"""

from ner.corpora.base import Corpus, Split
from ner.io.discovery import subclasses

globals().update(subclasses(__name__, __path__, Corpus))

__all__ = ["Corpus", "Split"]
