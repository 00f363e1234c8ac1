"""Plain text: one text a line."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ner.documents import Document, Passage
from ner.formats.base import FileFormat, Record
from ner.io.files import reading, stem, writing

BYTE_ORDER_MARK = "\ufeff"


@dataclass
class PlainText(FileFormat):
    """Texts without annotation, one a line.

    Each is a document of one passage. Its identifier is the number of its line: ``"1"``, ``"2"``; in a folder, where
    numbers alone would come twice, ``"<file stem>:1"``. Lines of nothing but white space are passed over, but counted.
    Only ``\\n`` and ``\\r\\n`` end a line.
    """

    suffixes = (".txt",)
    keeps_identifiers = False

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        prefix = f"{stem(file)}:" if folder else ""
        with reading(file) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield partial(_document, f"{prefix}{number}", line)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write texts alone: passages joined by blanks, line breaks as blanks, an empty text as an empty line."""
        with writing(path) as file:
            for number, document in enumerate(documents):
                text = " ".join(passage.text for passage in document.passages)
                if not number and text.startswith(BYTE_ORDER_MARK):
                    file.write(BYTE_ORDER_MARK)  # the first one is not read as a part of the text
                file.write(re.sub(r"[\r\n]", " ", text) + "\n")


def _document(name: str, line: str) -> Document:
    return Document(name, (Passage(line.removesuffix("\n").removesuffix("\r"), annotated_until=0),))
