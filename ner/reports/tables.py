"""Tables of figures on a console, all in one style."""

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ner.metrics.official import Counts, Figures, Score

Cell = str | float | None
Row = Sequence[Cell]

# The columns of a score table: headings, and the attributes that stand below them.
COUNTS = {"gold": "gold", "predicted": "predicted", "correct": "true_positives"}
FIGURES = {"precision": "precision", "recall": "recall", "F1": "f1"}


def build_table(title: str, headings: Sequence[str], *sections: Iterable[Row]) -> Table:
    """Build a table with a name in the first column of each row and figures in the others.

    Args:
        title: The line above the table.
        headings: One for each column.
        sections: Rows, set apart from those of the next section. Integers are shown as they are, other numbers with
            four decimals, ``None`` as ``-``, and texts on one line, without markup.
    """
    # Without outer borders the longest label of GutBrainIE fits into 80 columns, also beside eight figures.
    table = Table(
        title=Text(title, style="table.title"),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column(headings[0], overflow="fold")
    for heading in headings[1:]:
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for section in sections:
        for row in section:
            table.add_row(*(Text(_shown(cell)) for cell in row))
        table.add_section()
    return table


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


def printable(text: str) -> str:
    """Return a text of a user's files on one line, without control characters and halves of surrogate pairs."""
    return "".join(character if character.isprintable() else " " for character in text)


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return printable(cell)
    return str(cell) if isinstance(cell, int) else f"{cell:.4f}"
