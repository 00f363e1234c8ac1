"""``python main.py score``: the official GutBrainIE score of a prediction file, from the two files alone."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, get_args

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ner.corpora.gutbrainie import GutBrainIE
from ner.errors import InputError
from ner.metrics.entities import read_mentions
from ner.metrics.official import Counts, Figures, Score, Version, score


class _Parser(ArgumentParser):
    """Reports a wrong argument like every other mistake of a user: one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see python {self.prog} --help")


def score_files(gold: Path, predictions: Path, version: Version = "final") -> Score:
    """The official score of a prediction file; the labels of GutBrainIE are legal, and those of the gold.

    Raises:
        InputError: if a file is not what it should be, or the official script would not score the predictions.
    """
    annotated, predicted = read_mentions(gold), read_mentions(predictions)
    # On GutBrainIE this is the script's list; the gold of another corpus in the same format brings its own labels.
    used = (mention.label for document in annotated.values() for mention in document)
    legal_labels = tuple(dict.fromkeys([*GutBrainIE.labels, *used]))
    try:
        return score(annotated, predicted, version, legal_labels)
    except InputError as error:
        raise InputError(f"{predictions} against {gold}: {error}") from error


def score_command(gold: Path, predictions: Path, as_json: bool = False, version: Version = "final") -> None:
    """Write the score of a prediction file to standard output, as a table or as one JSON object.

    Raises:
        InputError: if a file is not what it should be, or the official script would not score the predictions.
    """
    result = score_files(gold, predictions, version)
    if as_json:
        averages = {"macro": _plain(result.macro), "micro": _plain(result.micro)}
        labels = {label: _plain(figures) for label, figures in result.labels.items()}
        sys.stdout.write(json.dumps({**averages, "labels": labels}) + "\n")
    else:
        # Labels are data: brackets and colons in them are not markup.
        Console(markup=False, emoji=False, highlight=False).print(_table(result, version))


def main(arguments: Sequence[str]) -> int:
    """Run the verb with the arguments that follow it, and return the exit code.

    Raises:
        InputError: if the arguments or the files are not what they should be.
    """
    parser = _Parser(prog="main.py score", description="Official GutBrainIE NER score.", allow_abbrev=False)
    parser.add_argument("--gold", type=Path, required=True, metavar="FILE", help="annotated GutBrainIE JSON file")
    parser.add_argument("--predictions", type=Path, required=True, metavar="FILE", help="JSON file to score")
    parser.add_argument("--json", action="store_true", help="write one JSON object, unrounded, instead of a table")
    parser.add_argument(
        "--version",
        choices=get_args(Version),
        default="final",
        help="final (default): duplicates and overlaps are removed from the predictions; march2025: they count",
    )
    chosen = parser.parse_args(list(arguments))
    score_command(chosen.gold, chosen.predictions, chosen.json, chosen.version)
    return 0


def _plain(figures: Figures) -> dict[str, float]:
    return {"p": figures.precision, "r": figures.recall, "f1": figures.f1}


def _table(result: Score, version: Version) -> Table:
    # Without outer borders the longest label of GutBrainIE fits into 80 columns.
    table = Table(title=f"official GutBrainIE score ({version} version)", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("label")
    for heading in ("gold", "predicted", "correct", "P", "R", "F1"):
        table.add_column(heading, justify="right", no_wrap=True)
    for label, figures in sorted(result.labels.items(), key=lambda row: row[0].casefold()):
        table.add_row(label, *_cells(result.counts[label], figures))
    table.add_section()
    total = sum(result.counts.values(), Counts())
    table.add_row("micro", *_cells(total, result.micro))
    table.add_row("macro", "", "", "", *_cells(total, result.macro)[3:])
    return table


def _cells(counts: Counts, figures: Figures) -> list[str]:
    numbers = (counts.gold, counts.predicted, counts.true_positives)
    return [*(str(number) for number in numbers), *(f"{figure:.4f}" for figure in figures)]
