"""Corpora whose splits are files of one format."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ner.corpora.base import Corpus, Split
from ner.documents import Document, Span
from ner.errors import InputError
from ner.formats.base import Format, unknown_labels
from ner.io.paths import expanded


class FileCorpus(Corpus):
    """A file or folder for each split, in any format.

    Args:
        format: The format of the files. Predictions are written in it too, if it can hold them.
        labels: Entity types that the annotation may have; their order decides the tag ids. Or what the types of the
            annotation become: ``{SpecificDisease: Disease, CompositeMention: Disease, Modifier: null}`` renames, merges
            and, for ``null``, leaves out.
        train: File or folder of the training split.
        dev: That of the development split.
        test: That of the test split.
    """

    format: Format

    def __init__(
        self,
        format: Format,  # noqa: A002 - the name of its key in configurations
        labels: Sequence[str] | Mapping[str, str | None] = (),
        train: str | None = None,
        dev: str | None = None,
        test: str | None = None,
    ) -> None:
        self._renamed = labels if isinstance(labels, Mapping) else dict(zip(labels, labels, strict=True))
        kept = [label for label in self._renamed.values() if label is not None]
        # Types may be merged; a type that a list names twice is a mistake.
        self.labels = tuple(dict.fromkeys(kept) if isinstance(labels, Mapping) else labels)
        self.format = format.for_labels(tuple(self._renamed))
        self.prediction_format = format.for_labels(self.labels) if format.can_write_entities else None
        self._paths = {"train": train, "dev": dev, "test": test}

    def read(self, split: Split) -> Iterator[Document]:
        return self._labelled(self.format.read(path := self._path(split)), path)

    def read_share(self, split: Split, first: int, step: int) -> Iterator[tuple[int, Document]]:
        return self.format.without_annotation().read_share(self._path(split), first, step)

    def _labelled(self, documents: Iterable[Document], path: Path) -> Iterator[Document]:
        """Yield documents with the labels of the corpus, or as they are where it has none.

        Raises:
            InputError: at the end, if there are other labels in the annotation; it counts them.
        """
        if not self._renamed:
            yield from documents
            return
        unknown = Counter[str]()
        for document in documents:
            passages = []
            for passage in document.passages:
                unknown.update(span.label for span in passage.spans if span.label not in self._renamed)
                passages.append(replace(passage, spans=tuple(self._renamed_spans(passage.spans))))
            yield replace(document, passages=tuple(passages))
        if unknown:
            what = unknown_labels(unknown, "data.corpus.labels")
            fix = f"add them to data.corpus.labels, or leave them out, as in {{{next(iter(unknown))}: null}}"
            raise InputError(f"{path}: {what}; {fix}")

    def _renamed_spans(self, spans: Iterable[Span]) -> Iterator[Span]:
        """Yield spans with the labels of the corpus, once where several of their labels become one."""
        labels: dict[Span, str] = {}
        for span in spans:
            label = self._renamed.get(span.label)
            renamed = span if label is None else replace(span, label=label)
            if label is not None and labels.setdefault(renamed, span.label) == span.label:
                yield renamed

    def _path(self, split: Split) -> Path:
        path = self._paths[split]
        if path is None:
            raise InputError(f"data.corpus.{split}: no file is named for this split; name a file or folder")
        return expanded(path)
