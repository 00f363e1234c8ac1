"""The members of an ensemble: whether they fit together, and their models."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ner.checkpoints import runs
from ner.checkpoints.checkpoint import Checkpoint, read_checkpoint
from ner.checkpoints.export import is_exported, read_folder
from ner.checkpoints.pretrained import ARCHITECTURES, build_encoder
from ner.checkpoints.schema import check_encoder_config
from ner.errors import InputError
from ner.labels import LabelSet
from ner.nn.models import EncoderCRF
from ner.preprocessing.preprocessor import Preprocessor

PREFIX = "model."


def read(paths: Sequence[Path]) -> list[Checkpoint]:
    """Open the members in checkpoints and exported folders; their weights are read later.

    Raises:
        InputError: if one cannot be read, or they disagree on labels, tokens or markers.
    """
    members: list[Checkpoint] = []
    for path in paths:
        members += read_folder(path) if is_exported(path) else [read_checkpoint(path)]
    for member in members[1:]:
        check_agreement(member, members[0].name, members[0].labels, members[0].preprocessor)
    return members


def read_of_seed(pattern: str, seed: int) -> Checkpoint:
    """Read the one checkpoint that a pattern names, or that of a seed among several.

    Args:
        pattern: A checkpoint, an exported folder or a pattern, in which ``{seed}`` stands for the seed.
        seed: The seed.

    Raises:
        InputError: if there is none, or several and none of them is the seed's.
    """
    path = pattern.replace("{seed}", str(seed))
    found = read(runs.find(path))
    own = [member for member in found if len(found) == 1 or Path(member.name).name == str(seed)]
    if len(own) != 1:
        raise InputError(f"{path}: has {len(found)} members, none of them seed {seed}; name one checkpoint")
    return own[0]


def check_agreement(member: Checkpoint, name: str, labels: Sequence[str], preprocessor: Preprocessor) -> None:
    """Refuse a checkpoint whose tags or units are not those of another one, or of the data it is used on.

    Args:
        member: The checkpoint.
        name: What messages call the other.
        labels: Entity types of the other, in order.
        preprocessor: How the other reads texts.

    Raises:
        InputError: if they differ; it names both, and what differs.
    """
    differing = ["labels"] if member.labels != list(labels) else []
    differing += member.preprocessor.differences(preprocessor)
    if differing:
        raise InputError(f"{member.name} and {name} do not fit together: they differ in {', '.join(differing)}")


def build_model(member: Checkpoint, is_mapped: bool = False) -> EncoderCRF:
    """Build the model of a checkpoint, in fp32, in evaluation mode, on the CPU.

    Args:
        member: The checkpoint.
        is_mapped: Leave its weights in the file, which the system reads as they are used.

    Raises:
        InputError: if its weights are not those of its configuration.
    """
    weights = {name.removeprefix(PREFIX): tensor for name, tensor in member.read_weights().items()}
    try:
        # Without memory first: sizes that the weights do not have are never allocated.
        with torch.device("meta"):
            expected = _empty_model(member, len(weights)).state_dict()
        _check_shapes(weights, expected)
        model = _empty_model(member, len(weights))
        model.load_state_dict(weights, assign=is_mapped)
    except (InputError, RuntimeError) as error:
        raise InputError(f"{member.name}: {' '.join(str(error).split())[:300]}") from None
    return model.eval()


def _empty_model(member: Checkpoint, tensors: int) -> EncoderCRF:
    config = member.model.get("encoder_config")
    if not isinstance(config, Mapping):
        raise InputError("a damaged checkpoint: it lacks its encoder's configuration")
    check_encoder_config(config, ARCHITECTURES, tensors)
    encoder = build_encoder(config)
    return EncoderCRF(encoder, encoder.config.hidden_size, len(LabelSet(member.labels).tags), dropout=0.0)


def _check_shapes(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    differing = sorted(
        name
        for name in weights.keys() | expected.keys()
        if name not in weights or name not in expected or weights[name].shape != expected[name].shape
    )
    if differing:
        what = f"{len(differing)} are missing, unknown or of another shape, such as {differing[0][:100]}"
        raise InputError(f"its weights are not those of its configuration: {what}")
