"""Writes what `predict` finds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console

from ner.batches import Batch
from ner.corpora.gutbrainie import write_submission
from ner.decoding import TaggedChunk
from ner.documents import Document, Span
from ner.errors import InputError
from ner.files import check_writable
from ner.module import NERModule
from ner.processes import gathered

Found = dict[int, tuple[Document, dict[int, tuple[Span, ...]]]]


class PredictionWriter(Callback):
    """Collects the entities of all documents and writes them, in the order of the input, when all are tagged.

    Args:
        path: The file: submission JSON of GutBrainIE. ``None`` stands for ``predictions.json``, which the command line
            puts beside the checkpoint.
        scores: Whether each entity is written with its ``score``, its probability under the CRF.
        min_score: Entities that are less probable than this are left out.

    Attributes:
        is_reporting: Whether the file's path is printed when it is written.

    Raises:
        InputError: if ``min_score`` is no probability.
    """

    def __init__(self, path: str | None = None, scores: bool = False, min_score: float = 0.0) -> None:
        if not 0 <= min_score <= 1:
            raise InputError(f"predictions.min_score is {min_score}; a probability lies between 0 and 1")
        self.is_reporting = True
        self.scores = scores
        self.min_score = min_score
        self.path = "predictions.json" if path is None else path
        self._found: Found = {}

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, NERModule)  # the command line adds this callback to no other
        pl_module.with_confidence = self.scores or self.min_score > 0
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
            documents = [self._with_entities(*found[number]) for number in sorted(found)]
            write_submission(documents, Path(self.path), self.scores)
            entities = sum(len(passage.spans) for document in documents for passage in document.passages)
            console = Console(soft_wrap=True, quiet=not self.is_reporting)
            console.print(f"{len(documents)} documents, {entities} entities: {self.path}", markup=False)

    def _with_entities(self, document: Document, entities: Mapping[int, tuple[Span, ...]]) -> Document:
        passages = (
            replace(passage, spans=tuple(filter(self._is_kept, entities.get(number, ()))), annotated_until=None)
            for number, passage in enumerate(document.passages)
        )
        return replace(document, passages=tuple(passages))

    def _is_kept(self, span: Span) -> bool:
        return span.score is None or span.score >= self.min_score


def _merged(parts: Iterable[Found]) -> Found:
    merged: Found = {}
    for part in parts:
        for number, (document, entities) in part.items():
            merged.setdefault(number, (document, {}))[1].update(entities)
    return merged
