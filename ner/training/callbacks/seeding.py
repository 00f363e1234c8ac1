"""Randomness that depends on the seed and the epoch alone."""

from jsonargparse.typing import restricted_number_type
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything

from ner.runtime import mixed_seed

SEEDS = range(2**32)
Seed = restricted_number_type("Seed", int, [(">=", SEEDS.start), ("<", SEEDS.stop)])


class EpochSeed(Callback):
    """Seeds all generators at the start of each epoch, so that a resumed run continues as an uninterrupted one.

    Args:
        seed: Seed of the run; each epoch and process gets its own seed from it.
    """

    def __init__(self, seed: int = 42) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        seed_everything(mixed_seed(self.seed, trainer.current_epoch, trainer.global_rank), verbose=False)
