"""Checkpoints, opened without running any code from them."""

import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch
import yaml
from torch import Tensor

from ner.checkpoints.renames import present_reading, present_record
from ner.errors import InputError
from ner.preprocessing.preprocessor import Preprocessor

CONFIG_KEY = "config"
MODULE_KEY = "hyper_parameters"
DATA_KEY = "NERDataModule"


@dataclass(frozen=True, slots=True)
class BestEpoch:
    """The epoch of a training with the best score on dev so far.

    Args:
        epoch: Its number, from 1.
        micro_f1: Its micro-F1 on dev.
        macro_f1: Its macro-F1 on dev.
    """

    epoch: int
    micro_f1: float
    macro_f1: float


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A trained model as a file holds it.

    Args:
        name: Its path, for messages.
        model: Arguments of the ``NERModule``.
        preprocessor: How texts are read.
        read_weights: Reads the tensors of the ``NERModule``, by name.
        config: The whole configuration of the run, empty where it was not trained from the command line.
        epochs: Number of finished epochs.
        steps: Number of optimizer steps taken.
        is_stopped: True where early stopping ended the training.
        best_epoch: The best epoch so far, which need not be that of the weights; ``None`` where it is not known.
    """

    name: str
    model: Mapping[str, object]
    preprocessor: Preprocessor
    read_weights: Callable[[], Mapping[str, Tensor]]
    config: Mapping[str, object] = field(default_factory=dict)
    epochs: int = 0
    steps: int = 0
    is_stopped: bool = False
    best_epoch: BestEpoch | None = None

    @property
    def data(self) -> Mapping[str, object]:
        """How texts are read, as arguments of the ``NERDataModule``."""
        return self.preprocessor.to_dict()

    @property
    def labels(self) -> list[str]:
        """The entity types, in the order of the tag ids."""
        labels = self.model.get("labels")
        return list(labels) if isinstance(labels, Sequence) else []


def read_checkpoint(path: Path) -> Checkpoint:
    """Open a checkpoint without running any code from it; its weights stay in the file until they are read.

    Raises:
        InputError: if it is missing, a folder, or not a checkpoint of this project.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder, not a checkpoint; name the .ckpt file in it")
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, ValueError, EOFError, OSError, pickle.UnpicklingError):
        raise InputError(f"{path}: not a checkpoint, or a damaged one: it does not load safely") from None
    if not isinstance(content, dict) or not {MODULE_KEY, DATA_KEY, "state_dict"} <= content.keys():
        raise InputError(f"{path}: not a checkpoint of this project: it lacks {MODULE_KEY} or {DATA_KEY}")
    model, data, weights = (content[key] for key in (MODULE_KEY, DATA_KEY, "state_dict"))
    config: object = None
    with suppress(yaml.YAMLError):
        config = yaml.safe_load(str(content.get(CONFIG_KEY, ""))) or {}
    if not isinstance(config, dict) or not all(isinstance(part, dict) for part in (model, data, weights)):
        what = f"{MODULE_KEY}, {DATA_KEY}, weights or {CONFIG_KEY} are unreadable"
        raise InputError(f"{path}: a damaged checkpoint: {what}")
    callbacks = content.get("callbacks", {})
    stopping = [state for name, state in callbacks.items() if name.startswith("EarlyStopping")]
    return Checkpoint(
        name=str(path),
        model=model,
        preprocessor=_preprocessor(path, present_reading(data)),
        read_weights=lambda: with_present_names(weights),
        config=present_record(config),
        epochs=content.get("epoch", -1) + 1,
        steps=content.get("global_step", 0),
        is_stopped=any(state.get("stopped_epoch") for state in stopping),
        best_epoch=_best_epoch(callbacks.get("ScoreReport")),
    )


def _preprocessor(path: Path, settings: Mapping[str, object]) -> Preprocessor:
    try:
        return Preprocessor.from_dict(settings)
    except InputError as error:
        raise InputError(f"{path}: a damaged checkpoint: {error}") from None


def with_present_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by the names that this version gives them: until version 0.1 the network was called ``tagger``."""
    return {re.sub(r"^tagger\.", "model.", name): tensor for name, tensor in weights.items()}


def _best_epoch(report: object) -> BestEpoch | None:
    """What the callback that reports scores has kept."""
    with suppress(KeyError, IndexError, TypeError, ValueError):
        if isinstance(report, Mapping):
            return BestEpoch(int(report["epoch"]) + 1, float(report["micro"][2]), float(report["macro"][2]))
    return None
