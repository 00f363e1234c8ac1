"""Rank, world size and reductions for distributed runs; what the processor can do; seeds."""

from hashlib import blake2b
from typing import TypeVar

import torch.distributed
from torch import Tensor

T = TypeVar("T")


def rank() -> tuple[int, int]:
    """This process's number, and how many there are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def has_fast_bf16() -> bool:
    """Whether this machine's processor has instructions for matrices of bf16, which it is 60 times slower without."""
    if not hasattr(torch.cpu, "get_capabilities"):
        return True  # an older torch does not know
    can = torch.cpu.get_capabilities()
    # On ARM the capability is called bf16.
    return any(can.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def total(own: int, device: torch.device) -> Tensor | int:
    """The sum of what each process passed in. All have to call it; none waits for its device."""
    _, ranks = rank()
    if ranks == 1:
        return own
    # Filled there: a copy would wait for what the device has to do before.
    number = torch.full((), own, device=device)
    torch.distributed.all_reduce(number)
    return number


def gathered(own: T) -> list[T]:
    """What each process passed in, by rank. All have to call it."""
    _, ranks = rank()
    if ranks == 1:
        return [own]
    parts: list[T] = [own] * ranks
    torch.distributed.all_gather_object(parts, own)
    return parts


def mixed_seed(*parts: int) -> int:
    """A seed of 32 bits from several numbers, such as a run's seed and the epoch.

    Their sum would give seed 11 in its seventh epoch the order and the dropout of seed 17 in its first.
    """
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=4).digest(), "big")
