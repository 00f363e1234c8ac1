"""The weights of a checkpoint, and nothing else of it, before a training or an evaluation."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ner.checkpoints.checkpoint import Checkpoint, read_checkpoint
from ner.corpora import Sample
from ner.errors import InputError
from ner.training.callbacks.initial_weights import InitialWeights
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule


@pytest.fixture(scope="module")
def member(quickstart: Path) -> Checkpoint:
    return read_checkpoint(quickstart / "checkpoints" / "quickstart" / "seed=42" / "best.ckpt")


@pytest.fixture
def module(tiny_encoder: str) -> NERModule:
    data = NERDataModule(Sample(), tiny_encoder)
    return NERModule(data.labels, data.vocabulary_size, tiny_encoder, pretrained=False)


def start(member: Checkpoint, module: NERModule, folder: Path, stage: str = "fit", **reading: object) -> None:
    """Set up a stage of a run that writes to a folder, with data that are read as the member does but for some."""
    data = SimpleNamespace(preprocessor=replace(member.preprocessor, **reading))  # type: ignore[arg-type]
    callbacks = [SimpleNamespace(dirpath=None), SimpleNamespace(dirpath=str(folder))]
    trainer = SimpleNamespace(checkpoint_callbacks=callbacks, datamodule=data)
    InitialWeights(member).setup(trainer, module, stage)  # type: ignore[arg-type]


@pytest.mark.parametrize("stage", ["fit", "validate"])
def test_a_module_starts_with_the_weights_of_the_checkpoint(
    member: Checkpoint, module: NERModule, tmp_path: Path, stage: str
) -> None:
    rates = dict(module.hparams)
    start(member, module, tmp_path, stage)
    expected = member.read_weights()
    assert module.state_dict().keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in module.state_dict().items())
    assert dict(module.hparams) == rates


def test_a_training_of_other_units_or_labels_is_refused(member: Checkpoint, module: NERModule, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="and the data do not fit together: they differ in markers"):
        start(member, module, tmp_path, markers=False)
    other = replace(member, model={**member.model, "labels": ["gene"]})
    with pytest.raises(InputError, match="they differ in labels"):
        start(other, module, tmp_path)


def test_the_scores_of_the_crf_are_what_the_settings_say_of_them(
    member: Checkpoint, tiny_encoder: str, tmp_path: Path
) -> None:
    data = NERDataModule(Sample(), tiny_encoder)
    parts = (data.labels, data.vocabulary_size, tiny_encoder)
    constrained = NERModule(*parts, pretrained=False, bio_constraints=True)
    start(member, constrained, tmp_path)
    legal = torch.tensor(constrained.label_set.legal_transitions())
    assert torch.equal(constrained.model.crf.transitions > -1e4, legal)
    assert torch.equal(constrained.model.crf.transitions[legal], member.read_weights()["model.crf.transitions"][legal])
    softmax = NERModule(*parts, pretrained=False, learn_transitions=False)
    start(member, softmax, tmp_path)
    assert not any(values.any() or values.requires_grad for values in softmax.model.crf.parameters())
    legal_only = replace(member, model={**member.model, "bio_constraints": True})
    for module in (constrained, softmax):
        start(legal_only, module, tmp_path)
    with pytest.raises(InputError, match=r"its CRF knows legal paths alone; give --model\.bio_constraints true"):
        start(legal_only, NERModule(*parts, pretrained=False), tmp_path)


def test_a_training_never_writes_over_the_checkpoint_that_it_starts_from(member: Checkpoint, module: NERModule) -> None:
    folder = Path(member.name).parent
    with pytest.raises(InputError, match="lies where this run would write; give it another name with --run"):
        start(member, module, folder)
    start(member, module, folder, "validate")
