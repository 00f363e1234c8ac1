"""File formats, one a file: text to documents and back.

Every format is also a name of this package, ``ner.formats.PubTator``, and the command line knows it as ``PubTator``. A
new format is a new file here and nothing else.
"""

from ner.formats.base import Format
from ner.io.discovery import subclasses

FORMATS: dict[str, type[Format]] = subclasses(__name__, __path__, Format)
globals().update(FORMATS)

__all__ = ["Format"]
