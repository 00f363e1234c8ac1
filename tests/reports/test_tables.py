"""Tables: one style, figures as they are, and texts that no console takes for markup."""

import io

from rich.console import Console
from rich.table import Table

from ner.reports.tables import build_table


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
