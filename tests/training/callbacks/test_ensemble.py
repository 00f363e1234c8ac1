"""The ensembler as a callback of any Trainer: in for an evaluation, out behind it."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from ner.corpora import Sample
from ner.errors import InputError
from ner.nn.models import CRFEnsemble, EncoderCRF
from ner.training.callbacks.ensemble import SeedEnsemble
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule

QUIET = {
    "accelerator": "cpu",
    "enable_checkpointing": False,
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


@pytest.fixture
def data(tiny_encoder: str) -> NERDataModule:
    return NERDataModule(Sample(), tiny_encoder, window_tokens=128, overlap_tokens=32)


@pytest.fixture
def checkpoints(data: NERDataModule, tiny_encoder: str, tmp_path: Path) -> list[str]:
    """Two checkpoints of untrained modules, as a Trainer saves them."""
    paths = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        module = NERModule(data.labels, data.vocabulary_size, tiny_encoder, pretrained=False)
        trainer = Trainer(**QUIET, max_epochs=1)  # type: ignore[arg-type]
        trainer.fit(module, datamodule=data)
        paths.append(str(tmp_path / f"{seed}.ckpt"))
        trainer.save_checkpoint(paths[-1])
    return paths


@pytest.fixture
def module(data: NERDataModule, tiny_encoder: str) -> NERModule:
    torch.manual_seed(3)
    return NERModule(data.labels, data.vocabulary_size, tiny_encoder, pretrained=False)


class Watcher(NERModule):
    """Notes which tagger its steps find."""

    seen: type | None = None

    def validation_step(self, batch: object) -> object:  # type: ignore[override]
        Watcher.seen = type(self.model)
        return super().validation_step(batch)  # type: ignore[arg-type]


@pytest.mark.parametrize("one_at_a_time", [False, True])
def test_steps_find_the_ensemble_and_the_module_gets_its_tagger_back(
    checkpoints: list[str], data: NERDataModule, tiny_encoder: str, one_at_a_time: bool
) -> None:
    watcher = Watcher(data.labels, data.vocabulary_size, tiny_encoder, pretrained=False)
    before = watcher.model
    trainer = Trainer(**QUIET, callbacks=SeedEnsemble(checkpoints, one_at_a_time))  # type: ignore[arg-type]
    trainer.validate(watcher, datamodule=data, verbose=False)
    assert Watcher.seen is CRFEnsemble
    assert watcher.model is before


def test_an_ensemble_of_one_scores_as_its_checkpoint(
    checkpoints: list[str], data: NERDataModule, module: NERModule
) -> None:
    trainer = Trainer(**QUIET)  # type: ignore[arg-type]
    [alone] = trainer.validate(module, datamodule=data, ckpt_path=checkpoints[0], verbose=False)
    trainer = Trainer(**QUIET, callbacks=SeedEnsemble(checkpoints[0]))  # type: ignore[arg-type]
    [ensemble] = trainer.validate(module, datamodule=data, verbose=False)
    assert ensemble == pytest.approx(alone)


def test_the_evaluation_within_a_fit_is_that_of_the_tagger_in_training(
    checkpoints: list[str], data: NERDataModule, tiny_encoder: str
) -> None:
    watcher = Watcher(data.labels, data.vocabulary_size, tiny_encoder, pretrained=False)
    trainer = Trainer(**QUIET, max_epochs=1, callbacks=SeedEnsemble(checkpoints))  # type: ignore[arg-type]
    trainer.fit(watcher, datamodule=data)
    assert Watcher.seen is EncoderCRF


def test_a_failure_leaves_the_module_with_its_own_tagger(
    checkpoints: list[str], data: NERDataModule, module: NERModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(*_: object) -> None:
        raise RuntimeError("cut off")

    monkeypatch.setattr(module, "validation_step", breaking)
    trainer = Trainer(**QUIET, callbacks=SeedEnsemble(checkpoints))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="cut off"):
        trainer.validate(module, datamodule=data, verbose=False)
    assert isinstance(module.model, EncoderCRF)


def test_members_that_read_otherwise_than_the_data_are_refused(
    checkpoints: list[str], module: NERModule, tiny_encoder: str
) -> None:
    other = NERDataModule(Sample(), tiny_encoder, markers=False, window_tokens=128, overlap_tokens=32)
    trainer = Trainer(**QUIET, callbacks=SeedEnsemble(checkpoints))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"1\.ckpt and the data do not fit together: they differ in markers"):
        trainer.validate(module, datamodule=other, verbose=False)


def test_a_window_beyond_a_members_encoder_is_refused(
    checkpoints: list[str], module: NERModule, tiny_encoder: str
) -> None:
    wide = NERDataModule(Sample(), tiny_encoder, window_tokens=256, overlap_tokens=32)
    trainer = Trainer(**QUIET, callbacks=SeedEnsemble(checkpoints))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"1\.ckpt: its encoder reads 128 tokens at most"):
        trainer.validate(module, datamodule=wide, verbose=False)
