"""Where checkpoints lie, and how one is opened safely."""

import pickle
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path

import torch
import yaml

from ner.errors import InputError

FOLDER = Path("checkpoints")
CONFIG_KEY = "config"
MODULE_KEY = "hyper_parameters"
DATA_KEY = "NERDataModule"
# What a configuration says of a training's outcome, and what in it does not matter to that.
DECISIVE = (
    "seed_everything",
    "early_stopping",
    "checkpoint.monitor",
    "checkpoint.mode",
    "model",
    "data",
    "trainer.max_epochs",
    "trainer.max_steps",
    "trainer.precision",
    "trainer.accumulate_grad_batches",
    "trainer.gradient_clip_val",
    "trainer.gradient_clip_algorithm",
    "trainer.limit_train_batches",
)
FREE = ("data.eval_batch_size", "data.num_workers", "data.predict_path")


@dataclass(frozen=True, slots=True)
class CheckpointSettings:
    """What a checkpoint says about itself, beside its weights.

    Args:
        config: The whole configuration of the run, empty where it was not trained from the command line.
        model: Arguments of the ``NERModule``.
        data: How texts are read: the state of the ``NERDataModule``.
    """

    config: Mapping[str, object]
    model: Mapping[str, object]
    data: Mapping[str, object]


def seed_folder(run: str, seed: int | str) -> Path:
    """The folder of one seed of a run."""
    return FOLDER / run / f"seed={seed}"


def newest_best(run: str | None = None, seed: object = None) -> Path:
    """The ``best.ckpt`` that was written last, of one run and one seed where they are given.

    Raises:
        InputError: if there is none.
    """
    where = seed_folder("*" if run is None else escape(run), "*" if seed is None else escape(str(seed))) / "best.ckpt"
    found = sorted(Path().glob(str(where)), key=lambda path: path.stat().st_mtime)
    if not found:
        raise InputError(f"no checkpoint at {where}; train one with `fit`, or name one with --ckpt_path")
    return found[-1]


def read_settings(path: Path) -> CheckpointSettings:
    """Open a checkpoint without running any code from it.

    Raises:
        InputError: if it is missing, a folder, or not a checkpoint of this project.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder, not a checkpoint; name the .ckpt file in it")
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, ValueError, EOFError, OSError, pickle.UnpicklingError):
        raise InputError(f"{path}: not a checkpoint, or a damaged one: it does not load safely") from None
    if not isinstance(checkpoint, dict) or not {MODULE_KEY, DATA_KEY, "state_dict"} <= checkpoint.keys():
        raise InputError(f"{path}: not a checkpoint of this project: it lacks {MODULE_KEY} or {DATA_KEY}")
    model, data, weights = (checkpoint[key] for key in (MODULE_KEY, DATA_KEY, "state_dict"))
    config: object = None
    with suppress(yaml.YAMLError):
        config = yaml.safe_load(str(checkpoint.get(CONFIG_KEY, ""))) or {}
    if not isinstance(config, dict) or not all(isinstance(part, dict) for part in (model, data, weights)):
        raise InputError(
            f"{path}: a damaged checkpoint: {MODULE_KEY}, {DATA_KEY}, weights or {CONFIG_KEY} are unreadable"
        )
    return CheckpointSettings(config, model, data)


def differing_keys(saved: Mapping[str, object], own: Mapping[str, object]) -> list[str]:
    """The settings, by dotted name, that decide what a training ends with and that two configurations do not share."""
    first, second = _decisive(saved), _decisive(own)
    return sorted(key for key in first.keys() | second.keys() if first.get(key) != second.get(key))


def _decisive(config: Mapping[str, object]) -> dict[str, object]:
    return {
        key: value
        for key, value in _flat(config)
        if key not in FREE and any(f"{key}.".startswith(f"{kept}.") for kept in DECISIVE)
    }


def _flat(config: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
