"""A training that keeps a moving average of its weights."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging


class WeightAverage(EMAWeightAveraging):
    """Validates and keeps the exponential moving average of the weights, on the device that trains.

    Args:
        decay: The share of the average that stays at each step.
    """

    def __init__(self, decay: float) -> None:
        # An encoder's buffers are numbers of positions.
        super().__init__(use_buffers=False, decay=decay)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Make room for the average: the module itself is moved to its device only later."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)
