"""Randomness that depends on the seed and the epoch alone."""

from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything

from ner.runtime import mixed_seed


class EpochSeed(Callback):
    """Seeds all generators at the start of each epoch, so that a resumed run continues as an uninterrupted one.

    Args:
        seed: Seed of the run; each epoch and process gets its own seed from it.
    """

    def __init__(self, seed: int = 42) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        seed_everything(mixed_seed(self.seed, trainer.current_epoch, trainer.global_rank), verbose=False)
