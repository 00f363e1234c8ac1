"""Strict, exact, partial and type scores in the words of SemEval-2013, which give credit for entities nearly found."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ner.metrics.error_analysis import Pair, match
from ner.metrics.official import Figures, Mention

Scheme = Literal["strict", "exact", "partial", "type"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
Outcome = Literal["correct", "incorrect", "partial", "missing", "spurious"]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes of gold entities and predictions under one scheme.

    Args:
        correct: Pairs that agree in what the scheme compares.
        incorrect: Pairs that do not.
        partial: Pairs that overlap, which count half; the scheme ``partial`` alone has them.
        missing: Gold entities without a prediction.
        spurious: Predictions without a gold entity.
    """

    correct: int = 0
    incorrect: int = 0
    partial: int = 0
    missing: int = 0
    spurious: int = 0

    @property
    def possible(self) -> int:
        """All gold entities."""
        return self.correct + self.incorrect + self.partial + self.missing

    @property
    def actual(self) -> int:
        """All predictions."""
        return self.correct + self.incorrect + self.partial + self.spurious

    @property
    def figures(self) -> Figures:
        """Precision, recall and F1; what is undefined is 0."""
        credit = self.correct + self.partial / 2
        # F1 is the credit over the mean of both sizes.
        sizes = (self.actual, self.possible, (self.actual + self.possible) / 2)
        return Figures(*(credit / (size or 1) for size in sizes))


def count_outcomes(
    gold: Mapping[str, Sequence[Mention]], predictions: Mapping[str, Sequence[Mention]]
) -> dict[Scheme, Outcomes]:
    """Count the outcomes under each scheme.

    ``strict`` compares span and label, ``exact`` the span, ``partial`` the span too but gives half for an overlap, and
    ``type`` the label of entities that overlap. All four count the same pairs, matched one to one by ``match``, and all
    predictions as listed: repeated, nested and overlapping ones too.

    Args:
        gold: Mentions by document. A document that is missing from the predictions counts as predicted empty.
        predictions: Mentions by document of the gold.

    Source: Segura-Bedmar, Martínez & Herrero-Zazo (2013), SemEval task 9; Chinchor & Sundheim (1993) for the words.
    """
    pairs = [pair for name, listed in gold.items() for pair in match(listed, predictions.get(name, ()), any_label=True)]
    return {scheme: _total(outcome(pair, scheme) for pair in pairs) for scheme in SCHEMES}


def _total(outcomes: Iterable[Outcome]) -> Outcomes:
    counts: Counter[str] = Counter(outcomes)
    return Outcomes(**counts)


def outcome(pair: Pair, scheme: Scheme) -> Outcome:
    """Return the outcome of a pair under a scheme."""
    gold, predicted = pair.gold, pair.predicted
    if gold is None or predicted is None:
        return "spurious" if gold is None else "missing"
    has_label = gold.label == predicted.label
    if scheme == "type":
        return "correct" if has_label else "incorrect"
    if (gold.start, gold.end) != (predicted.start, predicted.end):
        return "partial" if scheme == "partial" else "incorrect"
    return "correct" if has_label or scheme != "strict" else "incorrect"
