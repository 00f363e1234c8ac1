"""Trainings and resumptions that ``fit`` refuses, and what it leaves as it was."""

from pathlib import Path

import pytest

from main import main
from tests.cli.verbs.test_fit import QUICKSTART, SHORT, fit


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> "Refused":
    return Refused(capsys)


class Refused:
    """What ``fit`` says when it refuses."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> str:
        assert main(["fit", "--config", QUICKSTART, *SHORT, *arguments]) == 2
        return self._capsys.readouterr().err.splitlines()[-1]


def test_what_is_refused_late_leaves_the_earlier_training_as_it_was(
    trained: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    monkeypatch.chdir(trained)
    folder = Path("checkpoints") / "quickstart" / "seed=42"
    names = ("best.ckpt", "last.ckpt", "config.yaml", "report.html")
    before = {name: (folder / name).read_bytes() for name in names}
    line = refused("--model.tier_smoothing", "{silver: 0.1}")
    assert line.startswith("error: model.tier_smoothing: no training document is of tier 'silver'")
    line = refused("--trainer.val_check_interval", "1000")
    assert line.startswith("error: trainer.val_check_interval (1000) must be less than or equal")
    assert {name: (folder / name).read_bytes() for name in names} == before


def test_a_checkpoint_from_within_an_epoch_is_not_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    often = ["--trainer.val_check_interval", "5", "--checkpoint.monitor", "val/loss", "--checkpoint.mode", "min"]
    fit(tmp_path, monkeypatch, *often, "--trainer.max_epochs", "1")
    line = refused(*often, "--trainer.max_epochs", "1", "--ckpt_path", "best")
    assert "best.ckpt: written within an epoch, or without the optimizer's state; resume from last.ckpt" in line


def test_weights_alone_are_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused) -> None:
    bare = ["--checkpoint.save_weights_only", "true"]
    fit(tmp_path, monkeypatch, *bare, "--trainer.max_epochs", "1")
    assert "without the optimizer's state" in refused(*bare, "--ckpt_path", "best")


def test_a_checkpoint_callback_of_ones_own_changes_neither_the_best_nor_what_it_starts_from(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = "[{class_path: ModelCheckpoint, init_args: {monitor: val/loss, mode: min, dirpath: own, filename: lowest}}]"
    start = str(trained / "checkpoints" / "quickstart" / "seed=42" / "last.ckpt")
    arguments = ["--trainer.callbacks", own, "--init_from", start, "--run", "second", "--trainer.max_epochs", "1"]
    fit(trained, monkeypatch, *arguments)
    assert (trained / "own" / "lowest.ckpt").is_file()
    assert (trained / "checkpoints" / "second" / "seed=42" / "report.html").is_file()
    assert not (trained / "own" / "report.html").exists()


@pytest.mark.parametrize(
    ("verb", "option", "value"),
    [
        ("validate", "--predictions.format", "{class_path: JsonLines}"),
        ("test", "--data.predict_path", "x.json"),
        ("predict", "--ema_decay", "0.9"),
    ],
)
def test_options_of_another_verb_are_refused(
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verb: str,
    option: str,
    value: str,
) -> None:
    monkeypatch.chdir(trained)
    assert main([verb, "--run", "quickstart", option, value]) == 2
    assert f"error: {option}: `{verb}` has no use for it; leave it out" in capsys.readouterr().err
