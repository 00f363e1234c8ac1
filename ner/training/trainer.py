"""Lightning's Trainer, and the settings of it that this project cannot work with."""

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.strategies import StrategyRegistry
from lightning.pytorch.utilities import rank_zero_only

from ner.errors import InputError, one_line
from ner.io.files import NO_ROOM
from ner.runtime import has_fast_bf16
from ner.training.checkpoint_io import WholeCheckpointIO

PRECISIONS = ("auto", "32", "32-true", "16-mixed", "bf16-mixed")
# Settings in which this project differs from Lightning.
TRAINER_DEFAULTS = {
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,
    "enable_model_summary": False,
    "gradient_clip_val": 1.0,
    "log_every_n_steps": 10,
}
CHECKPOINT_DEFAULTS = {
    "checkpoint.filename": "best",
    "checkpoint.monitor": "val/micro_f1",
    "checkpoint.mode": "max",
    "checkpoint.enable_version_counter": False,
    "checkpoint.auto_insert_metric_name": False,
}
# The least values of numbers, some of which Lightning takes, and divides by or ignores.
LEAST = {
    "accumulate_grad_batches": 1,
    "check_val_every_n_epoch": 1,
    "fast_dev_run": 0,
    "gradient_clip_val": 0,
    "log_every_n_steps": 0,
    "max_steps": -1,
    "num_nodes": 1,
    "num_sanity_val_steps": -1,
    "reload_dataloaders_every_n_epochs": 0,
}
CHOICES = {
    "gradient_clip_algorithm": ["norm", "value"],
    "profiler": ["simple", "advanced", "pytorch", "xla"],
    "strategy": ["auto", *StrategyRegistry.available_strategies()],
}
# Values with which Lightning turns off what this project uses.
UNUSABLE = {"barebones": True, "enable_checkpointing": False}
DURATION = re.compile(r"\d+:\d+:\d+:\d+")
# Numbers and shares of batches, and what happens without any.
SHARES = {
    "limit_train_batches": "trains",
    "limit_val_batches": "validates",
    "limit_test_batches": "tests",
    "limit_predict_batches": "tags",
    "val_check_interval": "validates",
}

log = logging.getLogger(__name__)


class CountingTrainer(Trainer):
    """A trainer for which 1 is one batch and 1.0 all of them, whatever was imported before Lightning.

    It writes checkpoints whole or not at all.

    Python hands out ``Optional[float | int]`` for ``Optional[int | float]`` once a library (rich is one) asked for the
    former, and then the parser turns every number into a share.
    """

    def __init__(
        self,
        *,
        precision: str | int | None = None,
        limit_train_batches: int | float | None = None,
        limit_val_batches: int | float | None = None,
        limit_test_batches: int | float | None = None,
        limit_predict_batches: int | float | None = None,
        overfit_batches: int | float = 0.0,
        val_check_interval: int | float | None = None,
        **kwargs: Any,  # noqa: ANN401 - all others of Lightning's
    ) -> None:
        super().__init__(
            precision=None if precision == "auto" else precision,  # type: ignore[arg-type] # it checks the name
            limit_train_batches=limit_train_batches,
            limit_val_batches=limit_val_batches,
            limit_test_batches=limit_test_batches,
            limit_predict_batches=limit_predict_batches,
            overfit_batches=overfit_batches,
            val_check_interval=val_check_interval,
            **kwargs,
        )
        if type(self.strategy.checkpoint_io) is TorchCheckpointIO:
            self.strategy.checkpoint_io = WholeCheckpointIO()


