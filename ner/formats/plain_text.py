"""Plain text: one text a line."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ner.corpora.files import FileCorpus
from ner.documents import Document, Passage
from ner.errors import InputError
from ner.io.files import reading, writing


class PlainText(FileCorpus):
    """Texts without annotation, one a line.

    Each is a document of one passage, called by the number of its line: ``"1"``, ``"2"``; in a folder, where numbers
    alone would come twice, ``"<file stem>:1"``. Lines of nothing but white space are passed over, but counted. Only
    ``\\n`` and ``\\r\\n`` end a line.
    """

    suffixes = (".txt",)

    def read_path(self, path: Path) -> Iterator[Document]:
        for document in super().read_path(path):
            yield document if path.is_dir() else replace(document, id=document.id.rpartition(":")[2])

    def read_file(self, path: Path) -> Iterator[Document]:
        with reading(path) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    text = line.removesuffix("\n").removesuffix("\r")
                    yield Document(f"{path.stem}:{number}", (Passage(text, annotated_until=0),))

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write texts alone: passages joined by blanks, line breaks as blanks, an empty text as an empty line."""
        with writing(path) as file:
            for document in documents:
                text = " ".join(passage.text for passage in document.passages)
                file.write(re.sub(r"[\r\n]", " ", text) + "\n")

    def write_predictions(self, documents: Iterable[Document], path: Path) -> None:
        raise InputError(f"{path}: plain text holds no entities; write another format, such as JsonLines")

    @property
    def has_writer(self) -> bool:
        """No: texts can be written, but nothing that was found in them."""
        return False
