"""Training and evaluation batches of texts of about the same length."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from ner import runtime
from ner.errors import InputError
from ner.preprocessing.bucketing import batch_sizes
from ner.preprocessing.ragged import Integers
from ner.runtime import mixed_seed

# How far from its place in the order of lengths a text may be dealt in an epoch, as a share of its length.
JITTER = 0.05


class LengthBatchSampler(Sampler[list[int]]):
    """Batches of texts of about the same length, in a new order each epoch, the same number of batches each epoch.

    The sizes of the batches follow once from the sorted lengths. Each epoch deals the texts anew among neighbours in
    length and shuffles the batches. In training every rank gets equally many; in evaluation each text comes once.

    Args:
        counts: Number of windows of each text, (N,).
        widths: Width of the windows of each text, (N,).
        batch_size: Most texts in a batch.
        batch_tokens: Most tokens in a batch, padding included, that the sizes aim at; ``None`` for no such limit.
        shuffle: Deal and shuffle: in training.
        seed: Decides the orders, together with the epoch.

    Raises:
        InputError: if a batch could hold nothing, or in evaluation a process would have no batch.
    """

    def __init__(
        self,
        counts: Integers,
        widths: Integers,
        batch_size: int,
        batch_tokens: int | None = None,
        shuffle: bool = False,
        seed: int = 0,
    ) -> None:
        if batch_size < 1 or (batch_tokens is not None and batch_tokens < 1):
            raise InputError(f"a batch needs room for something, not for {batch_size} texts or {batch_tokens} tokens")
        if not shuffle:
            # A process without a batch would leave the evaluation loop, and the others would wait for its counts.
            _, ranks = runtime.rank()
            if len(widths) < ranks:
                raise InputError(f"{ranks} processes cannot share {len(widths)} texts; use fewer trainer.devices")
            batch_size = min(batch_size, len(widths) // ranks)
        self.widths = widths
        self.sizes = list(batch_sizes(counts, widths, batch_size, batch_tokens))
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0
        # Lightning sets the epoch of `batch_sampler.sampler`, never that of a batch sampler itself.
        self.sampler = self

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        rank, ranks = runtime.rank()
        return -(-len(self.sizes) // ranks) if self.shuffle else len(range(rank, len(self.sizes), ranks))

    def __iter__(self) -> Iterator[list[int]]:
        rank, ranks = runtime.rank()
        widths = torch.tensor(self.widths, dtype=torch.float64)
        generator = torch.Generator().manual_seed(mixed_seed(self.seed, self.epoch))
        if self.shuffle:
            widths *= 1 + JITTER * (2 * torch.rand(len(widths), generator=generator, dtype=torch.float64) - 1)
        order = torch.argsort(widths, stable=True)
        batches = [batch.tolist() for batch in torch.split(order, self.sizes)]
        if self.shuffle:
            batches = [batches[position] for position in torch.randperm(len(batches), generator=generator).tolist()]
            # Where they do not divide, the first ones come twice, so that all processes take equally many steps.
            batches = [batches[position % len(batches)] for position in range(len(self) * ranks)]
        yield from batches[rank::ranks]
