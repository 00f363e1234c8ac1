"""Score predictions against gold annotation, file against file, with the official GutBrainIE score.

On request also a comparison of two prediction files, the errors by kind, and the calibration of the scores.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import get_args

from rich.console import Console

from ner.cli.parser import LightParser
from ner.corpora.gutbrainie.corpus import GutBrainIE
from ner.errors import InputError
from ner.metrics.official import Version
from ner.reports.console import print_results
from ner.reports.evaluation import Wanted, evaluate_files

MOST_RESAMPLES = 1_000_000


def main(arguments: Sequence[str]) -> int:
    """Print the results as tables or as one JSON object, and return the exit code.

    Raises:
        InputError: if an argument or a file is wrong.
    """
    chosen = _parser().parse_args(list(arguments))
    results = evaluate_files(chosen.gold, chosen.predictions, GutBrainIE.labels, chosen.version, _wanted(chosen))
    if chosen.json:
        sys.stdout.write(json.dumps(results.as_json()) + "\n")
        return 0
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack characters of the texts
    print_results(Console(file=sys.stdout), results)
    return 0


def _parser() -> LightParser:
    parser = LightParser(prog="score", description="Official GutBrainIE NER score.")
    parser.add_argument("--gold", type=Path, required=True, metavar="FILE", help="annotated GutBrainIE JSON file")
    parser.add_argument("--predictions", type=Path, required=True, metavar="FILE", help="JSON file to score")
    parser.add_argument("--json", action="store_true", help="write one JSON object, unrounded, instead of tables")
    parser.add_argument(
        "--version",
        choices=get_args(Version),
        default="final",
        help="final (default): duplicates and overlaps are removed from the predictions; march2025: they count",
    )
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="predictions to compare with: a paired bootstrap over documents"
    )
    parser.add_number("--resamples", "resamples of the documents", Wanted().resamples, 1, MOST_RESAMPLES)
    parser.add_number("--bootstrap_seed", "seed of the resamples", Wanted().bootstrap_seed)
    parser.add_argument("--errors", action="store_true", help="sort the errors of the predictions by label and kind")
    parser.add_number("--examples", "errors of each label and kind to show", Wanted().examples)
    parser.add_argument(
        "--calibration",
        action="store_true",
        help="compare the scores of entities, which predict --predictions.scores true writes, with their correctness",
    )
    return parser


def _wanted(chosen: Namespace) -> Wanted:
    """Return the results that the arguments want besides the score.

    Raises:
        InputError: if an argument would change nothing.
    """
    for option, switch in (("resamples", "against"), ("bootstrap_seed", "against"), ("examples", "errors")):
        if option in chosen and not getattr(chosen, switch):
            raise InputError(f"argument --{option}: it changes nothing without --{switch}; give both or neither")
    default = Wanted()
    return Wanted(
        chosen.against,
        getattr(chosen, "resamples", default.resamples),
        getattr(chosen, "bootstrap_seed", default.bootstrap_seed),
        chosen.errors,
        getattr(chosen, "examples", default.examples),
        chosen.calibration,
    )