def prepare_trainer(config: Namespace, *, is_fit: bool) -> None:
    """Refuse settings that Lightning takes, but this project, or Lightning itself later on, cannot work with.

    A precision of bf16 becomes 32 where it would be many times slower, with a warning. None, or ``auto``, becomes bf16
    where the device multiplies that natively, unless a CPU trains.

    Raises:
        InputError: if there is one; it names it.
    """
    if str(config.precision or "auto") not in PRECISIONS:
        listed = ", ".join(PRECISIONS)
        raise InputError(
            f"trainer.precision is {config.precision}, but weights are trained in fp32; use one of {listed}"
        )
    if config.precision == "16-mixed" and _computes_on_cpu(config):
        raise InputError("trainer.precision is 16-mixed, which a CPU cannot compute; give 32, or bf16-mixed")
    check_least(config, LEAST, "trainer")
    _check_shares(config)
    _check_choices(config)
    _check_accelerator(config.accelerator)
    if _computes_on_cpu(config):
        _check_processes(config.devices)
    if is_fit and (config.max_epochs is None or config.max_epochs < 1) and config.max_steps < 1:
        raise InputError("trainer.max_epochs should be at least 1: the learning rates are planned over all epochs")
    if is_fit and config.max_steps == 0:
        raise InputError("trainer.max_steps is 0, which trains nothing; leave it out")
    if is_fit and config.max_steps < 1 and (config.check_val_every_n_epoch or 1) > config.max_epochs:
        every = f"trainer.check_val_every_n_epoch is {config.check_val_every_n_epoch}"
        raise InputError(f"{every} of {config.max_epochs} epochs, so that no epoch would be scored; lower it")
    _settle_precision(config, is_fit=is_fit)


def is_first_process() -> bool:
    """Return if this process is the only one of a run, or its first; known before processes are connected."""
    return getattr(rank_zero_only, "rank", 0) == 0


def check_monitor(metric: str, mode: str, labels: Sequence[str]) -> None:
    """Refuse a metric that the module never logs, and a mode that would keep the worst epoch, before the first one.

    Raises:
        InputError: if there is no such metric, or it is best at the other end.
    """
    averages = ["val/micro_f1", "val/macro_f1", "val/loss", "train/loss"]
    if metric not in [*averages, *(f"val/f1/{label}" for label in labels)]:
        listed = ", ".join(averages)
        raise InputError(f"checkpoint.monitor is {metric!r}; it should be one of {listed}, or val/f1/ and a label")
    if mode != (best := "min" if metric.endswith("/loss") else "max"):
        raise InputError(
            f"checkpoint.monitor is {metric}, of which the {best}imum is best; give checkpoint.mode {best}"
        )


def check_least(config: Namespace, least: Mapping[str, int], section: str) -> None:
    """Refuse numbers that are too small.

    Raises:
        InputError: if there is one; it names it.
    """
    for name, smallest in least.items():
        if config[name] is not None and config[name] < smallest:
            raise InputError(f"{section}.{name} is {config[name]}; it should be at least {smallest}")


def _check_shares(config: Namespace) -> None:
    for name, where in SHARES.items():
        if config[name] == 0:
            raise InputError(f"trainer.{name} is 0, which {where} nothing; give a share such as 0.5, or a number")
    for name in (*SHARES, "overfit_batches"):
        value = config[name] or 0
        if value < 0 or (value > 1 and value % 1):
            raise InputError(
                f"trainer.{name} is {value}; it should be a share from 0 to 1, or a whole number of batches"
            )


def _check_choices(config: Namespace) -> None:
    for name, choices in CHOICES.items():
        if isinstance(config[name], str) and config[name] not in choices:
            # A strategy has variants by the dozen.
            listed = ", ".join(choice for choice in choices if "_" not in choice)
            raise InputError(f"trainer.{name} is {config[name]!r}; it should be one of {listed}")
    for name, value in UNUSABLE.items():
        if config[name] is value:
            raise InputError(f"trainer.{name} is {value}, with which no checkpoint would be kept; leave it out")
    if isinstance(config.max_time, str) and not DURATION.fullmatch(config.max_time):
        what = "days, hours, minutes and seconds, as in 00:12:00:00"
        raise InputError(f"trainer.max_time is {config.max_time!r}; it should be {what}")


