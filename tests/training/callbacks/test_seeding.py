"""Random numbers of an epoch depend on the seed, the epoch and the process alone."""

from types import SimpleNamespace

import torch

from ner.training.callbacks.seeding import EpochSeed


def drawn(seed: int, epoch: int, rank: int = 0) -> float:
    """The first number that is drawn in an epoch."""
    trainer = SimpleNamespace(current_epoch=epoch, global_rank=rank)
    EpochSeed(seed).on_train_epoch_start(trainer, None)  # type: ignore[arg-type]
    return float(torch.rand(()))


def test_an_epoch_draws_the_same_whatever_was_drawn_before_it() -> None:
    first = drawn(42, 3)
    torch.rand(100)
    assert drawn(42, 3) == first


def test_seeds_epochs_and_processes_draw_differently() -> None:
    numbers = {drawn(seed, epoch, rank) for seed in (11, 42) for epoch in (0, 1, 2) for rank in (0, 1)}
    assert len(numbers) == 12
