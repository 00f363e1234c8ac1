"""Encoded chunks, batches of them as tensors, and the sampler that groups them by length."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler

from ner import processes, windows
from ner.chunking import Chunk, Chunking
from ner.documents import Document, Span
from ner.errors import InputError
from ner.labels import LabelSet
from ner.randomness import mixed_seed
from ner.tokens import TextEncoder, Tokens

# How far from its place in the order of lengths a chunk may be dealt in an epoch, as a share of its length.
JITTER = 0.05


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """A chunk with its tokens and tags.

    Args:
        chunk: The text and where it comes from.
        tokens: Its T tokens.
        tags: T tag ids; behind the annotated tokens they are unknown, and ``O`` stands in.
        annotated: Number of leading tokens whose tags are known.
        document_number: The place of its document in the input.
        nested: Spans that BIO cannot hold beside a longer one.
        inexact: Spans whose borders do not fall between tokens.
    """

    chunk: Chunk
    tokens: Tokens
    tags: tuple[int, ...]
    annotated: int
    document_number: int = 0
    nested: tuple[Span, ...] = ()
    inexact: tuple[Span, ...] = ()

    def project(self, spans: Sequence[Span]) -> dict[int, tuple[Span, ...]]:
        """Spans of this chunk's tokens, in order, as spans of characters by passage of its document."""
        return self.chunk.project(self.tokens.characters(spans))


def encode(
    documents: Iterable[Document],
    chunking: Chunking,
    encoder: TextEncoder,
    labels: LabelSet,
    numbers: Iterable[int] | None = None,
) -> list[EncodedChunk]:
    """Chunks of documents with their tokens and tags, in the order of the documents.

    Args:
        documents: The documents.
        chunking: What is read as one text.
        encoder: Makes the tokens.
        labels: The entity types.
        numbers: The places of the documents in the input, where they do not simply follow each other.

    Raises:
        InputError: if a span's label is not in the label set; it names the document.
    """
    pairs = enumerate(documents) if numbers is None else zip(numbers, documents, strict=False)
    numbered = [(number, chunk) for number, document in pairs for chunk in chunking.chunks(document)]
    encoded = []
    all_tokens = encoder.encode([chunk.passage.text for _, chunk in numbered])
    for (number, chunk), tokens in zip(numbered, all_tokens, strict=True):
        aligned, inexact = tokens.align(chunk.passage.spans)
        try:
            tags, nested = labels.encode(aligned, len(tokens))
        except InputError as error:
            raise InputError(f"document {chunk.document.id}: {error}") from None
        annotated = tokens.before(chunk.passage.annotated_length)
        encoded.append(EncodedChunk(chunk, tokens, tuple(tags), annotated, number, tuple(nested), tuple(inexact)))
    return encoded


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

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Batch":
        """The batch with its tensors on a device."""
        return self._with_tensors(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Batch":
        """The batch with its tensors in page-locked memory."""
        return self._with_tensors(lambda tensor: tensor.pin_memory())

    def _with_tensors(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        names = (field.name for field in fields(self) if field.name != "chunks")
        changes: dict[str, Any] = {name: change(getattr(self, name)) for name in names}
        return replace(self, **changes)


class Collator:
    """Makes batches of encoded chunks. A chunk beyond the limit becomes several windows of the same batch.

    Args:
        encoder: Builds what the model reads.
        window_tokens: Most tokens in a window, special tokens and marker included.
        overlap_tokens: Fewest tokens that neighbouring windows share.

    Raises:
        InputError: if the window leaves no room beside the overlap.
    """

    def __init__(self, encoder: TextEncoder, window_tokens: int, overlap_tokens: int) -> None:
        self.encoder = encoder
        self.capacity = window_tokens - encoder.overhead
        self.overlap = overlap_tokens
        if not 0 <= overlap_tokens < self.capacity:
            raise InputError(
                f"windows of {window_tokens} tokens hold {max(self.capacity, 0)} of the text: too few for an overlap "
                f"of {overlap_tokens}; make data.window_tokens larger or data.overlap_tokens smaller"
            )

    def shape(self, chunk: EncodedChunk) -> tuple[int, int]:
        """Number and width of the windows of a chunk."""
        found = windows.split(len(chunk.tokens), self.capacity, self.overlap)
        return len(found), found[0][1] + self.encoder.overhead

    def __call__(self, chunks: Sequence[EncodedChunk]) -> Batch:
        inputs: list[list[int]] = []
        rows: list[list[int]] = []
        positions: list[list[int]] = []
        for chunk in chunks:
            found = windows.split(len(chunk.tokens), self.capacity, self.overlap)
            places = windows.places(found)
            rows.append([len(inputs) + window for window, _ in places])
            positions.append([self.encoder.start + position for _, position in places])
            section = chunk.chunk.passage.section
            inputs += [self.encoder.input_ids(chunk.tokens.ids[start:end], section) for start, end in found]
        lengths = [len(chunk.tokens) for chunk in chunks]
        return Batch(
            input_ids=_padded(inputs, self.encoder.padding_id),
            attention_mask=_padded([[1] * len(row) for row in inputs], 0),
            rows=_padded(rows, 0),
            positions=_padded(positions, 0),
            mask=_prefixes(lengths, max(lengths)),
            annotated=_prefixes([chunk.annotated for chunk in chunks], max(lengths)),
            tags=_padded([chunk.tags for chunk in chunks], 0),
            weights=torch.tensor([chunk.chunk.document.weight for chunk in chunks]),
            chunks=tuple(chunks),
        )


def _padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows])


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
        self.sizes = list(_sizes(shapes, batch_size, batch_tokens))
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


def length_batches(shapes: Sequence[tuple[int, int]], batch_size: int, batch_tokens: int) -> list[list[int]]:
    """Places of chunks of about the same length, batch by batch, the shortest first.

    Args:
        shapes: Number and width of the windows of each chunk.
        batch_size: Most chunks in a batch.
        batch_tokens: Most tokens in a batch, padding included, unless one chunk has more.
    """
    order = iter(sorted(range(len(shapes)), key=lambda place: shapes[place][1]))
    return [list(islice(order, size)) for size in _sizes(shapes, batch_size, batch_tokens)]


def _sizes(shapes: Iterable[tuple[int, int]], batch_size: int, batch_tokens: int | None) -> Iterator[int]:
    size = rows = 0
    for count, width in sorted(shapes, key=lambda shape: shape[1]):
        is_full = size == batch_size or (batch_tokens is not None and (rows + count) * width > batch_tokens)
        if size and is_full:
            yield size
            size = rows = 0
        size += 1
        rows += count
    if size:
        yield size
