"""The progress bar of training."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar

Metrics = dict[str, int | str | float | dict[str, float]]


class ProgressBar(RichProgressBar):
    """Looks at the loss only as often as it is logged: to look at it after each step is to wait for the GPU."""

    _shown: Metrics | None = None

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> Metrics:
        is_logged = (trainer.global_step + 1) % trainer.log_every_n_steps == 0  # type: ignore[attr-defined]
        if self._shown is None or is_logged or not trainer.training:
            self._shown = super().get_metrics(trainer, pl_module)
        return self._shown
