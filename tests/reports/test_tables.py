"""Tables: one style, figures as they are, and texts that no console takes for markup."""

import io

from rich.console import Console
from rich.table import Table

from ner.metrics.official import Counts, Figures, Score
from ner.reports.tables import build_table, score_table

FIGURES = Figures(1.0, 0.5, 2 / 3)


def lines(table: Table) -> list[str]:
    """The lines that a console of 80 columns prints, which takes markup where it finds some."""
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def rows(table: Table) -> list[list[str]]:
    return [line.split() for line in lines(table)]


def test_numbers_texts_and_what_is_missing_have_one_form() -> None:
    found = rows(
        build_table("a title", ["name", "n", "share", "text"], [("row", 3, 0.12345, None)], [("sum", 0, 1.0, "x")])
    )
    assert found[0] == ["a", "title"]
    assert ["row", "3", "0.1235", "-"] in found
    assert ["sum", "0", "1.0000", "x"] in found


def test_sections_are_set_apart() -> None:
    found = lines(build_table("t", ["name", "n"], [("first", 1), ("second", 2)], [("third", 3)]))
    assert [line[:6].strip() for line in found[4:8]] == ["first", "secon", "", "third"]


def test_texts_are_neither_markup_nor_more_than_a_line() -> None:
    [found] = [row for row in rows(build_table("t", ["name", "[n]"], [("[bold]a\nb\x1b:smile:", 1)])) if "1" in row]
    assert found == ["[bold]a", "b", ":smile:", "1"]


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
