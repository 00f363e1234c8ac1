"""Checkpoints, opened without running any code from them."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from ner.checkpoints.renames import present, present_reading
from ner.checkpoints.schema import check_model
from ner.errors import InputError
from ner.preprocessing.preprocessor import Preprocessor

CONFIG_KEY = "config"
LONGEST_CONFIG = 200_000
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
        content: object = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # noqa: BLE001 - a damaged file may lead to any
        raise InputError(f"{path}: not a checkpoint, or a damaged one: it does not load safely") from None
    if not isinstance(content, dict) or not {MODULE_KEY, DATA_KEY, "state_dict"} <= content.keys():
        raise InputError(f"{path}: not a checkpoint of this project: it lacks {MODULE_KEY} or {DATA_KEY}")
    model, data, weights = (content[key] for key in (MODULE_KEY, DATA_KEY, "state_dict"))
    config = _config(content.get(CONFIG_KEY, ""))
    if config is None or not all(isinstance(part, dict) for part in (model, data, weights)):
        what = f"{MODULE_KEY}, {DATA_KEY}, weights or {CONFIG_KEY} are unreadable"
        raise InputError(f"{path}: a damaged checkpoint: {what}")
    if not all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in weights.items()):
        raise InputError(f"{path}: a damaged checkpoint: not all of its weights are tensors")
    try:
        check_model(model)
        preprocessor = Preprocessor.from_dict(present_reading(data))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    callbacks = content.get("callbacks")
    states = {str(name): state for name, state in callbacks.items()} if isinstance(callbacks, dict) else {}
    return Checkpoint(
        name=str(path),
        model=model,
        preprocessor=preprocessor,
        read_weights=lambda: with_present_names(weights),
        config=present(config),
        epochs=_count(content.get("epoch"), -1) + 1,
        steps=_count(content.get("global_step"), 0),
        is_stopped=any(
            isinstance(state, dict) and bool(state.get("stopped_epoch"))
            for name, state in states.items()
            if name.startswith("EarlyStopping")
        ),
        best_epoch=_best_epoch(states.get("ScoreReport")),
    )


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, which can multiply without end."""

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - yaml has no types
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias")
        return super().compose_node(parent, index)


def _config(text: object) -> dict[str, object] | None:
    """Return the configuration in a checkpoint; ``None`` where it is not one."""
    if not isinstance(text, str) or len(text) > LONGEST_CONFIG:
        return None
    try:
        config: object = yaml.load(text, _PlainLoader) or {}  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return config if isinstance(config, dict) else None


def _count(value: object, default: int) -> int:
    return value if type(value) is int else default


def with_present_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by the names that this version gives them: until version 0.1 the network was called ``tagger``."""
    return {re.sub(r"^tagger\.", "model.", name): tensor for name, tensor in weights.items()}


def _best_epoch(report: object) -> BestEpoch | None:
    """What the callback that reports scores has kept."""
    with suppress(KeyError, IndexError, TypeError, ValueError):
        if isinstance(report, Mapping):
            return BestEpoch(int(report["epoch"]) + 1, float(report["micro"][2]), float(report["macro"][2]))
    return None
