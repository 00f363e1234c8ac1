"""Ragged arrays: rows of different lengths, one after the other in a flat array, and the borders between them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def borders_of(lengths: Integers) -> Integers:
    """Return where each row starts, and where the last one ends.

    Args:
        lengths: Values of each row, (N,).

    Returns:
        Row ``n`` of a flat array is ``flat[borders[n] : borders[n + 1]]``, (N + 1,).
    """
    borders = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=borders[1:])
    return borders


def ranges(starts: Integers, lengths: Integers) -> Integers:
    """Return the integers ``start, start + 1, ...`` of each row, ``length`` of them, one row after the other."""
    borders = borders_of(lengths)
    return np.arange(borders[-1]) + np.repeat(starts - borders[:-1], lengths)


def padded(flat: NDArray[Any], lengths: Integers) -> NDArray[Any]:
    """Return rows as a matrix as wide as the longest of them, (N, T), filled up with zeros."""
    return spread(flat, prefixes(lengths))


def spread(flat: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """Return values as a matrix, (N, T): one after the other where the mask is true, and zeros elsewhere."""
    matrix = np.zeros(mask.shape, flat.dtype)
    matrix[mask] = flat
    return matrix


def prefixes(lengths: Integers) -> NDArray[np.bool_]:
    """Return a mask that is true on the first ``length`` columns of each row, (N, T)."""
    return np.arange(lengths.max(initial=0)) < lengths[:, None]
