"""Where checkpoints lie, and how one is opened safely."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ner.errors import InputError

FOLDER = Path("checkpoints")
CONFIG_KEY = "config"
MODULE_KEY = "hyper_parameters"
DATA_KEY = "NERDataModule"


@dataclass(frozen=True, slots=True)
class CheckpointSettings:
    """What a checkpoint says about itself, beside its weights.

    Args:
        config: The whole configuration of the run as YAML, empty where it was not trained from the command line.
        model: Arguments of the ``NERModule``.
        data: How texts are read: the state of the ``NERDataModule``.
    """

    config: str
    model: Mapping[str, object]
    data: Mapping[str, object]


def seed_folder(run: str, seed: int) -> Path:
    """The folder of one seed of a run."""
    return FOLDER / run / f"seed={seed}"


def newest_best(run: str = "*") -> Path:
    """The ``best.ckpt`` that was written last, of one run or of all.

    Raises:
        InputError: if there is none.
    """
    found = sorted(FOLDER.glob(f"{run}/seed=*/best.ckpt"), key=lambda path: path.stat().st_mtime)
    if not found:
        where = FOLDER / run / "seed=*" / "best.ckpt"
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
    return CheckpointSettings(str(checkpoint.get(CONFIG_KEY, "")), checkpoint[MODULE_KEY], checkpoint[DATA_KEY])
