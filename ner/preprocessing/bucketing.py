"""Texts of about the same length in one batch."""

from collections.abc import Iterator

import numpy as np

from ner.preprocessing.ragged import Integers

# Fewer tokens in a batch keep a CPU's cache, more keep a GPU busy.
CPU_TOKENS, GPU_TOKENS = 1024, 16384
BATCH_SIZE = 64
# A batch costs about as much as reading this share of its tokens.
BATCH_COST = 1 / 8


def length_batches(counts: Integers, widths: Integers, batch_size: int, batch_tokens: int) -> list[Integers]:
    """Return the indices of texts of about the same length, batch by batch, the shortest first.

    A batch ends before a text that would have the others padded with more tokens than a batch is worth: the title
    and the abstract of a single document are two.

    Args:
        counts: Number of windows of each text, (N,).
        widths: Width of the windows of each text, (N,).
        batch_size: Most texts in a batch.
        batch_tokens: Most tokens in a batch, padding included, unless one text has more.
    """
    order = np.argsort(widths, kind="stable")
    sizes = list(batch_sizes(counts, widths, batch_size, batch_tokens, BATCH_COST * batch_tokens))
    return np.split(order, np.cumsum(sizes)[:-1]) if sizes else []


def batch_sizes(
    counts: Integers, widths: Integers, batch_size: int, batch_tokens: int | None, most_padding: float | None = None
) -> Iterator[int]:
    """Yield the number of texts in each batch when they are dealt by the width of their windows, narrowest first.

    Args:
        counts: Number of windows of each text, (N,).
        widths: Width of the windows of each text, (N,).
        batch_size: Most texts in a batch.
        batch_tokens: Most tokens in a batch, padding included, unless one text has more; ``None`` for no such limit.
        most_padding: Most tokens that one text may have the others padded with; ``None`` for no such limit.
    """
    order = np.argsort(widths, kind="stable")
    size = rows = widest = 0
    for count, width in zip(counts[order].tolist(), widths[order].tolist(), strict=True):
        is_full = size == batch_size or (batch_tokens is not None and (rows + count) * width > batch_tokens)
        pads_much = most_padding is not None and rows * (width - widest) > most_padding
        if size and (is_full or pads_much):
            yield size
            size = rows = 0
        size += 1
        rows += count
        widest = width
    if size:
        yield size
