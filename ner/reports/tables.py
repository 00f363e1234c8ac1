"""How ``score`` shows its results to a reader: tables and examples on a console."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ner.metrics.calibration import Calibration
from ner.metrics.error_analysis import CONTEXT, ErrorReport, Example
from ner.metrics.official import Counts, Figures, Score, Version
from ner.reports.evaluation import Results

if TYPE_CHECKING:  # numpy takes longer to import than a file to score
    from ner.metrics.bootstrap import Comparison

# Headings and what stands below them: each first column is the sum of the others.
OF_GOLD = {
    "gold": "gold",
    "found": "found",
    "wrong\nlabel": "wrong_label",
    "too\nlong": "too_long",
    "too\nshort": "too_short",
    "shifted": "shifted",
    "other\ntext": "other_text",
    "missed": "missed",
}
OF_PREDICTED = {
    "predicted": "predicted",
    "found": "found",
    "wrong\nlabel": "wrong_label_predicted",
    "wrong\nboundary": "wrong_boundary",
    "spurious": "spurious",
}

LONGEST = 60
"""Characters of a mention that an example shows."""


def print_results(console: Console, results: Results) -> None:
    """Print the score, and what else there is."""
    _print_score(console, results.score, results.version)
    if results.comparison is not None and results.against is not None:
        _print_comparison(console, results.comparison, results.predictions, results.against)
    if results.errors is not None:
        _print_errors(console, results.errors)
    if results.calibration is not None:
        _print_calibration(console, results.calibration)


def _print_score(console: Console, score: Score, version: Version) -> None:
    headings = ("gold", "predicted", "correct", "P", "R", "F1")
    table = _table(f"official GutBrainIE score ({version} version)", "label", headings)
    for label, figures in sorted(score.labels.items(), key=lambda row: row[0].casefold()):
        table.add_row(_shown(label, console), *_cells(score.counts[label], figures))
    table.add_section()
    total = sum(score.counts.values(), Counts())
    table.add_row("micro", *_cells(total, score.micro))
    table.add_row("macro", "", "", "", *_cells(total, score.macro)[3:])
    console.print(table)


def _print_comparison(console: Console, comparison: "Comparison", a: Path, b: Path) -> None:
    table = _table("A against B", "", ("A", "B", "A - B", "95 % interval", "A is better"))
    for name, average in (("micro F1", comparison.micro), ("macro F1", comparison.macro)):
        low, high = average.interval
        points = (f"{average.a:.4f}", f"{average.b:.4f}", f"{average.difference:+z.4f}")
        table.add_row(name, *points, f"{low:+z.4f} to {high:+z.4f}", f"{100 * average.win_probability:.1f} %")
    console.print(table)
    drawn = f"{comparison.resamples} resamples of {comparison.documents} documents, seed {comparison.seed}"
    _print_lines(console, f"A: {a}", f"B: {b}", f"paired bootstrap: {drawn}")


def _print_errors(console: Console, report: ErrorReport) -> None:
    console.print(_errors_table(console, "gold entities and what became of them", OF_GOLD, report))
    console.print(_errors_table(console, "predicted entities and what they are", OF_PREDICTED, report))
    confused = [
        (label, other, count) for label, errors in report.labels.items() for other, count in errors.confusions.items()
    ]
    if confused:
        table = _table("right span, wrong label", "label in gold", ("entities",))
        table.add_column("predicted label")
        for label, other, count in sorted(confused, key=lambda row: -row[2]):
            table.add_row(_shown(label, console), str(count), _shown(other, console))
        console.print(table)
    for label, examples in groupby(report.examples, key=lambda example: example.pair.mention.label):
        _print_lines(console, label, *(f"  {_line(example)}" for example in examples))


def _print_calibration(console: Console, calibration: Calibration) -> None:
    table = _table("scores of entities and their correctness", "score", ("entities", "mean score", "correct"))
    for each in calibration.bins:
        bounds = f"{each.low:.1f} to {each.high:.1f}"
        table.add_row(bounds, str(each.entities), _share(each.confidence), _share(each.correct))
    table.add_section()
    table.add_row("all", str(calibration.entities), _share(calibration.confidence), _share(calibration.correct))
    console.print(table)
    left_out = [f"entities without a score, left out: {calibration.without_score}"] * bool(calibration.without_score)
    _print_lines(console, f"expected calibration error: {calibration.expected_calibration_error:.4f}", *left_out)


def _print_lines(console: Console, *lines: str) -> None:
    """Print lines as long as they are, and an empty one if there are any."""
    for line in lines:
        console.print(_shown(line, console), soft_wrap=True)
    console.print()


def _table(title: str, first: str, numbers: Sequence[str]) -> Table:
    # Without outer borders the longest label of GutBrainIE fits into 80 columns.
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(first)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _cells(counts: Counts, figures: Figures) -> list[str]:
    numbers = (counts.gold, counts.predicted, counts.true_positives)
    return [*(str(number) for number in numbers), *(f"{figure:.4f}" for figure in figures)]


def _errors_table(console: Console, title: str, columns: Mapping[str, str], report: ErrorReport) -> Table:
    """One row a label and one for all, narrower than other tables: eight columns fit into 80 characters."""
    table = _table(title, "label", tuple(columns))
    table.padding = (0, 1, 0, 0)
    rows = {label: [int(getattr(errors, name)) for name in columns.values()] for label, errors in report.labels.items()}
    for label, row in rows.items():
        table.add_row(_shown(label, console), *map(str, row))
    table.add_section()
    table.add_row("all", *(str(sum(column)) for column in zip(*rows.values(), strict=True)))
    return table


def _line(example: Example) -> str:
    """An example as ``…before[text]after…``, and what gold and prediction quote if the boundary is wrong."""
    before = "…" + example.before if len(example.before) == CONTEXT else example.before
    after = example.after + "…" if len(example.after) == CONTEXT else example.after
    pair = example.pair
    where = f"PMID {example.pmid}, {pair.mention.location}: {before}[{_cut(example.text)}]{after}"
    kind = pair.kind.replace("_", " ")
    if pair.gold is None or pair.predicted is None:
        return f"{kind}, {where}"
    if pair.kind == "wrong_label":
        return f"{kind} {pair.predicted.label}, {where}"
    return f"{kind}, {where}; gold {_cut(pair.gold.text)!r}, predicted {_cut(pair.predicted.text)!r}"


def _cut(text: str) -> str:
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]}…{text[-half:]}"


def _shown(text: str, console: Console) -> str:
    """A text of the user's files on one line, without what a console cannot show."""
    encoding = console.encoding
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable.encode(encoding, "replace").decode(encoding)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.4f}"
