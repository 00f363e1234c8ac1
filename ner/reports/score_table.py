"""The table of a score, the same in every verb; a new column is one entry here."""

from rich.table import Table

from ner.metrics.official import Counts, Figures, Score
from ner.reports.tables import Row, build_table

# The columns of a score table: headings, and the attributes that stand below them.
COUNTS = {"gold": "gold", "predicted": "predicted", "correct": "true_positives"}
FIGURES = {"precision": "precision", "recall": "recall", "F1": "f1"}


def score_table(title: str, score: Score) -> Table:
    """Build the table of a score, with its counts where it has them: labels, then micro and macro averages."""
    counted = COUNTS if score.counts else {}

    def row(name: str, counts: Counts | None, figures: Figures) -> Row:
        numbers = ("" if counts is None else getattr(counts, attribute) for attribute in counted.values())
        return (name, *numbers, *(getattr(figures, attribute) for attribute in FIGURES.values()))

    labels = sorted(score.labels.items(), key=lambda item: item[0].casefold())
    return build_table(
        title,
        ["label", *counted, *FIGURES],
        [row(label, score.counts.get(label), figures) for label, figures in labels],
        [row("micro", sum(score.counts.values(), Counts()), score.micro), row("macro", None, score.macro)],
    )
