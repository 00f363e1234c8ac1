"""Rank, world size and reductions for distributed runs; what the processor can do; seeds."""

from hashlib import blake2b
from typing import TypeVar

import torch.distributed
from torch import Tensor

T = TypeVar("T")


def rank() -> tuple[int, int]:
    """Return this process's rank and the world size; 0 and 1 outside of distributed runs."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def has_fast_bf16(device: str = "cpu", if_unknown: bool = True) -> bool:
    """Return if a device multiplies matrices of bf16 natively; a CPU without that is 60 times slower.

    Args:
        device: Its type, such as ``cuda``.
        if_unknown: What holds where torch is too old to know.
    """
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device != "cpu":
        return False
    if not hasattr(torch.cpu, "get_capabilities"):
        return if_unknown
    can = torch.cpu.get_capabilities()
    # On ARM the capability is called bf16.
    return any(can.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def total(own: int, device: torch.device) -> Tensor | int:
    """Return the sum over the processes. All have to call it; none waits for its device."""
    _, ranks = rank()
    if ranks == 1:
        return own
    # Filled on the device: a copy would wait for the work queued there.
    number = torch.full((), own, device=device)
    torch.distributed.all_reduce(number)
    return number


def gathered(own: T) -> list[T]:
    """Return the values of all processes, by rank. All have to call it."""
    _, ranks = rank()
    if ranks == 1:
        return [own]
    parts: list[T] = [own] * ranks
    torch.distributed.all_gather_object(parts, own)
    return parts


def mixed_seed(*parts: int) -> int:
    """Return a seed of 32 bits made of several numbers, such as a run's seed and the epoch.

    Their sum would give seed 11 in its seventh epoch the order and the dropout of seed 17 in its first.
    """
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=4).digest(), "big")
