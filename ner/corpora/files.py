"""Corpora whose splits are files of one format."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ner.corpora.base import Corpus, Split
from ner.documents import Document
from ner.errors import InputError
from ner.formats.base import Format


class FileCorpus(Corpus):
    """A file or folder for each split, in any format.

    Args:
        format: The format of the files. Predictions are written in it too, if it can hold them.
        labels: Entity types that the annotation may have; their order decides the tag ids.
        train: File or folder of the training split.
        dev: That of the development split.
        test: That of the test split.
    """

    format: Format

    def __init__(
        self,
        format: Format,  # noqa: A002 - the name of its key in configurations
        labels: Sequence[str] = (),
        train: str | None = None,
        dev: str | None = None,
        test: str | None = None,
    ) -> None:
        self.labels = tuple(labels)
        self.format = format.for_labels(self.labels)
        self.prediction_format = self.format if self.format.can_write_entities else None
        self._paths = {"train": train, "dev": dev, "test": test}

    def read(self, split: Split) -> Iterator[Document]:
        return self.format.read(self._path(split))

    def read_share(self, split: Split, first: int, step: int) -> Iterator[tuple[int, Document]]:
        return self.format.read_share(self._path(split), first, step)

    def _path(self, split: Split) -> Path:
        path = self._paths[split]
        if path is None:
            raise InputError(f"data.corpus.{split}: no file is named for this split; name a file or folder")
        return Path(path).expanduser()
