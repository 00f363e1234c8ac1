"""Checkpoints, opened without running any code from them."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain
from pathlib import Path
from statistics import mean
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import torch
import yaml
from torch import Tensor

from ner.checkpoints.renames import present_reading, present_record
from ner.checkpoints.schema import LARGEST_NUMBER, check_model, check_plain
from ner.checkpoints.weights import check_weights
from ner.errors import InputError
from ner.io.files import writing_bytes
from ner.io.paths import is_file, is_folder
from ner.preprocessing.preprocessor import Preprocessor

CONFIG_KEY = "config"
LONGEST_CONFIG = 200_000
MODULE_KEY = "hyper_parameters"
DATA_KEY = "NERDataModule"
# How pickle names it.
BYTES = b"\nbytearray\n"


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
        is_whole_epoch: True where it was written at the end of an epoch.
        has_optimizer: True where it has the state of the optimizer.
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
    is_whole_epoch: bool = False
    has_optimizer: bool = False
    best_epoch: BestEpoch | None = None

    @property
    def labels(self) -> list[str]:
        """The entity types, in the order of the tag ids."""
        labels = self.model.get("labels")
        return list(labels) if isinstance(labels, Sequence) else []

    @property
    def min_scores(self) -> dict[str, float]:
        """The least score that an entity of a label should have; empty where none was chosen."""
        min_scores = self.model.get("min_scores")
        return dict(min_scores) if isinstance(min_scores, Mapping) else {}


def common_reading(members: Sequence[Checkpoint]) -> Preprocessor:
    """Return how all members of an ensemble read texts: in windows that each of their encoders can read."""
    readings = (member.preprocessor for member in members)
    return min(readings, key=lambda each: (each.window_tokens, each.overlap_tokens))


def mean_min_scores(members: Sequence[Checkpoint]) -> dict[str, float]:
    """Return the least scores of an ensemble: the means of its members', of which one without any has 0."""
    found = [member.min_scores for member in members]
    # Exact where all are equal.
    return {label: mean(scores.get(label, 0.0) for scores in found) for label in dict.fromkeys(chain(*found))}


def read_checkpoint(path: Path) -> Checkpoint:
    """Open a checkpoint without running any code from it; its weights stay in the file until they are read.

    Raises:
        InputError: if it is missing, a folder, or not a checkpoint of this project.
    """
    if is_folder(path):
        raise InputError(f"{path}: a folder, not a checkpoint; name the .ckpt file in it")
    if not is_file(path):
        raise InputError(f"{path}: no such checkpoint")
    content = _content(path)
    try:
        model, data, weights = (_part(content, key) for key in (MODULE_KEY, DATA_KEY, "state_dict"))
        states = _states(content.get("callbacks"))
        check_plain([model, data, states], "what it says of itself")
        check_model(model)
        check_weights(weights, path.stat().st_size)
        preprocessor = Preprocessor.from_dict(present_reading(data))
        config = _config(content.get(CONFIG_KEY, ""))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return Checkpoint(
        name=str(path),
        model=model,
        preprocessor=preprocessor,
        read_weights=lambda: with_present_names(weights),
        config=present_record(config),
        epochs=_count(content.get("epoch"), -1) + 1,
        steps=_count(content.get("global_step"), 0),
        is_stopped=any(
            bool(state.get("stopped_epoch")) for name, state in states.items() if name.startswith("EarlyStopping")
        ),
        is_whole_epoch=_is_whole_epoch(content),
        has_optimizer=isinstance(states_of := content.get("optimizer_states"), list) and bool(states_of),
        best_epoch=_best_epoch(states.get("ScoreReport", {})),
    )


def write_min_scores(path: Path, min_scores: Mapping[str, float]) -> None:
    """Put least scores into a checkpoint, in place of those that it has.

    Raises:
        InputError: if it is not a checkpoint of this project, a label is none of its labels, or it cannot be written.
    """
    model = {**read_checkpoint(path).model, "min_scores": dict(min_scores)}
    try:
        check_model(model)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    write_checkpoint({**_content(path), MODULE_KEY: model}, path)


