"""Weights from a stranger: checked before a model of their sizes is built."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ner.checkpoints.schema import MOST_CHARACTERS
from ner.errors import InputError

# The largest encoders have about a thousand; layers are built one by one, which takes time.
MOST_TENSORS = 5_000
# Tensors that share their memory are written once.
MOST_TIMES = 4
# What a model computes for itself, such as positions and masks, beside its weights.
MOST_BUFFERS = 2**28


def check_weights(weights: Mapping[str, object], size: int) -> None:
    """Check that weights are plain tensors in the memory of the file.

    Args:
        weights: What the file says they are.
        size: The length of the file.

    Raises:
        InputError: if one is no tensor, or has no numbers of its own.
    """
    if len(weights) > MOST_TENSORS or any(len(name) > MOST_CHARACTERS for name in weights):
        raise InputError(f"a damaged checkpoint: it has {len(weights)} weights, or one with a name too long")
    total = 0
    for name, tensor in weights.items():
        if not isinstance(tensor, Tensor):
            raise InputError("a damaged checkpoint: not all of its weights are tensors")
        is_plain = type(tensor) in (Tensor, nn.Parameter) and tensor.layout == torch.strided
        if not is_plain or tensor.device.type != "cpu" or tensor.is_quantized or tensor.is_complex():
            raise InputError(f"a damaged checkpoint: {name[:100]} is not a plain tensor")
        total += tensor.numel() * tensor.element_size()
    if total > MOST_TIMES * size:
        raise InputError(f"a damaged checkpoint: its weights would take {total} bytes, the file has {size}")


def check_fit(weights: Mapping[str, Tensor], model: nn.Module) -> None:
    """Check that weights are those of a model that was built without memory.

    Args:
        weights: The weights, by the model's names.
        model: The model, on the device ``meta``.

    Raises:
        InputError: if a weight is missing, unknown or of another shape, or the model needs much more memory than they.
    """
    expected = model.state_dict()
    differing = sorted(
        name
        for name in weights.keys() | expected.keys()
        if name not in weights or name not in expected or not _is_like(weights[name], expected[name])
    )
    if differing:
        what = f"{len(differing)} are missing, unknown or of another shape, such as {differing[0][:100]}"
        raise InputError(f"its weights are not those of its configuration: {what}")
    own = sum(buffer.numel() * buffer.element_size() for name, buffer in model.named_buffers() if name not in weights)
    if own > MOST_BUFFERS:
        raise InputError(f"its encoder would take {own} bytes beside its weights")


def _is_like(tensor: Tensor, other: Tensor) -> bool:
    return tensor.shape == other.shape and tensor.is_floating_point() == other.is_floating_point()
