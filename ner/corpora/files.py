"""Corpora whose splits are files of one format."""

import logging
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from ner.corpora.base import Corpus, Split
from ner.documents import Document
from ner.errors import InputError

log = logging.getLogger(__name__)

SKIP_OPTION = "--data.corpus.on_bad_span skip"


class FileCorpus(Corpus):
    """A file or folder for each split, in the format of the subclass.

    Args:
        labels: Entity types that the annotation may have; their order decides the tag ids. What is only tagged or
            converted needs none.
        train: File or folder of the training split.
        dev: That of the development split.
        test: That of the test split.
        on_bad_span: Whether an annotation that does not fit its text is an error, or left out with a warning.
    """

    def __init__(
        self,
        labels: Sequence[str] = (),
        train: str | None = None,
        dev: str | None = None,
        test: str | None = None,
        on_bad_span: Literal["error", "skip"] = "error",
    ) -> None:
        self.labels = tuple(labels)
        self.paths = {"train": train, "dev": dev, "test": test}
        self.on_bad_span = on_bad_span

    def read(self, split: Split) -> Iterator[Document]:
        path = self.paths[split]
        if path is None:
            raise InputError(f"data.corpus.{split}: no file is named for this split")
        yield from self.read_path(Path(path).expanduser())

    def read_path(self, path: Path) -> Iterator[Document]:
        if not path.is_dir():
            yield from self.read_file(path)
            return
        files = sorted(
            file for file in path.iterdir() if file.name.endswith(tuple(self.suffixes)) and file.name[0] != "."
        )
        if not files:
            listed = " or ".join(f"*{suffix}" for suffix in self.suffixes)
            raise InputError(f"{path}: no {listed} file in this folder; name a file or a folder that has some")
        for file in files:
            yield from self.read_file(file)

    @abstractmethod
    def read_file(self, path: Path) -> Iterator[Document]:
        """The documents of one file.

        Raises:
            InputError: if it is missing or cannot be read as it should.
        """

    def reject_span(self, where: str, what: str) -> None:
        """Refuse an annotation that does not fit its text, or say that it is left out.

        Raises:
            InputError: unless such annotation is to be skipped.
        """
        if self.on_bad_span == "error":
            raise InputError(f"{where}: {what}; correct it, or set on_bad_span: skip, as in {SKIP_OPTION}")
        log.warning("%s: left out: %s", where, what)
