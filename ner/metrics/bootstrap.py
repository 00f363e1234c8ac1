"""A paired bootstrap of the official F1: is one prediction better than another beyond the choice of documents?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ner.metrics.official import EPSILON, Counts, Mention, Version, add, count_document, summarise

TIE = 1e-9
"""A smaller difference of F1 is a tie: ``EPSILON`` and rounding move equal scores apart by less."""

BLOCK = 1_000_000
"""The number of drawn document counts in memory at once."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One official average F1 of two predictions, A minus B.

    Args:
        a: F1 of A over all documents.
        b: F1 of B over all documents.
        difference: ``a - b``.
        win_probability: The share of resamples in which A is better; a tie counts half.
        interval: The 2.5th and 97.5th percentile of the difference over the resamples.
    """

    a: float
    b: float
    difference: float
    win_probability: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both averages of two predictions, and the resamples of the gold's documents that they were compared on."""

    documents: int
    resamples: int
    seed: int
    micro: Difference
    macro: Difference


def compare(
    gold: Mapping[str, Sequence[Mention]],
    a: Mapping[str, Sequence[Mention]],
    b: Mapping[str, Sequence[Mention]],
    version: Version = "final",
    resamples: int = 10_000,
    seed: int = 42,
) -> Comparison:
    """Compare two predictions for the same gold by a paired bootstrap over its documents.

    Both predictions are scored on the same resamples, each of as many documents as the gold. A label counts only where
    the gold of the resample has it, as in the whole. Whether labels are legal is checked by ``official.score``.

    Raises:
        ValueError: if there are no documents or no resamples, or the seed is negative.

    Source: Efron & Tibshirani (1993) for the percentile interval; Koehn (2004) for the paired bootstrap of a score.
    """
    parts = [[count_document(gold[pmid], each.get(pmid, ()), version) for pmid in gold] for each in (a, b)]
    of_a, of_b = (summarise(add(documents)) for documents in parts)
    labels = list(of_a.labels)
    matrices = [_matrix(documents, labels) for documents in parts]
    blocks = []
    for drawn in draws(len(gold), resamples, seed):
        f1_of_a, f1_of_b = (average_f1((drawn @ counts).reshape(len(drawn), len(labels), 3)) for counts in matrices)
        blocks.append(f1_of_a - f1_of_b)
    differences = np.concatenate(blocks)
    return Comparison(
        len(gold),
        resamples,
        seed,
        _difference(of_a.micro.f1, of_b.micro.f1, differences[:, 0]),
        _difference(of_a.macro.f1, of_b.macro.f1, differences[:, 1]),
    )


def draws(documents: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Draw how often each document occurs in each resample, in blocks of shape (resamples of the block, documents).

    Raises:
        ValueError: if there are no documents or no resamples, or the seed is negative.
    """
    if documents < 1 or resamples < 1:
        raise ValueError(f"a bootstrap needs documents and resamples, not {documents} and {resamples}")
    generator = np.random.default_rng(seed)
    shares, size = np.full(documents, 1 / documents), max(1, BLOCK // documents)
    for begun in range(0, resamples, size):
        # Drawing with replacement and counting what was drawn is one multinomial draw.
        yield generator.multinomial(documents, shares, size=min(size, resamples - begun)).astype(np.float64)


def average_f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute micro and macro F1 as ``official.summarise`` does, for many collections at once.

    Args:
        counts: True positives, predicted and gold by label, (collections, labels, 3).

    Returns:
        Micro and macro F1, (collections, 2).
    """
    counted = counts * (counts[..., 2:] > 0)
    labels = np.count_nonzero(counts[..., 2], axis=-1)
    return np.stack([_f1(counted.sum(axis=-2)), _f1(counted).sum(axis=-1) / np.maximum(labels, 1)], axis=-1)


def _f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the F1 of ``official.figures`` from (..., 3) counts."""
    true_positives, predicted, gold = np.moveaxis(counts, -1, 0)
    precision, recall = true_positives / (predicted + EPSILON), true_positives / (gold + EPSILON)
    f1: NDArray[np.float64] = 2 * (precision * recall / (precision + recall + EPSILON))
    return f1


def _matrix(documents: Sequence[Mapping[str, Counts]], labels: Sequence[str]) -> NDArray[np.float64]:
    """Return the counts of documents as (documents, labels · 3) floats; products of such whole numbers are exact."""
    rows = [[number for label in labels for number in document.get(label, Counts())] for document in documents]
    return np.array(rows, dtype=np.float64)


def _difference(a: float, b: float, resampled: NDArray[np.float64]) -> Difference:
    wins, losses = np.count_nonzero(resampled > TIE), np.count_nonzero(resampled < -TIE)
    low, high = np.quantile(resampled, (0.025, 0.975))
    return Difference(a, b, a - b, 0.5 + (wins - losses) / (2 * len(resampled)), (float(low), float(high)))
