"""Lightning's Trainer, and the settings of it that this project cannot work with."""

import logging
import warnings
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.pytorch import Trainer

from ner.errors import InputError
from ner.runtime import has_fast_bf16

PRECISIONS = ("32", "32-true", "16-mixed", "bf16-mixed")
# Settings in which this project differs from Lightning.
TRAINER_DEFAULTS = {
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,
    "enable_model_summary": False,
    "gradient_clip_val": 1.0,
    "log_every_n_steps": 10,
}

log = logging.getLogger(__name__)


class CountingTrainer(Trainer):
    """A trainer for which 1 is one batch and 1.0 all of them, whatever was imported before Lightning.

    Python hands out ``Optional[float | int]`` for ``Optional[int | float]`` once a library (rich is one) asked for the
    former, and then the parser turns every number into a share.
    """

    def __init__(
        self,
        *,
        limit_train_batches: int | float | None = None,
        limit_val_batches: int | float | None = None,
        limit_test_batches: int | float | None = None,
        limit_predict_batches: int | float | None = None,
        overfit_batches: int | float = 0.0,
        val_check_interval: int | float | None = None,
        **kwargs: Any,  # noqa: ANN401 - all others of Lightning's
    ) -> None:
        super().__init__(
            limit_train_batches=limit_train_batches,
            limit_val_batches=limit_val_batches,
            limit_test_batches=limit_test_batches,
            limit_predict_batches=limit_predict_batches,
            overfit_batches=overfit_batches,
            val_check_interval=val_check_interval,
            **kwargs,
        )


def check_trainer(config: Namespace, *, is_fit: bool) -> None:
    """Refuse settings that Lightning takes, but this project, or Lightning itself later on, cannot work with.

    Raises:
        InputError: if there is one; it names it.
    """
    if str(config.precision or 32) not in PRECISIONS:
        listed = ", ".join(PRECISIONS)
        raise InputError(
            f"trainer.precision is {config.precision}, but weights are trained in fp32; use one of {listed}"
        )
    if config.val_check_interval == 0:
        raise InputError("trainer.val_check_interval is 0; give the share of an epoch, or the number of steps")
    if is_fit and (config.max_epochs is None or config.max_epochs < 1) and config.max_steps < 1:
        raise InputError("trainer.max_epochs should be at least 1: the learning rates are planned over all epochs")


def usable_precision(config: Namespace) -> str | None:
    """Return the precision that is asked for, or ``32`` where bf16 would be many times slower, with a warning."""
    precision: str | None = config.precision
    if precision == "bf16-mixed" and _computes_on_cpu(config) and not has_fast_bf16():
        log.warning("This processor has no instructions for bf16, and would be many times slower with it: using 32")
        return "32"
    return precision


def quiet_lightning() -> None:
    """Silence what Lightning and transformers say to developers, not to users."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (
        "does not have many workers",  # one process makes batches faster than the encoder reads them
        "exists and is not empty",  # a run may be repeated
        "dirpath has changed",  # a checkpoint may be moved
        "custom batch sampler",  # ours returns every text once
        "isinstance.treespec",  # Lightning's own use of torch
        "callbacks used to create the checkpoint",  # an evaluation does not need all of them
        "recommended to use `sync_dist=True`",  # what is logged at an epoch's end is of all processes already
    ):
        warnings.filterwarnings("ignore", message=f".*{message}.*")


def _computes_on_cpu(config: Namespace) -> bool:
    return config.accelerator == "cpu" or (
        config.accelerator in ("auto", None) and not torch.accelerator.is_available()
    )
