"""Corpora whose splits are files of one format."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

from ner.corpora.base import Corpus, Split
from ner.documents import Document
from ner.errors import InputError


class FileCorpus(Corpus):
    """A file or folder for each split, in the format of the subclass.

    Args:
        labels: Entity types that the annotation may have; their order decides the tag ids. What is only tagged or
            converted needs none.
        train: File or folder of the training split.
        dev: That of the development split.
        test: That of the test split.
    """

    # What the files of a folder end with.
    suffix: str

    def __init__(
        self, labels: Sequence[str] = (), train: str | None = None, dev: str | None = None, test: str | None = None
    ) -> None:
        self.labels = tuple(labels)
        self.paths = {"train": train, "dev": dev, "test": test}

    def read(self, split: Split) -> Iterator[Document]:
        path = self.paths[split]
        if path is None:
            raise InputError(f"data.corpus.{split}: no file is named for this split")
        yield from self.read_path(Path(path).expanduser())

    def read_path(self, path: Path) -> Iterator[Document]:
        if not path.is_dir():
            yield from self.read_file(path)
            return
        files = sorted(file for file in path.glob(f"*{self.suffix}") if not file.name.startswith("."))
        if not files:
            raise InputError(f"{path}: no *{self.suffix} file in this folder; name a file or a folder that has some")
        for file in files:
            yield from self.read_file(file)

    @abstractmethod
    def read_file(self, path: Path) -> Iterator[Document]:
        """The documents of one file.

        Raises:
            InputError: if it is missing or cannot be read as it should.
        """
