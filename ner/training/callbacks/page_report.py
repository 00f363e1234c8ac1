"""The report on an evaluation as an HTML page."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import STEP_OUTPUT
from rich.console import Console

from ner.checkpoints.checkpoint import Checkpoint
from ner.documents import Document, Span
from ner.errors import InputError
from ner.inference.assembly import with_entities
from ner.inference.backends import TaggedTexts
from ner.io.files import write_text
from ner.metrics.annotation import annotation_of
from ner.preprocessing.collate import Batch
from ner.reports.evaluation import Wanted
from ner.reports.page.charts import Chart
from ner.reports.page.model import model_facts
from ner.reports.page.report import Sources, report_page
from ner.reports.page.training import training_charts
from ner.runtime import gathered
from ner.training.module import NERModule

Found = dict[int, tuple[Document, dict[int, tuple[Span, ...]]]]


class PageReport(Callback):
    """Writes the report on what `validate` or `test` tags as one HTML page.

    Args:
        path: The page.
        members: The checkpoint that is evaluated, or those of an ensemble.
        folder: Where the training is recorded: a run's folder, or that of one of its seeds.
    """

    def __init__(self, path: Path, members: Sequence[Checkpoint], folder: Path) -> None:
        self._path = path
        self._members = members
        self._folder = folder
        self._found: Found = {}

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._found = {}

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: STEP_OUTPUT,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert isinstance(outputs, Mapping)  # the steps of NERModule return nothing else
        tagged: TaggedTexts = outputs["tagged"]
        for chunk, number, spans in zip(tagged.texts.chunks, tagged.texts.numbers.tolist(), tagged.spans, strict=True):
            _, entities = self._found.setdefault(number, (chunk.document, {}))
            entities.update(chunk.project(spans))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._write(trainer, pl_module, "dev")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._write(trainer, pl_module, "test")

    on_test_start = on_validation_start
    on_test_batch_end = on_validation_batch_end

    def _write(self, trainer: Trainer, module: LightningModule, split: str) -> None:
        """Write the page, or say why there is none: what was trained or scored is not lost for it."""
        parts, self._found = gathered(self._found), {}
        if not trainer.is_global_zero:
            return
        assert isinstance(module, NERModule)  # the command line adds this callback to no other
        console = Console(soft_wrap=True)
        names = {"gold": f"{type(trainer.datamodule.corpus).__name__}, {split} split", "A": self._name()}  # type: ignore[attr-defined]
        documents = list(_named_apart(_whole(parts)))
        default = Wanted()
        try:
            sources = Sources(
                annotation_of((document for document, _ in documents), Path(names["gold"])),
                annotation_of((tagged for _, tagged in documents), Path(names["A"])),
                None,
                names,
                datetime.now().astimezone().date(),
                _charts(self._folder),
                model_facts(self._members, module.model.fingerprint()),
            )
            page = report_page(sources, (), "final", default.resamples, default.bootstrap_seed)
            write_text(page, self._path)
        except InputError as error:
            console.print(f"no report: {error}", markup=False, highlight=False)
        else:
            console.print(f"wrote {self._path}", markup=False, highlight=False)

    def _name(self) -> str:
        paths = [Path(member.name) for member in self._members]
        return "/".join(paths[0].parts[-3:]) if len(paths) == 1 else f"ensemble of {len(paths)} in {self._folder.name}"


def _whole(parts: Iterable[Found]) -> Iterator[tuple[Document, Document]]:
    """Yield each document of which all passages were tagged, as it was and as it is tagged, in order."""
    merged: Found = {}
    for part in parts:
        for number, (document, entities) in part.items():
            merged.setdefault(number, (document, {}))[1].update(entities)
    for _, (document, entities) in sorted(merged.items()):
        if len(entities) == len(document.passages):
            yield document, with_entities(document, entities)


def _named_apart(pairs: Iterable[tuple[Document, Document]]) -> Iterator[tuple[Document, Document]]:
    """Yield documents with a number after identifiers that a corpus repeats."""
    times = Counter[str]()
    for pair in pairs:
        name = pair[0].id
        times[name] += 1
        unique = name if times[name] == 1 else f"{name} ({times[name]})"
        yield replace(pair[0], id=unique), replace(pair[1], id=unique)


def _charts(folder: Path) -> list[Chart]:
    """Return the charts of a training; none where it kept no logs."""
    with suppress(InputError):
        return training_charts(folder)
    return []
