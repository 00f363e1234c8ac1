"""Batches of encoded chunks as tensors, and the sampler that groups them by length."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler

from ner import runtime as processes
from ner.errors import InputError
from ner.preprocessing.encoding import EncodedChunk, Windowing, batch_sizes, encode, length_batches, padded
from ner.runtime import mixed_seed

# What is made of batches is made of encoded chunks too.
__all__ = ["Batch", "Collator", "EncodedChunk", "LengthBatchSampler", "encode", "length_batches"]

# How far from its place in the order of lengths a chunk may be dealt in an epoch, as a share of its length.
JITTER = 0.05


@dataclass(frozen=True)
class Batch:
    """B chunks as W windows of at most L tokens; T is the length of the longest chunk.

    Args:
        input_ids: What the encoder reads, (W, L).
        attention_mask: 1 on its tokens, 0 on padding, (W, L).
        rows: The window from which each token of a chunk is read, (B, T).
        positions: The position in that window, (B, T).
        mask: True on the tokens of a chunk: a prefix of each row, (B, T).
        annotated: True on its tokens with known tags: a prefix of each row, (B, T).
        tags: Tag ids, 0 behind the annotated ones, (B, T).
        weights: Factors in the loss, (B,).
        chunks: The chunks themselves, B of them.
    """

    input_ids: Tensor
    attention_mask: Tensor
    rows: Tensor
    positions: Tensor
    mask: Tensor
    annotated: Tensor
    tags: Tensor
    weights: Tensor
    chunks: tuple[EncodedChunk, ...]

    def __len__(self) -> int:
        return len(self.chunks)

    def to(self, device: torch.device | str) -> "Batch":
        """The batch with its tensors on a device; on a GPU from page-locked memory while the host goes on."""
        on_gpu = torch.device(device).type == "cuda"
        return self._with_tensors(lambda tensor: tensor.to(device, non_blocking=on_gpu))

    def pin_memory(self) -> "Batch":
        """The batch with its tensors in page-locked memory."""
        return self._with_tensors(lambda tensor: tensor.pin_memory())

    def _with_tensors(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        names = (field.name for field in fields(self) if field.name != "chunks")
        changes: dict[str, Any] = {name: change(getattr(self, name)) for name in names}
        return replace(self, **changes)


class Collator(Windowing):
    """Makes batches of encoded chunks. A chunk beyond the limit becomes several windows of the same batch."""

    def __call__(self, chunks: Sequence[EncodedChunk]) -> Batch:
        inputs = self.inputs(chunks)
        lengths = [len(chunk.tokens) for chunk in chunks]
        return Batch(
            input_ids=torch.tensor(inputs.input_ids),
            attention_mask=torch.tensor(inputs.attention_mask),
            rows=torch.tensor(inputs.rows),
            positions=torch.tensor(inputs.positions),
            mask=_prefixes(lengths, max(lengths)),
            annotated=_prefixes([chunk.annotated for chunk in chunks], max(lengths)),
            tags=torch.tensor(padded([chunk.tags for chunk in chunks], 0)),
            weights=torch.tensor([chunk.chunk.document.weight for chunk in chunks]),
            chunks=tuple(chunks),
        )


def _prefixes(lengths: Sequence[int], width: int) -> Tensor:
    return torch.arange(width) < torch.tensor(lengths)[:, None]


class LengthBatchSampler(Sampler[list[int]]):
    """Batches of chunks of about the same length, in a new order each epoch, the same number of batches each epoch.

    The sizes of the batches follow once from the sorted lengths. Each epoch deals the chunks anew among neighbours in
    length and shuffles the batches. In training every rank gets equally many; in evaluation each chunk comes once.

    Args:
        shapes: Number and width of the windows of each chunk.
        batch_size: Most chunks in a batch.
        batch_tokens: Most tokens in a batch, padding included, that the sizes aim at; ``None`` for no such limit.
        shuffle: Whether to deal and shuffle: in training.
        seed: Decides the orders, together with the epoch.

    Raises:
        InputError: if a batch could hold nothing, or in evaluation a process would have no batch.
    """

    def __init__(
        self,
        shapes: Sequence[tuple[int, int]],
        batch_size: int,
        batch_tokens: int | None = None,
        shuffle: bool = False,
        seed: int = 0,
    ) -> None:
        if batch_size < 1 or (batch_tokens is not None and batch_tokens < 1):
            raise InputError(f"a batch needs room for something, not for {batch_size} texts or {batch_tokens} tokens")
        if not shuffle:
            # A process without a batch would leave the evaluation loop, and the others would wait for its counts.
            _, ranks = processes.rank()
            if len(shapes) < ranks:
                raise InputError(f"{ranks} processes cannot share {len(shapes)} texts; use fewer trainer.devices")
            batch_size = min(batch_size, len(shapes) // ranks)
        self.widths = [width for _, width in shapes]
        self.sizes = list(batch_sizes(shapes, batch_size, batch_tokens))
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0
        # Lightning sets the epoch of `batch_sampler.sampler`, never that of a batch sampler itself.
        self.sampler = self

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        rank, ranks = processes.rank()
        return -(-len(self.sizes) // ranks) if self.shuffle else len(range(rank, len(self.sizes), ranks))

    def __iter__(self) -> Iterator[list[int]]:
        rank, ranks = processes.rank()
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
