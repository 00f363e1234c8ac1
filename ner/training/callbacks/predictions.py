"""The predictions of `predict`, written as documents are tagged."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from glob import escape
from hashlib import blake2b
from math import isfinite
from pathlib import Path
from tempfile import gettempdir

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn

from ner.documents import Document, Span
from ner.errors import InputError
from ner.formats.base import Format, format_options
from ner.formats.jsonl import JsonLines
from ner.inference.assembly import Assembler
from ner.inference.backends import TaggedTexts
from ner.inference.journal import Done, PredictionJournal, documents_in
from ner.inference.min_scores import MinScore, check_min_score, resolve
from ner.io.files import STANDARD, check_apart, check_writable
from ner.preprocessing.collate import Batch
from ner.runtime import gathered, rank
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule

# What the names of the files that wait beside the path add to its own.
PART = re.compile(r"\.part(\d+of\d+)?(\.lock)?")


class PredictionWriter(Callback):
    """Writes the entities of all documents, in the order of the input.

    Each document goes, as soon as it is tagged, to a file beside ``path`` that ends in ``.part``; a run that is started
    again after an interruption tags the others. At the end it is rewritten as ``path`` and removed.

    Args:
        path: The file, or the folder in formats of many files; ``-`` is standard output. By default ``predictions``,
            with the ending of the format, in ``folder``.
        format: The format, such as ``JsonLines``. By default that of ``data.predict_format``, else that of the corpus
            for predictions, else JSON Lines; GutBrainIE's is that of a submission.
        scores: Whether each entity is written with its ``score``, its probability under the CRF.
        min_score: Entities that are less probable than this are left out; ``auto`` takes what the checkpoint has, from
            its training or from `threshold`; 0 keeps all.
        folder: Where the file lies if no path is given.
        is_reporting: Whether the file's path is printed when it is written.

    Raises:
        InputError: if ``min_score`` is no probability, or the format holds no entities.
    """

    def __init__(
        self,
        path: str | None = None,
        format: Format | None = None,  # noqa: A002 - the name of its key in configurations
        scores: bool = False,
        min_score: MinScore = "auto",
        folder: Path | str = ".",
        is_reporting: bool = True,
    ) -> None:
        check_min_score(min_score)
        if format is not None and not format.can_write_entities:
            raise InputError(
                f"predictions.format: {type(format).__name__} cannot hold entities; JsonLines can, for one"
            )
        self.format = format
        self.scores = scores
        self.min_score = min_score
        self.path = path
        self.folder = Path(folder)
        self.is_reporting = is_reporting
        self._min_scores: dict[str, float] = {}
        self._target = self._place = Path()
        self._journal: PredictionJournal | None = None
        self._progress: Progress | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "predict":
            return
        data: NERDataModule = trainer.datamodule  # type: ignore[attr-defined]
        usual = data.predict_format if data.predict_path and data.predict_format else data.corpus.prediction_format
        self._format = self.format or (usual if usual and usual.can_write_entities else JsonLines())
        if self.scores and not self._format.holds_scores:
            name = type(self._format).__name__
            raise InputError(f"predictions.scores: {name} holds none; leave it out, or give --predictions.format")
        self._target = self._find_target()
        if data.predict_path is not None:
            source = data.format_of_input
            is_folder = self._format.writes_folder
            check_apart(Path(data.predict_path), self._target, source.suffixes, is_folder, source.companions)
        number, count = rank()
        if self._target == STANDARD and count > 1:
            raise InputError("predictions.path: several processes cannot share standard output; name a file")
        # What standard output gets waits elsewhere, and an interrupted run begins anew.
        own = Path(gettempdir()) / f"predictions-{os.getpid()}"
        self._place = own if self._target == STANDARD else self._target
        self._journal = PredictionJournal(_parts(self._place, count)[number], Done(number, count))
        data.leave_out(self._journal.done)
        self._assembler = Assembler()

    def on_predict_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # An ensemble is in its place only now.
        assert isinstance(pl_module, NERModule)  # the command line adds this callback to no other
        assert self._journal is not None
        data: NERDataModule = trainer.datamodule  # type: ignore[attr-defined]
        reading = blake2b(repr(sorted(data.state_dict().items())).encode(), digest_size=16).hexdigest()
        self._journal.open(
            {
                "checkpoint": pl_module.model.fingerprint(),
                "reading of texts": reading,
                "labels": list(pl_module.label_set.labels),
                "trainer.precision": trainer.precision,
            }
        )
        if trainer.is_global_zero and self._journal.done and self.is_reporting:
            Console(soft_wrap=True).print(
                f"going on: {len(self._journal.done)} documents are tagged in {self._journal.path}",
                markup=False,
                highlight=False,
            )
        if trainer.is_global_zero and trainer.progress_bar_callback is not None:
            self._progress = _progress(len(self._journal.done))

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: TaggedTexts,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        finished = self._assembler.add(outputs)
        assert self._journal is not None
        self._journal.write(finished)
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[0], len(finished))

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert self._journal is not None
        assert isinstance(pl_module, NERModule)  # the command line adds this callback to no other
        self._stop_progress()
        self._journal.check_there()
        # Which also waits until all have written.
        has_gaps = any(gathered(self._journal.done.has_gaps))
        if has_gaps and not any(map(isfinite, trainer.num_predict_batches)):
            raise InputError(f"{self._journal.path}: documents are missing in it; delete it to start over")
        if not trainer.is_global_zero:
            self._close()
            return
        self._min_scores = resolve(self.min_score, pl_module.min_scores, pl_module.label_set.labels)
        counts = Counter[str]()
        path = self._target
        parts = _parts(self._place, rank()[1])
        try:
            with format_options(lambda setting: f"predictions.format.{setting}" if self.format else ""):
                self._format.write((self._filtered(document, counts) for document in documents_in(parts)), path)
        except InputError as error:
            self._journal.check_there()
            kept = f"what was tagged is kept in {parts[0]}: the same command, corrected, writes it"
            raise InputError(f"{error}; {kept}") from None
        self._journal.remove()
        self._remove_parts()
        console = Console(soft_wrap=True, quiet=not self.is_reporting, stderr=path == STANDARD)
        console.print(f"{counts['documents']} documents, {counts['entities']} entities: {path}", markup=False)
        if counts["left out"] and self.min_score == "auto":
            fix = "--predictions.min_score 0 keeps them"
            console.print(f"left out, since they score below the checkpoint's min_scores: {counts['left out']}; {fix}")

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._close()
        if self._target == STANDARD:
            self._remove_parts()

    def _remove_parts(self) -> None:
        """Remove what was kept until the end, by a run with another number of processes too."""
        for part in self._place.parent.glob(f"{escape(self._place.name)}.part*"):
            if PART.fullmatch(part.name.removeprefix(self._place.name)):
                part.unlink(missing_ok=True)

    def _stop_progress(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _close(self) -> None:
        self._stop_progress()
        if self._journal is not None:
            self._journal.close()

    def _find_target(self) -> Path:
        """Return the file or folder to write, after a check that it can be written."""
        if self.path is not None:
            path = Path(self.path)
        else:
            ending = "" if self._format.writes_folder or not self._format.suffixes else self._format.suffixes[0]
            path = self.folder / f"predictions{ending}"
        check_writable(path, is_folder=self._format.writes_folder)
        return path

    def _filtered(self, document: Document, counts: Counter[str]) -> Document:
        passages = tuple(replace(passage, spans=tuple(self._kept(passage.spans))) for passage in document.passages)
        kept, found = (sum(len(passage.spans) for passage in each) for each in (passages, document.passages))
        counts.update({"documents": 1, "entities": kept, "left out": found - kept})
        return replace(document, passages=passages)

    def _kept(self, spans: Iterable[Span]) -> Iterator[Span]:
        for span in spans:
            if span.score is None or span.score >= self._min_scores.get(span.label, 0.0):
                yield span if self.scores else replace(span, score=None)


def _parts(path: Path, ranks: int) -> list[Path]:
    """Return the file of each process, which holds its documents until all processes have finished."""
    names = [f"{path.name}.part"] if ranks == 1 else [f"{path.name}.part{number}of{ranks}" for number in range(ranks)]
    return [path.with_name(name) for name in names]


def _progress(done: int) -> Progress:
    """Show, until the end, the number of documents, documents per second, and the time so far; no total is known."""
    columns = (SpinnerColumn(), TextColumn("{task.completed} documents"), _Speed(), TimeElapsedColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    progress.add_task("", total=None, completed=done)
    progress.start()
    return progress


class _Speed(ProgressColumn):
    def render(self, task: Task) -> str:
        speed = task.finished_speed or task.speed
        return "" if speed is None else f"{speed:.1f}/s"