def _check_accelerator(name: object) -> None:
    usable = ["auto", *(each for each, entry in AcceleratorRegistry.items() if entry["accelerator"].is_available())]
    if isinstance(name, str) and name not in usable and not (name == "gpu" and {"cuda", "mps"} & set(usable)):
        raise InputError(f"trainer.accelerator is {name!r}, which is not here; give one of {', '.join(usable)}")


def _check_processes(devices: object) -> None:
    """Refuse a number of processes that this machine has no processors for: each of them is a whole training."""
    most = os.cpu_count() or 1
    if devices in (None, "auto"):
        return
    if not (str(devices).isdecimal() and 1 <= int(str(devices)) <= most):
        raise InputError(f"trainer.devices is {devices!r}; on this CPU it should be a whole number from 1 to {most}")


@contextmanager
def lightning_errors() -> Iterator[None]:
    """Let Lightning say to users what concerns them, in the exceptions of this project.

    Raises:
        InputError: if Lightning refuses an argument, there is no room for its logs, or the GPU has too little memory.
        KeyboardInterrupt: if the user interrupts it.
    """
    _silence_advice()
    try:
        yield
    except MisconfigurationException as error:
        raise InputError(one_line(error)) from error
    except ValueError as error:
        # Lightning finds it out with the data, and says it in an exception of everybody's.
        if isinstance(error, InputError) or "val_check_interval" not in str(error):
            raise
        what = one_line(error).replace("`", "").partition(". If ")[0]
        raise InputError(f"trainer.{what}; lower it") from error
    except torch.OutOfMemoryError as error:
        fix = "lower data.batch_size or data.batch_tokens, or data.eval_batch_tokens where it does not train"
        raise InputError(f"the GPU has too little memory: {one_line(error)[:200]}; {fix}") from error
    except OSError as error:
        # Loggers also write when another error ends the training, and the system tells no name with this one.
        if error.errno not in NO_ROOM:
            raise
        raise InputError(
            f"{error.filename or 'logs'}: cannot be written ({error.strerror}); free the disk, and start again"
        ) from error
    except SystemExit as stop:
        # Lightning tidies up after Ctrl-C and then exits with the code of a failure.
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


def _silence_advice() -> None:
    """Silence what Lightning and transformers say to developers."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (
        "does not have many workers",  # one process makes batches faster than the encoder reads them
        "exists and is not empty",  # a run may be repeated
        "dirpath has changed",  # a checkpoint may be moved
        "custom batch sampler",  # ours returns every text once
        "isinstance.treespec",  # Lightning's own use of torch
        "callbacks used to create the checkpoint",  # an evaluation does not need all of them
        "logging on epoch level in distributed setting",  # values logged at an epoch's end are those of all processes
    ):
        warnings.filterwarnings("ignore", message=f".*{message}.*")


def _settle_precision(config: Namespace, *, is_fit: bool) -> None:
    """Choose the precision, where that is left open, or replace one that would be slow."""
    device = "cpu" if _computes_on_cpu(config) else _accelerator(config)
    if config.precision in (None, "auto"):
        is_fast = has_fast_bf16(device, if_unknown=False)
        config.precision = "bf16-mixed" if is_fast and not (is_fit and device == "cpu") else "32"
    elif config.precision == "bf16-mixed" and device == "cpu" and not has_fast_bf16():
        log.warning("This processor has no instructions for bf16, and would be many times slower with it: using 32")
        config.precision = "32"


def _accelerator(config: Namespace) -> str:
    """Return the type of the device that is no CPU."""
    found = torch.accelerator.current_accelerator()
    return str(config.accelerator) if found is None else found.type


def _computes_on_cpu(config: Namespace) -> bool:
    return config.accelerator == "cpu" or (
        config.accelerator in ("auto", None) and not torch.accelerator.is_available()
    )
