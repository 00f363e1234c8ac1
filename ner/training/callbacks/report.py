"""Tables of scores, and the paths of the files that a run wrote."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import STEP_OUTPUT
from rich.console import Console

from ner.inference.backends import TaggedTexts
from ner.metrics.official import Counts, Figures, Score
from ner.preprocessing.collate import Batch
from ner.reports.score_table import score_table
from ner.runtime import gathered
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule

STRICT = "seqeval, strict IOB2"
TagPaths = list[tuple[list[int], list[int]]]


class ScoreReport(Callback):
    """Prints the score of character spans and seqeval's strict IOB2 score after an evaluation.

    After `fit` it prints the dev score of the best epoch, and the paths of the files.
    """

    def __init__(self) -> None:
        self._console = Console(soft_wrap=True)
        self._paths: TagPaths = []
        self._best: tuple[int, Score] | None = None
        self._value: float | None = None

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._paths = []

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._paths = []

    def state_dict(self) -> dict[str, object]:
        """Return the best epoch so far, as plain types."""
        if self._best is None:
            return {}
        epoch, score = self._best
        return {
            "value": self._value,
            "epoch": epoch,
            "macro": list(score.macro),
            "micro": list(score.micro),
            "labels": {label: list(figures) for label, figures in score.labels.items()},
            "counts": {label: list(counts) for label, counts in score.counts.items()},
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if state_dict:
            labels = {label: Figures(*values) for label, values in state_dict["labels"].items()}
            counts = {label: Counts(*values) for label, values in state_dict.get("counts", {}).items()}
            score = Score(Figures(*state_dict["macro"]), Figures(*state_dict["micro"]), labels, counts)
            self._best, self._value = (state_dict["epoch"], score), state_dict.get("value")

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: STEP_OUTPUT,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if trainer.state.fn == TrainerFn.FITTING:
            return
        assert isinstance(outputs, Mapping)  # the steps of NERModule return nothing else
        tagged: TaggedTexts = outputs["tagged"]
        begins, annotated = tagged.texts.unit_borders, tagged.texts.annotated
        for path, begin, known in zip(tagged.paths, begins, annotated, strict=False):
            self._paths.append((tagged.texts.tags[begin : begin + known].tolist(), path[:known].tolist()))

    on_test_batch_end = on_validation_batch_end

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = _module(pl_module)
        score = module.scores["val"]
        if trainer.state.fn != TrainerFn.FITTING:
            self._print_both("dev", score, module, trainer)
        elif self._is_best(trainer):
            self._best = (trainer.current_epoch, score)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = _module(pl_module)
        self._print_both("test", module.scores["test"], module, trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        written = _written(trainer)
        if not trainer.is_global_zero:
            return
        if self._best is not None:
            epoch, score = self._best
            planned = trainer.max_epochs or 0
            number = f"{epoch + 1} of {planned}" if planned > 0 else f"{epoch + 1}"
            self._console.print(score_table(f"dev, epoch {number} (the best): {_score_name(trainer)}", score))
        for path in written:
            self._console.print(f"wrote {path}", markup=False, highlight=False)

    def _is_best(self, trainer: Trainer) -> bool:
        """Return whether this epoch is the best so far, by the metric that `best.ckpt` follows."""
        checkpoint = best_checkpoint(trainer)
        if checkpoint is None or checkpoint.monitor not in trainer.callback_metrics:
            return True
        if (trainer.current_epoch + 1) % max(checkpoint._every_n_epochs, 1):  # then it writes no file
            return False
        value = float(trainer.callback_metrics[checkpoint.monitor])
        is_better = self._value is None or (value < self._value if checkpoint.mode == "min" else value > self._value)
        self._value = value if is_better else self._value
        return is_better

    def _print_both(self, split: str, score: Score, module: NERModule, trainer: Trainer) -> None:
        paths = [pair for part in gathered(self._paths) for pair in part]
        if not trainer.is_global_zero:
            return
        names = module.label_set.tags
        gold, found = ([[names[tag] for tag in pair[side]] for pair in paths] for side in (0, 1))
        self._console.print(score_table(f"{split}: {_score_name(trainer)}", score))
        from ner.metrics.seqeval import strict_report  # noqa: PLC0415 - it loads scikit-learn, and `predict` scores nothing

        strict = strict_report(gold, found, module.label_set.labels)
        self._console.print(score_table(f"{split}: {STRICT} (tags of {_data(trainer).units})", strict))


def _data(trainer: Trainer) -> NERDataModule:
    data: NERDataModule = trainer.datamodule  # type: ignore[attr-defined]
    return data


def _score_name(trainer: Trainer) -> str:
    return _data(trainer).corpus.score_name


def _module(module: LightningModule) -> NERModule:
    assert isinstance(module, NERModule)  # the command line adds this callback to no other
    return module


def best_checkpoint(trainer: Trainer) -> ModelCheckpoint | None:
    """Return the callback that keeps the best epoch: those of the user's own come before it."""
    found = [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, ModelCheckpoint)]
    return next((callback for callback in reversed(found) if callback.monitor), None)


def _written(trainer: Trainer) -> list[Path]:
    """Return the files of this run. All processes have to call it, because they agree on the logger's folder."""
    log = [Path(trainer.log_dir) / "metrics.csv"] if trainer.log_dir else []
    callbacks = [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, ModelCheckpoint)]
    checkpoints = [Path(callback.best_model_path) for callback in callbacks if callback.best_model_path]
    configs = [checkpoint.with_name("config.yaml") for checkpoint in checkpoints[:1]]
    return [path for path in (*checkpoints, *configs, *log) if path.is_file()]
