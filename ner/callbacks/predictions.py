"""Writes what `predict` finds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from glob import escape
from hashlib import blake2b
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn

from ner.batches import Batch
from ner.corpora.base import Corpus
from ner.corpora.gutbrainie import write_submission
from ner.datamodule import NERDataModule
from ner.decoding import TaggedChunk
from ner.documents import Document, Span
from ner.errors import InputError
from ner.files import check_writable
from ner.module import NERModule
from ner.processes import rank
from ner.spool import Spool, documents_in

Entities = dict[int, tuple[Span, ...]]


class PredictionWriter(Callback):
    """Writes the entities of all documents, in the order of the input.

    Each document goes, as soon as it is tagged, to a file beside ``path`` that ends in ``.part``; a run that is started
    again after it was cut off goes on behind the last of them. At the end it is rewritten as ``path`` and removed.

    Args:
        path: The file. ``None`` stands for ``predictions.json``, which the command line puts beside the checkpoint.
        writer: The format: a corpus that can write, such as ``JsonLines``; by default the submission JSON of
            GutBrainIE.
        scores: Whether each entity is written with its ``score``, its probability under the CRF.
        min_score: Entities that are less probable than this are left out.

    Attributes:
        is_reporting: Whether the file's path is printed when it is written.

    Raises:
        InputError: if ``min_score`` is no probability, or the writer cannot write.
    """

    def __init__(
        self, path: str | None = None, writer: Corpus | None = None, scores: bool = False, min_score: float = 0.0
    ) -> None:
        if not 0 <= min_score <= 1:
            raise InputError(f"predictions.min_score is {min_score}; a probability lies between 0 and 1")
        if writer is not None and type(writer).write is Corpus.write:
            raise InputError(f"predictions.writer: {type(writer).__name__} has no writer; JsonLines has, for one")
        self.is_reporting = True
        self.writer = writer
        self.scores = scores
        self.min_score = min_score
        self.path = "predictions.json" if path is None else path
        self._spool: Spool | None = None
        self._progress: Progress | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "predict":
            return
        check_writable(Path(self.path))
        number, count = rank()
        self._spool = Spool(_parts(Path(self.path), count)[number])
        assert isinstance(trainer.datamodule, NERDataModule)  # type: ignore[attr-defined]
        trainer.datamodule.done = self._spool.done  # type: ignore[attr-defined]
        self._next = number + count * self._spool.done
        self._found: dict[int, tuple[Document, Entities]] = {}

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, NERModule)  # the command line adds this callback to no other
        pl_module.with_confidence = self.scores or self.min_score > 0

    def on_predict_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # An ensemble is in its place only now.
        assert isinstance(pl_module, NERModule)
        assert self._spool is not None
        data: NERDataModule = trainer.datamodule  # type: ignore[attr-defined]
        reading = blake2b(repr(sorted(data.state_dict().items())).encode(), digest_size=16).hexdigest()
        self._spool.open(
            {
                "input": data.predict_digest,
                "checkpoint": pl_module.tagger.fingerprint(),
                "reading of texts": reading,
                "labels": list(pl_module.label_set.labels),
                "predictions.scores": pl_module.with_confidence,
                "predictions.min_score": self.min_score,
            }
        )
        if trainer.is_global_zero and self._spool.done and self.is_reporting:
            Console(soft_wrap=True).print(
                f"going on behind {self._spool.done} documents of {self._spool.path}", markup=False, highlight=False
            )
        if trainer.is_global_zero and trainer.progress_bar_callback is not None:
            self._progress = _progress(-(-data.predict_count // rank()[1]), self._spool.done)

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Sequence[TaggedChunk],
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        finished = 0
        for tagged in outputs:
            document = tagged.chunk.chunk.document
            _, entities = self._found.setdefault(tagged.chunk.document_number, (document, {}))
            entities.update(tagged.entities)
            finished += _is_finished(document, entities)
        assert self._spool is not None
        self._spool.write(list(self._ready()))
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[0], finished)

    def _ready(self) -> Iterator[Document]:
        """The documents that are finished, as far as none before them is missing."""
        while self._next in self._found and _is_finished(*self._found[self._next]):
            document, entities = self._found[self._next]
            del self._found[self._next]
            self._next += rank()[1]
            yield self._with_entities(document, entities)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._close()
        trainer.strategy.barrier()
        if not trainer.is_global_zero:
            return
        counts = {"documents": 0, "entities": 0}
        path = Path(self.path)
        parts = _parts(path, rank()[1])
        self._write(_counted(documents_in(parts), counts), path)
        # Those of a run with another number of processes too.
        for part in path.parent.glob(f"{escape(path.name)}.part*"):
            part.unlink()
        console = Console(soft_wrap=True, quiet=not self.is_reporting)
        console.print(f"{counts['documents']} documents, {counts['entities']} entities: {path}", markup=False)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        if self._spool is not None:
            self._spool.close()

    def _write(self, documents: Iterable[Document], path: Path) -> None:
        if self.writer is None:
            write_submission(documents, path, self.scores)
        else:
            self.writer.write(documents, path)

    def _with_entities(self, document: Document, entities: Mapping[int, tuple[Span, ...]]) -> Document:
        passages = (
            replace(passage, spans=tuple(self._kept(entities[number])), annotated_until=None)
            for number, passage in enumerate(document.passages)
        )
        return replace(document, passages=tuple(passages))

    def _kept(self, spans: Iterable[Span]) -> Iterator[Span]:
        for span in spans:
            if span.score is None or span.score >= self.min_score:
                yield span if self.scores else replace(span, score=None)


def _is_finished(document: Document, entities: Entities) -> bool:
    """Whether all passages are tagged."""
    return len(entities) == len(document.passages)


def _parts(path: Path, ranks: int) -> list[Path]:
    """What each of some processes writes until all of them have finished."""
    names = [f"{path.name}.part"] if ranks == 1 else [f"{path.name}.part{number}of{ranks}" for number in range(ranks)]
    return [path.with_name(name) for name in names]


def _counted(documents: Iterable[Document], counts: dict[str, int]) -> Iterator[Document]:
    for document in documents:
        counts["documents"] += 1
        counts["entities"] += sum(len(passage.spans) for passage in document.passages)
        yield document


def _progress(total: int, done: int) -> Progress:
    """A bar over documents, with how many a second and the time left."""
    columns = (BarColumn(), MofNCompleteColumn(), "documents", _Speed(), TimeRemainingColumn())
    progress = Progress(*columns)
    progress.add_task("", total=total, completed=done)
    progress.start()
    return progress


class _Speed(ProgressColumn):
    def render(self, task: Task) -> str:
        speed = task.finished_speed or task.speed
        return "" if speed is None else f"{speed:.1f}/s"
