"""The members of an ensemble: which fit together, and their models."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ner.checkpoints.checkpoint import Checkpoint, read_checkpoint
from ner.checkpoints.ensemble import build_model, check_agreement, read, read_of_seed
from ner.errors import InputError


@pytest.fixture(scope="module")
def paths(quickstart: Path) -> list[Path]:
    """Checkpoints of seeds 11 and 42."""
    return [quickstart / "checkpoints" / "quickstart" / f"seed={seed}" / "best.ckpt" for seed in (11, 42)]


@pytest.fixture(scope="module")
def member(paths: list[Path]) -> Checkpoint:
    return read_checkpoint(paths[0])


def test_members_come_in_the_order_of_their_paths(paths: list[Path]) -> None:
    assert [found.name for found in read(paths[::-1])] == [str(path) for path in paths[::-1]]


def test_a_seed_has_the_checkpoint_of_its_name(paths: list[Path]) -> None:
    pattern = str(paths[0].parents[1] / "seed={seed}" / "best.ckpt")
    assert read_of_seed(pattern, 42).name == str(paths[1])
    assert read_of_seed(str(paths[0]), 42).name == str(paths[0])
    with pytest.raises(InputError, match="has 2 members, none of them seed 42; name one checkpoint"):
        read_of_seed(pattern.replace("{seed}", "*"), 42)


def test_only_windows_may_differ(member: Checkpoint) -> None:
    check_agreement(member, "other", member.labels, replace(member.preprocessor, window_tokens=64, overlap_tokens=8))
    with pytest.raises(InputError, match="and other do not fit together: they differ in labels, markers, units"):
        check_agreement(
            member, "other", member.labels[::-1], replace(member.preprocessor, markers=False, units="words")
        )


def test_a_model_has_the_weights_of_its_checkpoint_and_no_dropout(member: Checkpoint) -> None:
    model = build_model(member)
    weights = member.read_weights()
    assert all(torch.equal(tensor, weights[f"model.{name}"]) for name, tensor in model.state_dict().items())
    assert not any(part.training for part in model.modules())


def test_weights_that_do_not_fit_their_configuration_are_refused(member: Checkpoint) -> None:
    weights = {name: tensor[:-1] if tensor.dim() else tensor for name, tensor in member.read_weights().items()}
    broken = replace(member, name="broken", read_weights=lambda: weights)
    with pytest.raises(InputError, match="broken: its weights are not those of its configuration"):
        build_model(broken)
