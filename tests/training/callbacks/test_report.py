"""The scores that an evaluation prints, and the best epoch of a training."""

import io
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from rich.console import Console

from ner.metrics.official import Counts, Figures, Score
from ner.training.callbacks.report import ScoreReport
from ner.training.module import NERModule
from tests.first_step import build

STATE = {
    "value": 0.25,
    "epoch": 2,
    "macro": [0.0, 0.5, 0.25],
    "micro": [0.5, 0.25, 1 / 3],
    "labels": {"gene": [0.5, 0.25, 1 / 3]},
    "counts": {"gene": [1, 2, 4]},
}


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Everything that reports of the test print."""
    file = io.StringIO()
    monkeypatch.setattr("ner.training.callbacks.report.Console", lambda **_: Console(file=file, width=200))
    return file


def trainer(report: ScoreReport, **options: object) -> Trainer:
    quiet = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False}
    return Trainer(**quiet, callbacks=[report], enable_checkpointing=False, **options)  # type: ignore[arg-type]


def test_the_best_epoch_survives_a_checkpoint() -> None:
    report = ScoreReport()
    assert report.state_dict() == {}
    report.load_state_dict({})
    assert report.state_dict() == {}
    report.load_state_dict(STATE)
    assert report.state_dict() == STATE


def test_an_evaluation_prints_both_scores_of_what_the_module_found(printed: io.StringIO) -> None:
    module, data = build()
    trainer(ScoreReport()).validate(module, data, verbose=False)
    text = printed.getvalue()
    micro = module.scores["val"].micro
    assert any(micro)
    lines = [line.split() for line in text.splitlines()]
    assert next(line[-3:] for line in lines if line[:1] == ["micro"]) == [f"{figure:.4f}" for figure in micro]
    assert text.index("dev: official GutBrainIE score") < text.index("dev: seqeval, strict IOB2 (tags of subwords)")


def test_a_training_prints_its_best_epoch_alone(printed: io.StringIO) -> None:
    module, data = build()
    report = ScoreReport()
    report.load_state_dict(STATE)
    trainer(report, max_epochs=1, limit_train_batches=1, limit_val_batches=0).fit(module, data)
    text = printed.getvalue()
    assert "dev, epoch 3 of 1 (the best): official GutBrainIE score" in text
    assert ["gene", "4", "2", "1", "0.5000", "0.2500", "0.3333"] in [line.split() for line in text.splitlines()]
    assert "seqeval" not in text


@pytest.mark.parametrize(("mode", "best"), [("max", 1), ("min", 2)])
def test_the_best_epoch_is_the_first_best_of_the_metric_that_checkpoints_follow(mode: str, best: int) -> None:
    report, module = ScoreReport(), build()[0]
    checkpoint = ModelCheckpoint(monitor="val/micro_f1", mode=mode)
    validate(report, module, checkpoint, (0.5, 0.75, 0.25, 0.75, 0.25))
    state = report.state_dict()
    assert (state["epoch"], state["value"]) == (best, {"max": 0.75, "min": 0.25}[mode])
    assert state["micro"] == [state["value"]] * 3


def test_an_epoch_without_a_checkpoint_is_not_the_best() -> None:
    report, checkpoint = ScoreReport(), ModelCheckpoint(monitor="val/micro_f1", mode="max", every_n_epochs=2)
    validate(report, build()[0], checkpoint, (0.5, 0.25, 0.75, 0.5))
    assert report.state_dict()["epoch"] == 3


def validate(report: ScoreReport, module: NERModule, checkpoint: ModelCheckpoint, values: Sequence[float]) -> None:
    """Let a report see the scores of some epochs."""
    for epoch, value in enumerate(values):
        epochs = SimpleNamespace(
            state=SimpleNamespace(fn="fit"),
            checkpoint_callbacks=[checkpoint],
            callback_metrics={"val/micro_f1": torch.tensor(value)},
            current_epoch=epoch,
        )
        figures = Figures(value, value, value)
        module.scores["val"] = Score(figures, figures, {"gene": figures}, {"gene": Counts(1, 2, 4)})
        report.on_validation_end(epochs, module)  # type: ignore[arg-type]
