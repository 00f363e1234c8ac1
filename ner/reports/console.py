"""The results of an evaluation on a console: tables, and examples of errors in their context."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from ner.metrics.calibration import Calibration
from ner.metrics.error_analysis import CONTEXT, ErrorReport, Example
from ner.metrics.official import EDITIONS, document_name
from ner.metrics.semeval import Outcomes, Scheme
from ner.reports.evaluation import Coverage, Results
from ner.reports.score_table import FIGURES, score_table
from ner.reports.tables import Row, build_table, printable

if TYPE_CHECKING:  # numpy takes longer to import than a file to score
    from ner.metrics.bootstrap import Comparison
    from ner.metrics.seqeval import TokenReport

# Headings, and the attributes of ``LabelErrors`` that stand below them: the first is the sum of the others.
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

# The counts of SemEval, in the words of the task.
OUTCOMES = ("correct", "incorrect", "partial", "missing", "spurious", "possible", "actual")

LONGEST = 60
"""Characters of a mention that an example shows."""


def print_results(console: Console, results: Results) -> None:
    """Print the scores, and the other results where there are any."""
    console.print(score_table(f"official GutBrainIE score ({EDITIONS[results.version]})", results.score))
    _print_lines(console, *_coverage_lines(results.coverage))
    console.print(_outcomes_table(results.semeval))
    if results.tokens is not None:
        _print_tokens(console, results.tokens)
    if results.comparison is not None and results.against is not None:
        _print_comparison(console, results.comparison, results.predictions.path, results.against.path)
    if results.errors is not None:
        _print_errors(console, results.errors)
    if results.calibration is not None:
        _print_calibration(console, results.calibration)


def _coverage_lines(coverage: Coverage) -> Iterator[str]:
    if coverage.missing:
        missing = f"{coverage.missing} of {coverage.documents}"
        yield f"documents without predictions, counted as predicted empty: {missing}"
    if coverage.left_out:
        yield f"predictions where the gold is not annotated, left out: {coverage.left_out}"
    if coverage.unused_labels:
        labels = ", ".join(f"{label} {count}" for label, count in coverage.unused_labels.items())
        yield f"labels that the gold never uses, ignored by the official score: {labels}"


def _outcomes_table(semeval: Mapping[Scheme, Outcomes]) -> Table:
    counts: list[Row] = [(name, *(int(getattr(outcomes, name)) for outcomes in semeval.values())) for name in OUTCOMES]
    figures: list[Row] = [
        (heading, *(float(getattr(outcomes.figures, attribute)) for outcomes in semeval.values()))
        for heading, attribute in FIGURES.items()
    ]
    return build_table("SemEval-2013, all predictions", ["", *semeval], counts, figures)


def _print_tokens(console: Console, report: "TokenReport") -> None:
    console.print(score_table("seqeval, strict IOB2", report.score))
    lines = {
        "tokens of the gold": report.tokens,
        "predictions that cut a token, counted with the whole of it": report.cut,
        "predictions left out, as they share tokens with longer ones or have none": report.left_out,
    }
    _print_lines(console, *(f"{what}: {count}" for what, count in lines.items() if count))


def _print_comparison(console: Console, comparison: "Comparison", a: Path, b: Path) -> None:
    rows = []
    for name, average in (("micro F1", comparison.micro), ("macro F1", comparison.macro)):
        low, high = average.interval
        interval, wins = f"{low:+z.4f} to {high:+z.4f}", f"{100 * average.win_probability:.1f} %"
        rows.append((name, average.a, average.b, f"{average.difference:+z.4f}", interval, wins))
    console.print(build_table("A against B", ["", "A", "B", "A - B", "95 % interval", "A is better"], rows))
    drawn = f"{comparison.resamples} resamples of {comparison.documents} documents, seed {comparison.seed}"
    _print_lines(console, f"A: {a}", f"B: {b}", f"paired bootstrap: {drawn}")


def _print_errors(console: Console, report: ErrorReport) -> None:
    console.print(_errors_table("gold entities by outcome", OF_GOLD, report))
    console.print(_errors_table("predicted entities by outcome", OF_PREDICTED, report))
    confused = [
        (label, count, other) for label, errors in report.labels.items() for other, count in errors.confusions.items()
    ]
    if confused:
        rows = sorted(confused, key=lambda row: -row[1])
        console.print(build_table("right span, wrong label", ["label in gold", "entities", "predicted label"], rows))
    for label, examples in groupby(report.examples, key=lambda example: example.pair.mention.label):
        _print_lines(console, label, *(f"  {_line(example)}" for example in examples))


def _print_calibration(console: Console, calibration: Calibration) -> None:
    bins = [
        (f"{each.low:.1f} to {each.high:.1f}", each.entities, each.confidence, each.correct)
        for each in calibration.bins
    ]
    everything = ("all", calibration.entities, calibration.confidence, calibration.correct)
    headings = ["score", "entities", "mean score", "correct"]
    console.print(build_table("scores of entities and their correctness", headings, bins, [everything]))
    left_out = [f"entities without a score, left out: {calibration.without_score}"] * bool(calibration.without_score)
    _print_lines(console, f"expected calibration error: {calibration.expected_calibration_error:.4f}", *left_out)


def _print_lines(console: Console, *lines: str) -> None:
    """Print lines without wrapping them, then an empty one; nothing if there are none."""
    for line in lines:
        console.print(printable(line), soft_wrap=True, markup=False, emoji=False, highlight=False)
    if lines:
        console.print()


def _errors_table(title: str, columns: dict[str, str], report: ErrorReport) -> Table:
    counts = {
        label: [int(getattr(errors, attribute)) for attribute in columns.values()]
        for label, errors in report.labels.items()
    }
    rows: list[Row] = [(label, *numbers) for label, numbers in counts.items()]
    totals: Row = ("all", *map(sum, zip(*counts.values(), strict=True)))
    return build_table(title, ["label", *columns], rows, [totals])


def _line(example: Example) -> str:
    """Return an example as ``…before[text]after…``, with both quoted texts where the boundary is wrong."""
    before = "…" + example.before if len(example.before) == CONTEXT else example.before
    after = example.after + "…" if len(example.after) == CONTEXT else example.after
    pair = example.pair
    place = ", ".join(filter(None, (document_name(example.pmid), pair.mention.location)))
    where = f"{place}: {before}[{_shortened(example.text)}]{after}"
    kind = pair.kind.replace("_", " ")
    if pair.gold is None or pair.predicted is None:
        return f"{kind}, {where}"
    if pair.kind == "wrong_label":
        return f"{kind} {pair.predicted.label}, {where}"
    return f"{kind}, {where}; gold {_shortened(pair.gold.text)!r}, predicted {_shortened(pair.predicted.text)!r}"


def _shortened(text: str) -> str:
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]}…{text[-half:]}"
