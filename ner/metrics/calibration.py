"""Calibration: are predicted entities correct as often as their scores say, and what does a threshold keep of them?"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from ner.errors import InputError
from ner.metrics.official import Counts, Figures, Mention, Version, figures, retained

BINS = 10
THRESHOLDS = 100
"""Steps between the thresholds 0 and 1."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Entities with a confidence in ``[low, high)``; the last bin includes 1.

    Args:
        low: The smallest confidence of the bin.
        high: Where the next bin begins.
        entities: Their number.
        confidence: Their mean confidence; ``None`` in an empty bin.
        correct: The share of them that is correct; ``None`` in an empty bin.
    """

    low: float
    high: float
    entities: int
    confidence: float | None
    correct: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """A reliability table.

    Args:
        bins: Ten of equal width, from 0 to 1.
        entities: The number of entities in them.
        without_score: The number of entities without a confidence, which are in no bin.
        confidence: The mean confidence of all.
        correct: The share of all that is correct.
        expected_calibration_error: The gap between confidence and correctness of a bin, averaged over the entities.
    """

    bins: tuple[Bin, ...]
    entities: int
    without_score: int
    confidence: float
    correct: float
    expected_calibration_error: float


class Threshold(NamedTuple):
    """The figures of the entities whose confidence is at least a threshold."""

    least: float
    figures: Figures


def calibrate(
    gold: Mapping[str, Sequence[Mention]],
    predictions: Mapping[str, Sequence[Mention]],
    confidences: Mapping[str, Sequence[float | None]],
    version: Version = "final",
) -> Calibration:
    """Compare confidence and correctness over the predictions that a version of the official score retains.

    An entity is correct if the score counts it as a true positive. One whose label the gold never uses is wrong here,
    although the score ignores it.

    Args:
        gold: Mentions by document.
        predictions: Mentions by document of the gold.
        confidences: One for each prediction, in [0, 1] or ``None`` where it has none.
        version: ``final`` removes duplicates and overlaps first, ``march2025`` does not.

    Raises:
        InputError: if no retained prediction has a confidence.

    Source: Guo, Pleiss, Sun & Weinberger (2017); their bins are open below, these are open above.
    """
    outcomes = [
        outcome
        for pmid, listed in gold.items()
        for outcome in _outcomes(listed, predictions.get(pmid, ()), confidences.get(pmid, ()), version)
    ]
    scored = [(confidence, is_correct) for confidence, is_correct in outcomes if confidence is not None]
    if not scored:
        raise InputError('no entity carries a "score"; write them with predict --predictions.scores true')
    members: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, is_correct in scored:
        members[min(int(confidence * BINS), BINS - 1)].append((confidence, is_correct))
    bins = tuple(_bin(number, of_bin) for number, of_bin in enumerate(members))
    gaps = (
        each.entities * abs(each.correct - each.confidence)
        for each in bins
        if each.correct is not None and each.confidence is not None
    )
    return Calibration(bins, len(scored), len(outcomes) - len(scored), *_means(scored), sum(gaps) / len(scored))


def over_thresholds(
    gold: Mapping[str, Sequence[Mention]],
    predictions: Mapping[str, Sequence[Mention]],
    confidences: Mapping[str, Sequence[float | None]],
    version: Version = "final",
) -> list[Threshold]:
    """Compute precision, recall and F1 (micro) over the thresholds from 0 to 1 that keep any entity.

    Entities count as in :func:`calibrate`, which describes the arguments; those without a confidence are left out.
    """
    scored = [
        (confidence, is_correct)
        for pmid, listed in gold.items()
        for confidence, is_correct in _outcomes(listed, predictions.get(pmid, ()), confidences.get(pmid, ()), version)
        if confidence is not None
    ]
    every, right = sorted(each for each, _ in scored), sorted(each for each, is_correct in scored if is_correct)
    size = sum(map(len, gold.values()))

    def kept(least: float) -> Counts:
        return Counts(len(right) - bisect_left(right, least), len(every) - bisect_left(every, least), size)

    steps = (number / THRESHOLDS for number in range(THRESHOLDS + 1))
    return [Threshold(least, figures(kept(least))) for least in steps if every and least <= every[-1]]


def _outcomes(
    gold: Sequence[Mention], predicted: Sequence[Mention], confidences: Sequence[float | None], version: Version
) -> list[tuple[float | None, bool]]:
    """Return the confidence of each retained prediction of a document, and whether it is correct."""
    # Among equal mentions the first is retained, or all are, in order: so are their confidences.
    waiting: defaultdict[Mention, list[float | None]] = defaultdict(list)
    for mention, confidence in zip(predicted, confidences, strict=True):
        waiting[mention].append(confidence)
    known = set(gold)
    return [(waiting[mention].pop(0), mention in known) for mention in retained(predicted, version)]


def _bin(number: int, members: Sequence[tuple[float, bool]]) -> Bin:
    low, high = number / BINS, (number + 1) / BINS
    return Bin(low, high, len(members), *_means(members)) if members else Bin(low, high, 0, None, None)


def _means(members: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    return fmean(confidence for confidence, _ in members), fmean(is_correct for _, is_correct in members)
