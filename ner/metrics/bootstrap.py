"""A bootstrap of the official score over documents: intervals of one prediction's figures, and of two's differences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner.metrics.official import EPSILON, Counts, Figures, Mention, Version, add, count_document, summarise

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
    """The averages and labels of two predictions, and the resamples of the gold's documents they were compared on."""

    documents: int
    resamples: int
    seed: int
    micro: Difference
    macro: Difference
    labels: Mapping[str, Difference]


class Bounds(NamedTuple):
    """The 2.5th and 97.5th percentile of each figure over the resamples."""

    low: Figures
    high: Figures


@dataclass(frozen=True, slots=True)
class Intervals:
    """The intervals of a score: its averages, and the labels of the gold."""

    micro: Bounds
    macro: Bounds
    labels: Mapping[str, Bounds]


def intervals(
    gold: Mapping[str, Sequence[Mention]],
    predictions: Mapping[str, Sequence[Mention]],
    version: Version = "final",
    resamples: int = 10_000,
    seed: int = 42,
) -> Intervals:
    """Compute 95 % intervals of the official score by a bootstrap over the gold's documents.

    The figures of a label are those of the resamples whose gold has it.

    Raises:
        ValueError: if there are no documents or no resamples, or the seed is negative.

    Source: Efron & Tibshirani (1993) for the percentile interval.
    """
    documents = [count_document(gold[pmid], predictions.get(pmid, ()), version) for pmid in gold]
    labels = list(summarise(add(documents)).labels)
    counts = _matrix(documents, labels)
    drawn_figures = []
    for drawn in draws(len(gold), resamples, seed):
        collections = (drawn @ counts).reshape(len(drawn), len(labels), 3)
        of_drawn = figures_of(collections)
        of_drawn[:, 2:][collections[..., 2] == 0] = np.nan
        drawn_figures.append(of_drawn)
    low, high = np.nanquantile(np.concatenate(drawn_figures), (0.025, 0.975), axis=0)
    micro, macro, *rest = (Bounds(Figures(*lows), Figures(*highs)) for lows, highs in zip(low, high, strict=True))
    return Intervals(micro, macro, dict(zip(labels, rest, strict=True)))


def compare(
    gold: Mapping[str, Sequence[Mention]],
    a: Mapping[str, Sequence[Mention]],
    b: Mapping[str, Sequence[Mention]],
    version: Version = "final",
    resamples: int = 10_000,
    seed: int = 42,
) -> Comparison:
    """Compare two predictions for the same gold by a paired bootstrap over its documents.

    Both predictions are scored on the same resamples, each of as many documents as the gold. The differences of a label
    are those of the resamples whose gold has it. Whether labels are legal is checked by ``official.score``.

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
        collections = [(drawn @ counts).reshape(len(drawn), len(labels), 3) for counts in matrices]
        f1_of_a, f1_of_b = (figures_of(each)[..., 2] for each in collections)
        differences = f1_of_a - f1_of_b
        differences[:, 2:][collections[0][..., 2] == 0] = np.nan
        blocks.append(differences)
    averages = [(of_a.micro.f1, of_b.micro.f1), (of_a.macro.f1, of_b.macro.f1)]
    f1s = averages + [(of_a.labels[label].f1, of_b.labels[label].f1) for label in labels]
    micro, macro, *rest = map(_difference, *zip(*f1s, strict=True), np.concatenate(blocks).T)
    return Comparison(len(gold), resamples, seed, micro, macro, dict(zip(labels, rest, strict=True)))


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


def figures_of(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the figures that ``official.summarise`` does, for many collections at once.

    Args:
        counts: True positives, predicted and gold by label, (collections, labels, 3).

    Returns:
        Precision, recall and F1 of micro average, macro average and each label, (collections, 2 + labels, 3).
    """
    counted = counts * (counts[..., 2:] > 0)
    labels = _figures(counted)
    used = np.maximum(np.count_nonzero(counts[..., 2], axis=-1), 1)
    averages = np.stack([_figures(counted.sum(axis=-2)), labels.sum(axis=-2) / used[:, None]], axis=-2)
    return np.concatenate([averages, labels], axis=-2)


def _figures(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the figures of ``official.figures`` from (..., 3) counts, (..., 3)."""
    true_positives, predicted, gold = np.moveaxis(counts, -1, 0)
    precision, recall = true_positives / (predicted + EPSILON), true_positives / (gold + EPSILON)
    return np.stack([precision, recall, 2 * (precision * recall / (precision + recall + EPSILON))], axis=-1)


def _matrix(documents: Sequence[Mapping[str, Counts]], labels: Sequence[str]) -> NDArray[np.float64]:
    """Return the counts of documents as (documents, labels · 3) floats; products of such whole numbers are exact."""
    rows = [[number for label in labels for number in document.get(label, Counts())] for document in documents]
    return np.array(rows, dtype=np.float64)


def _difference(a: float, b: float, resampled: NDArray[np.float64]) -> Difference:
    resampled = resampled[~np.isnan(resampled)]
    if not len(resampled):  # no resample has the label
        return Difference(a, b, a - b, 0.5, (a - b, a - b))
    wins, losses = np.count_nonzero(resampled > TIE), np.count_nonzero(resampled < -TIE)
    low, high = np.quantile(resampled, (0.025, 0.975))
    return Difference(a, b, a - b, 0.5 + (wins - losses) / (2 * len(resampled)), (float(low), float(high)))
