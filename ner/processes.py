"""What several processes have to agree on; alone, a process is rank 0 of 1."""

from typing import TypeVar

import torch.distributed

T = TypeVar("T")


def rank() -> tuple[int, int]:
    """This process's number, and how many there are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def gathered(own: T) -> list[T]:
    """What each process passed in, by rank. All have to call it."""
    _, ranks = rank()
    if ranks == 1:
        return [own]
    parts: list[T] = [own] * ranks
    torch.distributed.all_gather_object(parts, own)
    return parts
