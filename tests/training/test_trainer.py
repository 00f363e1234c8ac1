"""Settings that the trainer refuses or changes, and what Lightning's mistakes become."""

import errno
import logging
from inspect import signature
from pathlib import Path

import pytest
import torch
from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer

from main import main
from ner.errors import InputError
from ner.training.module import NERModule
from ner.training.trainer import (
    PRECISIONS,
    CountingTrainer,
    check_monitor,
    lightning_errors,
    prepare_trainer,
)

DEFAULTS = {name: parameter.default for name, parameter in signature(Trainer).parameters.items()}
SOUND = {**DEFAULTS, "accelerator": "cpu", "max_epochs": 1}


@pytest.mark.parametrize(
    ("setting", "is_fit", "message"),
    [
        (
            {"precision": "16-true"},
            False,
            r"trainer\.precision is 16-true, but weights are trained in fp32;",
        ),
        ({"precision": 64}, True, r"trainer\.precision is 64"),
        ({"precision": "16-mixed"}, True, r"trainer\.precision is 16-mixed, which a CPU cannot compute"),
        ({"val_check_interval": 0}, True, r"trainer\.val_check_interval is 0, which validates nothing; give a share"),
        ({"limit_train_batches": 0.0}, True, r"trainer\.limit_train_batches is 0, which trains nothing"),
        ({"limit_predict_batches": 0}, False, r"trainer\.limit_predict_batches is 0, which tags nothing"),
        ({"accumulate_grad_batches": 0}, True, r"trainer\.accumulate_grad_batches is 0; it should be at least 1"),
        ({"gradient_clip_val": -0.5}, True, r"trainer\.gradient_clip_val is -0\.5; it should be at least 0"),
        ({"devices": 1000}, True, r"trainer\.devices is 1000; on this CPU it should be a whole number from 1 to"),
        ({"accelerator": "gpuu"}, False, r"trainer\.accelerator is 'gpuu', which is not here; give one of auto, "),
        ({"max_epochs": 0}, True, r"trainer\.max_epochs should be at least 1"),
        ({"max_epochs": None}, True, r"trainer\.max_epochs should be at least 1"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_by_name(setting: dict[str, object], is_fit: bool, message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare_trainer(Namespace(**{**SOUND, **setting}), is_fit=is_fit)


@pytest.mark.parametrize("precision", [None, 32, *sorted({*PRECISIONS} - {"16-mixed"})])
def test_sound_settings_pass_and_only_a_training_needs_epochs(precision: object) -> None:
    prepare_trainer(Namespace(**{**SOUND, "precision": precision}), is_fit=True)
    prepare_trainer(Namespace(**{**SOUND, "max_epochs": None, "max_steps": 5}), is_fit=True)
    prepare_trainer(Namespace(**{**SOUND, "max_epochs": None}), is_fit=False)


def test_a_metric_that_is_never_logged_is_refused() -> None:
    check_monitor("val/f1/a b", "max", ["a b"])
    with pytest.raises(InputError, match=r"^checkpoint\.monitor is 'val/f1'; it should be one of val/micro_f1, "):
        check_monitor("val/f1", "max", ["a b"])


@pytest.mark.parametrize(("metric", "worst", "best"), [("val/loss", "max", "min"), ("val/micro_f1", "min", "max")])
def test_the_worst_epoch_is_not_kept_as_the_best(metric: str, worst: str, best: str) -> None:
    check_monitor(metric, best, [])
    with pytest.raises(InputError, match=f"^checkpoint.monitor is {metric}, .* give checkpoint.mode {best}$"):
        check_monitor(metric, worst, [])


@pytest.mark.parametrize(
    ("precision", "accelerator", "is_fast", "used"),
    [
        ("bf16-mixed", "cpu", True, "bf16-mixed"),
        ("bf16-mixed", "cpu", False, "32"),
        ("bf16-mixed", "gpu", False, "bf16-mixed"),
        ("32", "gpu", True, "32"),
        (None, "cpu", True, "32"),
        (None, "cuda", True, "bf16-mixed"),
        ("auto", "cuda", True, "bf16-mixed"),
        (None, "cuda", False, "32"),
        (None, "mps", True, "32"),
    ],
)
def test_the_precision_of_a_training_is_what_its_device_has(
    precision: str | None, accelerator: str, is_fast: bool, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    can_bf16(is_fast, monkeypatch)
    monkeypatch.setattr("ner.training.trainer._check_accelerator", lambda _: None)
    settings = Namespace(**{**SOUND, "precision": precision, "accelerator": accelerator})
    prepare_trainer(settings, is_fit=True)
    assert settings.precision == used


@pytest.mark.parametrize(("is_fast", "used"), [(True, "bf16-mixed"), (False, "32")])
def test_an_evaluation_is_in_bf16_where_it_is_fast(is_fast: bool, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    can_bf16(is_fast, monkeypatch)
    settings = Namespace(**SOUND)
    prepare_trainer(settings, is_fit=False)
    assert settings.precision == used


def can_bf16(is_fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give or deny a machine bf16, on its processor and on an NVIDIA GPU."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": is_fast})
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: is_fast)


def test_one_is_one_batch_and_a_share_is_a_share() -> None:
    one, share = (CountingTrainer(accelerator="cpu", logger=False, limit_val_batches=given) for given in (1, 1.0))
    assert [type(trainer.limit_val_batches) for trainer in (one, share)] == [int, float]


def exit_after_interrupt() -> None:
    """Do what Lightning does after Ctrl-C."""
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise SystemExit(1)  # noqa: B904


def test_what_lightning_refuses_is_one_line_and_an_interrupt_stays_one() -> None:
    with pytest.raises(InputError, match=r"^no such strategy$"), lightning_errors():
        raise MisconfigurationException("no such\n strategy")
    with (
        pytest.raises(InputError, match=r"^the GPU .* Tried; lower data\.batch_size or"),
        lightning_errors(),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried")
    with pytest.raises(KeyboardInterrupt), lightning_errors():
        exit_after_interrupt()
    with pytest.raises(SystemExit), lightning_errors():
        raise SystemExit(1)
    assert logging.getLogger("lightning.pytorch").level == logging.WARNING


@pytest.mark.parametrize(("filename", "named"), [(None, "logs"), ("metrics.csv", r"metrics\.csv")])
def test_a_disk_without_room_for_logs_is_one_line(filename: str | None, named: str) -> None:
    with pytest.raises(InputError, match=rf"^{named}: cannot be written \(No space left\); free"), lightning_errors():
        raise OSError(errno.ENOSPC, "No space left", filename)
    with pytest.raises(PermissionError), lightning_errors():
        raise OSError(errno.EACCES, "Permission denied", filename)


@pytest.mark.parametrize(("is_fast", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_line_says_which_precision_was_chosen(
    best: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_fast: bool,
    precision: str,
) -> None:
    can_bf16(is_fast, monkeypatch)
    assert main(["predict", "--ckpt_path", best.name, "--trainer.accelerator", "cpu"]) == 0
    assert f"precision: {precision}" in capsys.readouterr().err


@pytest.mark.parametrize(("is_fast", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_processor_without_bf16_computes_in_fp32_and_says_so(
    best: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_fast: bool, precision: str
) -> None:
    used: list[str] = []
    can_bf16(is_fast, monkeypatch)
    monkeypatch.setattr(NERModule, "on_predict_start", lambda self: used.append(self.trainer.precision))
    options = ["--trainer.precision", "bf16-mixed", "--trainer.accelerator", "cpu"]
    assert main(["predict", "--ckpt_path", best.name, *options]) == 0
    assert used == [precision]
    assert ("has no instructions for bf16" in caplog.text) is not is_fast
