"""Chunks as tokens and tags, and as the padded windows that the encoder reads; needs no torch."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ner.documents import Document, Span
from ner.errors import InputError
from ner.labels import LabelSet
from ner.preprocessing import windows
from ner.preprocessing.chunking import Chunk, Chunking
from ner.preprocessing.tokenizer import TextEncoder, Tokens


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


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the encoder reads of B chunks, in W windows of at most L tokens; T is the length of the longest chunk.

    Args:
        input_ids: What the encoder reads, (W, L).
        attention_mask: 1 on its tokens, 0 on padding, (W, L).
        rows: The window from which each token of a chunk is read, (B, T).
        positions: The position in that window, (B, T).
    """

    input_ids: list[list[int]]
    attention_mask: list[list[int]]
    rows: list[list[int]]
    positions: list[list[int]]


class Windowing:
    """Lays out encoded chunks as what the encoder reads. A chunk beyond the limit becomes several windows.

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

    def inputs(self, chunks: Sequence[EncodedChunk]) -> Inputs:
        """What the encoder reads of some chunks, and where each of their tokens stands in it."""
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
        return Inputs(
            input_ids=padded(inputs, self.encoder.padding_id),
            attention_mask=padded([[1] * len(row) for row in inputs], 0),
            rows=padded(rows, 0),
            positions=padded(positions, 0),
        )


def padded(rows: Sequence[Sequence[int]], value: int) -> list[list[int]]:
    """Rows made as long as the longest of them."""
    width = max(len(row) for row in rows)
    return [[*row, *[value] * (width - len(row))] for row in rows]


def length_batches(shapes: Sequence[tuple[int, int]], batch_size: int, batch_tokens: int) -> list[list[int]]:
    """Places of chunks of about the same length, batch by batch, the shortest first.

    Args:
        shapes: Number and width of the windows of each chunk.
        batch_size: Most chunks in a batch.
        batch_tokens: Most tokens in a batch, padding included, unless one chunk has more.
    """
    order = iter(sorted(range(len(shapes)), key=lambda place: shapes[place][1]))
    return [list(islice(order, size)) for size in batch_sizes(shapes, batch_size, batch_tokens)]


def batch_sizes(shapes: Iterable[tuple[int, int]], batch_size: int, batch_tokens: int | None) -> Iterator[int]:
    """How many chunks each batch holds when they are dealt by the width of their windows, the narrowest first.

    Args:
        shapes: Number and width of the windows of each chunk.
        batch_size: Most chunks in a batch.
        batch_tokens: Most tokens in a batch, padding included, unless one chunk has more; ``None`` for no such limit.
    """
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
