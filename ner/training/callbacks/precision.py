"""The line that says which precision was chosen."""

import sys

from lightning.pytorch import Callback, LightningModule, Trainer


class PrecisionLine(Callback):
    """Says on standard error which precision is used; as the last callback, once all others accept their settings."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if trainer.is_global_zero:
            reason = ", the device's own; --trainer.precision 32 computes in fp32" * (trainer.precision == "bf16-mixed")
            sys.stderr.write(f"precision: {trainer.precision}{reason}\n")
