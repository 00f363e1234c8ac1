"""Texts longer than the encoder's limit as overlapping windows, and the window from which each token is read."""

from dataclasses import dataclass

import numpy as np

from ner.preprocessing.ragged import Integers, ranges


@dataclass(frozen=True, slots=True)
class Windows:
    """W windows over N texts, in the order of the texts.

    Args:
        texts: The text of each window, (W,).
        starts: Its first token, (W,).
        lengths: Its number of tokens, (W,).
        read_from: The first token that is read from it; the ones before are read from the window before it, (W,).
    """

    texts: Integers
    starts: Integers
    lengths: Integers
    read_from: Integers


def shapes(lengths: Integers, capacity: int, overlap: int) -> tuple[Integers, Integers]:
    """Return the number and the width of the windows of each text: as few as possible, equally wide.

    Args:
        lengths: Tokens of each text, at least 1, (N,).
        capacity: Most tokens that a window can hold.
        overlap: Fewest tokens that neighbouring windows share.

    Raises:
        ValueError: if a text has no token, or windows could not advance.
    """
    if not 0 <= overlap < capacity or lengths.min(initial=1) < 1:
        shortest = lengths.min(initial=1)
        raise ValueError(f"cannot split {shortest} tokens or more into windows of {capacity} that overlap by {overlap}")
    counts = np.where(lengths <= capacity, 1, -(-(lengths - overlap) // (capacity - overlap)))
    return counts, -(-(lengths + (counts - 1) * overlap) // counts)


def split(lengths: Integers, capacity: int, overlap: int) -> Windows:
    """Split texts into windows.

    Neighbouring windows share out their overlap in its middle, so that a token is read where it has most context on
    both sides. Stitching is then a selection: emissions of an encoder that ignores context come back as they were, bit
    for bit.

    Args:
        lengths: Tokens of each text, at least 1, (N,).
        capacity: Most tokens that a window can hold.
        overlap: Fewest tokens that neighbouring windows share.

    Raises:
        ValueError: if a text has no token, or windows could not advance.
    """
    counts, widths = shapes(lengths, capacity, overlap)
    if counts.max(initial=1) == 1:  # of almost all batches
        none = np.zeros_like(lengths)
        return Windows(np.arange(len(lengths)), none, lengths, none)
    texts = np.repeat(np.arange(len(lengths)), counts)
    number = ranges(np.zeros_like(counts), counts)
    width = widths[texts]
    starts = (lengths[texts] - width) * number // np.maximum(counts[texts] - 1, 1)
    read_from = np.zeros_like(starts)
    read_from[1:] = np.where(number[1:] > 0, (starts[1:] + starts[:-1] + width[:-1] + 1) // 2, 0)
    return Windows(texts, starts, width, read_from)
