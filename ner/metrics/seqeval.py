"""Strict scores of BIO tag sequences by seqeval: a second opinion on the spans, and the figures that papers print."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from ner.metrics.official import Figures


class TagReport(NamedTuple):
    """Averages over the labels that occur in gold or prediction, and every label with its number of gold entities."""

    macro: Figures
    micro: Figures
    labels: Mapping[str, Figures]
    support: Mapping[str, int]


def strict_report(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], labels: Sequence[str]
) -> TagReport:
    """Score entities that are well formed in IOB2 and agree in both boundaries and the label.

    An ``I-`` that continues no ``B-`` of its label is no part of an entity here, unlike in ``LabelSet.decode`` and in
    seqeval's default mode, where it opens one.

    Args:
        gold: Tag names by sequence, such as ``B-gene``.
        predicted: The same number of sequences, each as long as its gold.
        labels: What the report lists, 0 where a label occurs nowhere.

    Raises:
        ValueError: if the sequences differ in number or length.
    """
    if [len(tags) for tags in gold] != [len(tags) for tags in predicted]:
        raise ValueError("gold and predicted tags differ in the number of sequences or in the length of one")
    rows: Mapping[str, Mapping[str, float]] = {}
    # seqeval fails where there is no entity on either side.
    if any(tag.startswith("B-") for sequence in (*gold, *predicted) for tag in sequence):
        rows = classification_report(
            [list(tags) for tags in gold],
            [list(tags) for tags in predicted],
            output_dict=True,
            mode="strict",
            scheme=IOB2,
            zero_division=0,
        )
    return TagReport(
        macro=_figures(rows.get("macro avg")),
        micro=_figures(rows.get("micro avg")),
        labels={label: _figures(rows.get(label)) for label in labels},
        support={label: int(rows[label]["support"]) if label in rows else 0 for label in labels},
    )


def _figures(row: Mapping[str, float] | None) -> Figures:
    if row is None:
        return Figures(0.0, 0.0, 0.0)
    return Figures(float(row["precision"]), float(row["recall"]), float(row["f1-score"]))
