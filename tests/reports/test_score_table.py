"""The score table: labels, averages and counts."""

from ner.metrics.official import Counts, Figures, Score
from ner.reports.score_table import score_table
from tests.reports.test_tables import rows

FIGURES = Figures(1.0, 0.5, 2 / 3)


def test_a_score_has_its_labels_its_averages_and_its_counts() -> None:
    score = Score(
        FIGURES, FIGURES, {"gene": FIGURES, "Drug": FIGURES}, {"gene": Counts(1, 1, 2), "Drug": Counts(2, 3, 4)}
    )
    assert rows(score_table("t", score))[4:-1] == [
        ["Drug", "4", "3", "2", "1.0000", "0.5000", "0.6667"],
        ["gene", "2", "1", "1", "1.0000", "0.5000", "0.6667"],
        [],
        ["micro", "6", "4", "3", "1.0000", "0.5000", "0.6667"],
        ["macro", "1.0000", "0.5000", "0.6667"],
    ]


def test_a_score_without_counts_has_no_columns_for_them() -> None:
    found = rows(score_table("t", Score(FIGURES, FIGURES, {"gene": FIGURES}, {})))
    assert ["label", "precision", "recall", "F1"] in found
    assert ["gene", "1.0000", "0.5000", "0.6667"] in found