def write_checkpoint(content: Mapping[str, object], path: Path) -> None:
    """Write a checkpoint beside its name, wait until the disk has it, and rename it.

    Raises:
        InputError: if it cannot be written; a file that has the name stays as it was.
    """
    # Written to the file itself, torch hides the reason of a failure.
    buffer = BytesIO()
    torch.save(content, buffer)
    with writing_bytes(path) as file:
        file.write(buffer.getbuffer())


def _content(path: Path) -> dict[str, object]:
    """Return what a file holds: tensors and plain types."""
    try:
        with ZipFile(path) as archive:
            # Compressed, a small file can hold more than any memory.
            parts = archive.infolist()
            is_packed = any(part.compress_type != ZIP_STORED for part in parts)
            # The one type that torch takes to be safe and that is as large as the file says.
            pickles = [part for part in parts if part.filename.lower().endswith("data.pkl")]
            is_packed = is_packed or any(BYTES in archive.read(part) for part in pickles)
        content: object = None if is_packed else torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # noqa: BLE001 - a damaged file may lead to any
        raise InputError(f"{path}: not a checkpoint, or a damaged one: it does not load safely") from None
    if not isinstance(content, dict) or not {MODULE_KEY, DATA_KEY, "state_dict"} <= content.keys():
        raise InputError(f"{path}: not a checkpoint of this project: it lacks {MODULE_KEY} or {DATA_KEY}")
    return content


def _part(content: Mapping[str, object], key: str) -> dict[str, Any]:
    """Return a mapping with names as keys."""
    part = content[key]
    if not isinstance(part, dict) or not all(isinstance(name, str) for name in part):
        raise InputError(f"a damaged checkpoint: {key} is unreadable")
    return dict(part)


def _states(callbacks: object) -> dict[str, dict[str, Any]]:
    """Return the states of the callbacks that are read, as far as they are readable."""
    states = callbacks if isinstance(callbacks, dict) else {}
    return {
        # Early stopping keeps the best value as a tensor, which nothing here reads.
        name: {key: value for key, value in state.items() if not isinstance(value, Tensor)}
        for name, state in states.items()
        if isinstance(name, str) and name.startswith(("EarlyStopping", "ScoreReport")) and isinstance(state, dict)
    }


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, which can multiply without end."""

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - yaml has no types
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias")
        return super().compose_node(parent, index)


def _config(text: object) -> dict[str, object]:
    """Return the configuration in a checkpoint."""
    config: object = None
    if isinstance(text, str) and len(text) <= LONGEST_CONFIG:
        with suppress(yaml.YAMLError, ValueError, RecursionError):
            config = yaml.load(text, _PlainLoader) or {}  # noqa: S506 - a safe loader
    if not isinstance(config, dict):
        raise InputError(f"a damaged checkpoint: {CONFIG_KEY} is unreadable")
    check_plain(config, CONFIG_KEY)
    return config


def _count(value: object, default: int) -> int:
    return value if type(value) is int and 0 <= value <= LARGEST_NUMBER else default


def _is_whole_epoch(content: Mapping[str, object]) -> bool:
    """Return whether Lightning goes on from here as it would have: within an epoch it starts its texts anew."""
    found: object = content
    for key in ("loops", "fit_loop", "epoch_loop.batch_progress", "is_last_batch"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found is True


def with_present_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights under the names of this version: until version 0.1 the network was called ``tagger``."""
    return {re.sub(r"^tagger\.", "model.", name): tensor for name, tensor in weights.items()}


def _best_epoch(report: Mapping[str, Any]) -> BestEpoch | None:
    """Return what the callback that reports scores has kept, if it is readable."""
    with suppress(KeyError, IndexError, TypeError, ValueError, OverflowError):
        return BestEpoch(int(report["epoch"]) + 1, float(report["micro"][2]), float(report["macro"][2]))
    return None
