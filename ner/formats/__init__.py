"""File formats, one a file: text to documents and back."""

import ner.corpora  # noqa: F401 - which names the formats
