"""The progress bar of training and evaluation."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar

Metrics = dict[str, int | str | float | dict[str, float]]


class ProgressBar(RichProgressBar):
    """Reads the loss only as often as it is logged: reading it after each step would wait for the GPU.

    In prediction it shows nothing: the number of batches is unknown, and `PredictionWriter` counts documents.
    """

    _shown: Metrics | None = None

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> Metrics:
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]
        is_logged = every and (trainer.global_step + 1) % every == 0  # 0 is never
        if self._shown is None or is_logged or not trainer.training:
            self._shown = super().get_metrics(trainer, pl_module)
        return self._shown

    def _ignore(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401 - those of four hooks
        """Do nothing where Lightning's bar would count batches."""

    on_predict_start = on_predict_batch_start = on_predict_batch_end = on_predict_end = _ignore
