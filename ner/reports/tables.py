"""Tables of figures on a console, all in one style."""

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

Cell = str | float | None
Row = Sequence[Cell]


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


def printable(text: str) -> str:
    """Return a text of a user's files on one line, without control characters and halves of surrogate pairs."""
    return "".join(character if character.isprintable() else " " for character in text)


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return printable(cell)
    return str(cell) if isinstance(cell, int) else f"{cell:.4f}"
