"""Which callbacks the settings of a run choose."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from jsonargparse import Namespace
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, Timer

from ner.checkpoints import ensemble
from ner.checkpoints.checkpoint import Checkpoint
from ner.errors import InputError
from ner.training.callbacks.choice import evaluation_callbacks, fit_callbacks
from ner.training.callbacks.ensemble import SeedEnsemble
from ner.training.callbacks.initial_weights import InitialWeights
from ner.training.callbacks.progress import ProgressBar
from ner.training.callbacks.weight_average import WeightAverage


def settings(**changes: object) -> Namespace:
    trainer = Namespace(callbacks=None, logger=True, enable_progress_bar=None, max_time=None)
    trainer.update(Namespace(check_val_every_n_epoch=1, val_check_interval=None))
    checkpoint = Namespace(dirpath="out", monitor="val/micro_f1", mode="max", save_weights_only=False)
    rest = {"early_stopping": None, "init_from": None, "seed_everything": 7, "ensemble": Namespace(one_at_a_time=True)}
    rest |= {"teacher": None, "distillation": Namespace(weight=0.5, texts=None), "ema_decay": None}
    return Namespace(**{"trainer": trainer, "checkpoint": checkpoint, **rest, **changes})


def test_a_training_keeps_its_last_epoch_and_shows_rates_and_a_bar() -> None:
    last, monitor, bar = fit_callbacks(settings(), ["a"], [])
    assert isinstance(last, ModelCheckpoint)
    assert (last.filename, last.monitor) == ("last", None)
    assert isinstance(monitor, LearningRateMonitor)
    assert isinstance(bar, ProgressBar)
    silent = Namespace(callbacks=None, logger=False, enable_progress_bar=False, max_time=None)
    assert len(fit_callbacks(settings(trainer=silent), ["a"], [])) == 1


def test_early_stopping_needs_patience() -> None:
    *_, stopping = fit_callbacks(settings(early_stopping=2), ["a"], [])
    assert isinstance(stopping, EarlyStopping)
    assert stopping.patience == 2
    with pytest.raises(InputError, match="early_stopping is 0; it should be at least 1"):
        fit_callbacks(settings(early_stopping=0), ["a"], [])


def test_the_time_of_a_training_is_over_at_the_end_of_an_epoch() -> None:
    limited = Namespace(callbacks=None, logger=False, enable_progress_bar=False, max_time="00:12:00:00")
    *_, timer = fit_callbacks(settings(trainer=limited), ["a"], [])
    assert isinstance(timer, Timer)
    assert timer.time_remaining() == 12 * 60 * 60
    assert timer._interval == "epoch"


def test_a_metric_that_no_callback_of_the_user_logs_is_refused() -> None:
    checkpoint = Namespace(dirpath="out", monitor="val/f1/b", mode="max")
    with pytest.raises(InputError, match=r"checkpoint\.monitor is 'val/f1/b'"):
        fit_callbacks(settings(checkpoint=checkpoint), ["a"], [])
    own = Namespace(callbacks=[object()], logger=False, enable_progress_bar=False, max_time=None)
    assert fit_callbacks(settings(checkpoint=checkpoint, trainer=own), ["a"], [])


def test_only_a_new_training_takes_initial_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    member = cast(Checkpoint, SimpleNamespace(name="a.ckpt"))
    asked: list[Any] = []
    monkeypatch.setattr(ensemble, "read_of_seed", lambda *arguments: asked.append(arguments) or member)
    config = settings(init_from="x/{seed}.ckpt")
    *_, weights = fit_callbacks(config, ["a"], [])
    assert isinstance(weights, InitialWeights)
    assert weights.member is member
    assert not any(isinstance(each, InitialWeights) for each in fit_callbacks(config, ["a"], [member]))
    assert asked == [("x/{seed}.ckpt", 7)]


def test_an_average_comes_after_the_initial_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    member = cast(Checkpoint, SimpleNamespace(name="a.ckpt"))
    monkeypatch.setattr(ensemble, "read_of_seed", lambda *_: member)
    *_, weights, average = fit_callbacks(settings(init_from="a.ckpt", ema_decay=0.99), ["a"], [])
    assert isinstance(weights, InitialWeights)
    assert isinstance(average, WeightAverage)


def test_an_evaluation_has_one_checkpoint_or_an_ensemble() -> None:
    members = [cast(Checkpoint, SimpleNamespace(name=name)) for name in "ab"]
    single, *_ = evaluation_callbacks(settings(), members[:1])
    assert isinstance(single, InitialWeights)
    together, *_ = evaluation_callbacks(settings(), members)
    assert isinstance(together, SeedEnsemble)
    assert (list(together.members), together.one_at_a_time) == (members, True)
