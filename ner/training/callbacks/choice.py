"""The callbacks of a run, as its settings choose them."""

from collections.abc import Sequence

from jsonargparse import Namespace
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, Timer

from ner.checkpoints import ensemble, runs
from ner.checkpoints.checkpoint import Checkpoint
from ner.errors import InputError
from ner.training.callbacks.distillation import Distillation
from ner.training.callbacks.ensemble import SeedEnsemble
from ner.training.callbacks.initial_weights import InitialWeights
from ner.training.callbacks.progress import ProgressBar
from ner.training.callbacks.weight_average import WeightAverage
from ner.training.trainer import check_least, check_monitor


def check_checkpoint(config: Namespace, *, is_fit: bool) -> None:
    """Refuse settings of the callback that keeps the best checkpoint, before it is built.

    Args:
        config: Its settings.
        is_fit: Whether it is to write any.

    Raises:
        InputError: if there is one that cannot be used; it names it.
    """
    check_least(config, {"save_top_k": -1, "every_n_epochs": 0, "every_n_train_steps": 0}, "checkpoint")
    if config.mode not in ("min", "max"):
        raise InputError(f"checkpoint.mode is {config.mode!r}; it should be one of min, max")
    intervals = ("every_n_train_steps", "every_n_epochs", "train_time_interval")
    if len(given := [f"checkpoint.{name}" for name in intervals if config[name]]) > 1:
        raise InputError(f"{' and '.join(given)} exclude each other; give one of them")
    if is_fit:
        _check_names(config)


def fit_callbacks(config: Namespace, labels: Sequence[str], members: Sequence[Checkpoint]) -> list[Callback]:
    """Return the callbacks of a training, beside the one that keeps the best checkpoint.

    Args:
        config: The settings of the run.
        labels: Entity types of the data.
        members: The checkpoint that is resumed, if any, which has the weights already.

    Raises:
        InputError: if a setting cannot be used, or the initial weights or the teacher cannot be read.
    """
    # `save_last` of the one that keeps the best would write only when there is a new best.
    last = ModelCheckpoint(
        config.checkpoint.dirpath, "last", save_on_train_epoch_end=True, enable_version_counter=False
    )
    callbacks: list[Callback] = [last, *_displays(config)]
    if config.checkpoint.monitor is not None and config.trainer.callbacks is None:  # whose own metrics are unknown
        check_monitor(config.checkpoint.monitor, config.checkpoint.mode, labels)
    if config.early_stopping is not None:
        _check_early_stopping(config)
        callbacks.append(EarlyStopping("val/micro_f1", mode="max", patience=config.early_stopping))
    if config.trainer.max_time is not None:
        # The trainer's own timer stops within an epoch, and `last` would then count that epoch as finished.
        callbacks.append(Timer(config.trainer.max_time, interval="epoch"))
    if config.init_from is not None and not members:
        callbacks.append(InitialWeights(ensemble.read_of_seed(config.init_from, config.seed_everything)))
    if config.ema_decay is not None:
        if not 0 < config.ema_decay < 1:
            raise InputError(f"ema_decay is {config.ema_decay}; it should be a number between 0 and 1, such as 0.999")
        if config.checkpoint.save_weights_only:
            raise InputError("ema_decay: the average would not be saved; leave out checkpoint.save_weights_only")
        callbacks.append(WeightAverage(config.ema_decay))
    if config.teacher is not None:
        callbacks.append(Distillation(ensemble.read(runs.find(config.teacher)), config.distillation.weight))
    return callbacks


def evaluation_callbacks(config: Namespace, members: Sequence[Checkpoint]) -> list[Callback]:
    """Return the callbacks that put one checkpoint, or an ensemble of several, in the module.

    Args:
        config: The settings of the run.
        members: The checkpoints.
    """
    if len(members) == 1:
        return [InitialWeights(members[0]), *_displays(config)]
    return [SeedEnsemble(members=members, one_at_a_time=config.ensemble.one_at_a_time), *_displays(config)]


def _check_names(config: Namespace) -> None:
    """Refuse several best files with one name, of which Lightning keeps the last."""
    has_names = config.filename is None or "{" in config.filename or config.enable_version_counter
    if config.save_top_k not in (0, 1) and not has_names:
        raise InputError(
            f"checkpoint.save_top_k is {config.save_top_k}: all would be named {config.filename}.ckpt; give "
            "checkpoint.filename a field too, such as 'best-{epoch}'"
        )


def _check_early_stopping(config: Namespace) -> None:
    if config.early_stopping < 1:
        raise InputError(f"early_stopping is {config.early_stopping}; it should be at least 1")
    interval = config.trainer.val_check_interval  # 1 is a batch, and 1.0 an epoch
    is_epoch = interval is None or (isinstance(interval, float) and interval == 1)
    if config.trainer.check_val_every_n_epoch not in (None, 1) or not is_epoch:
        given = "check_val_every_n_epoch or trainer.val_check_interval"
        raise InputError(f"early_stopping counts epochs, with a score each; leave out trainer.{given}")


def _displays(config: Namespace) -> list[Callback]:
    monitor = [LearningRateMonitor("step")] if config.trainer.logger else []
    return [*monitor, *([ProgressBar()] if config.trainer.enable_progress_bar is not False else [])]
