"""Checkpoints are whole under their names, or not there."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from main import main
from ner.errors import InputError
from ner.training.checkpoint_io import WholeCheckpointIO
from ner.training.trainer import CountingTrainer
from tests.disks import full_disk

QUICKSTART = ["fit", "--config", "quickstart", "--trainer.enable_progress_bar", "false", "--trainer.max_epochs"]


def test_a_checkpoint_without_room_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "run" / "best.ckpt"
    WholeCheckpointIO().save_checkpoint({"epoch": 1}, path)
    with full_disk(10_000), pytest.raises(InputError, match=r"best\.ckpt: cannot be written \(File too large\)"):
        WholeCheckpointIO().save_checkpoint({"weights": torch.zeros(100_000)}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert list(path.parent.iterdir()) == [path]


def test_a_training_without_room_is_one_line_and_resumes_from_whole_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with full_disk(100_000):
        assert main([*QUICKSTART, "1"]) == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "cannot be written (File too large)" in line
    assert not list(tmp_path.rglob("*.ckpt"))
    assert main([*QUICKSTART, "1"]) == 0
    whole = torch.load(tmp_path / "checkpoints" / "quickstart" / "seed=42" / "last.ckpt", weights_only=True)
    assert whole["epoch"] == 0


def test_the_trainer_uses_it() -> None:
    assert isinstance(CountingTrainer(logger=False, accelerator="cpu").strategy.checkpoint_io, WholeCheckpointIO)
    assert not isinstance(Trainer(logger=False, accelerator="cpu").strategy.checkpoint_io, WholeCheckpointIO)
