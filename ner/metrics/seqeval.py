"""Strict scores of BIO tag sequences by seqeval: a cross-check of the spans, and the figures that papers report."""

from collections.abc import Mapping, Sequence

from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from ner.metrics.official import Figures, Score


def strict_report(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], labels: Sequence[str]) -> Score:
    """Score entities that are well formed in IOB2 and agree in both boundaries and the label.

    An ``I-`` that continues no ``B-`` of its label is outside of entities here, unlike in ``LabelSet.decode`` and in
    seqeval's default mode, where it opens one. The averages are over the labels that occur in gold or prediction; the
    score has no counts.

    Args:
        gold: Tag names by sequence, such as ``B-gene``.
        predicted: The same number of sequences, each as long as its gold.
        labels: The labels of the score; one that occurs nowhere scores 0.

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
    return Score(
        macro=_figures(rows.get("macro avg")),
        micro=_figures(rows.get("micro avg")),
        labels={label: _figures(rows.get(label)) for label in labels},
        counts={},
    )


def _figures(row: Mapping[str, float] | None) -> Figures:
    if row is None:
        return Figures(0.0, 0.0, 0.0)
    return Figures(float(row["precision"]), float(row["recall"]), float(row["f1-score"]))
