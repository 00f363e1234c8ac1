"""Writes what `predict` finds."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console

from ner.batches import Batch
from ner.corpora.gutbrainie import write_submission
from ner.decoding import TaggedChunk
from ner.documents import Document, Span
from ner.files import check_writable
from ner.processes import gathered

Found = dict[int, tuple[Document, dict[int, tuple[Span, ...]]]]


class PredictionWriter(Callback):
    """Collects the entities of all documents and writes them, in the order of the input, when all are tagged.

    Args:
        path: The file: submission JSON of GutBrainIE. ``None`` stands for ``predictions.json``, which the command line
            puts beside the checkpoint.
    """

    def __init__(self, path: str | None = None) -> None:
        self.path = "predictions.json" if path is None else path
        self._found: Found = {}

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            check_writable(Path(self.path))
        self._found = {}

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Sequence[TaggedChunk],
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        for tagged in outputs:
            document = tagged.chunk.chunk.document
            _, entities = self._found.setdefault(tagged.chunk.document_number, (document, {}))
            entities.update(tagged.entities)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        found = _merged(gathered(self._found))
        if trainer.is_global_zero:
            documents = [_with_entities(*found[number]) for number in sorted(found)]
            write_submission(documents, Path(self.path))
            entities = sum(len(passage.spans) for document in documents for passage in document.passages)
            Console(soft_wrap=True).print(f"{len(documents)} documents, {entities} entities: {self.path}", markup=False)


def _merged(parts: Iterable[Found]) -> Found:
    merged: Found = {}
    for part in parts:
        for number, (document, entities) in part.items():
            merged.setdefault(number, (document, {}))[1].update(entities)
    return merged


def _with_entities(document: Document, entities: dict[int, tuple[Span, ...]]) -> Document:
    passages = (
        replace(passage, spans=entities.get(number, ()), annotated_until=None)
        for number, passage in enumerate(document.passages)
    )
    return replace(document, passages=tuple(passages))
