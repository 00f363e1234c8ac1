"""Score predictions against gold annotation in any format, with the official GutBrainIE score and others.

On request also a comparison of two prediction files, the errors by kind, and the calibration of the scores.
"""

import json
import sys
from argparse import SUPPRESS
from collections.abc import Sequence
from io import TextIOWrapper

from jsonargparse import Namespace
from jsonargparse.typing import NonNegativeInt
from rich.console import Console

from ner.cli.messages import PlainParser
from ner.cli.parser import program
from ner.cli.scoring import Resamples, add_files, read_file
from ner.corpora.gutbrainie.corpus import GutBrainIE
from ner.errors import InputError
from ner.reports.console import print_results
from ner.reports.evaluation import Wanted, evaluate

DESCRIPTION = """Score predictions against gold annotation: the official GutBrainIE score, SemEval's strict, exact,
partial and type scores and, where the gold has tokens, seqeval's on these. Files are GutBrainIE's JSON unless --format,
or --gold_format and --predictions_format, name a class of ner.formats, or one of your own as my_module.MyFormat; its
options follow it, as in --gold_format CoNLL --gold_format.tag_column 3."""


def main(arguments: Sequence[str]) -> int:
    """Print the results as tables or as one JSON object, and return the exit code.

    Raises:
        InputError: if an argument or a file is wrong.
    """
    parser = _parser()
    chosen = parser.instantiate(parser.parse_args(list(arguments)))
    _check_switches(chosen)
    gold = read_file(chosen.gold, chosen, "gold_format")
    predictions = read_file(chosen.predictions, chosen, "predictions_format", chosen.calibration)
    results = evaluate(gold, predictions, GutBrainIE.labels, chosen.version, _wanted(chosen))
    if chosen.json:
        sys.stdout.write(json.dumps(results.as_json()) + "\n")
        return 0
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack characters of the texts
    print_results(Console(file=sys.stdout), results)
    return 0


def _parser() -> PlainParser:
    parser = PlainParser(prog=f"{program()} score", description=DESCRIPTION, allow_abbrev=False)
    add_files(parser)
    parser.add_argument("--json", action="store_true", help="write one JSON object, unrounded, instead of tables")
    default = Wanted()
    numbers = (
        ("resamples", Resamples, "resamples of the documents"),
        ("bootstrap_seed", NonNegativeInt, "seed of the resamples"),
        ("examples", NonNegativeInt, "errors of each label and kind to show"),
    )
    for name, kind, what in numbers:
        described = f"{what} (default: {getattr(default, name)})"
        parser.add_argument(f"--{name}", type=kind, default=SUPPRESS, metavar="N", help=described)
    parser.add_argument("--errors", action="store_true", help="sort the errors of the predictions by label and kind")
    parser.add_argument(
        "--calibration",
        action="store_true",
        help="compare the scores of entities, which predict --predictions.scores true writes, with their correctness",
    )
    return parser


def _check_switches(chosen: Namespace) -> None:
    """Refuse an argument that would change nothing.

    Raises:
        InputError: if there is one.
    """
    for option, switch in (("resamples", "against"), ("bootstrap_seed", "against"), ("examples", "errors")):
        if option in chosen and not chosen[switch]:
            raise InputError(f"--{option} changes nothing without --{switch}; give both or neither")


def _wanted(chosen: Namespace) -> Wanted:
    """Return the results that the arguments want besides the scores.

    Raises:
        InputError: if the predictions to compare with cannot be read.
    """
    default = Wanted()
    return Wanted(
        read_file(chosen.against, chosen, "predictions_format") if chosen.against else None,
        chosen.get("resamples", default.resamples),
        chosen.get("bootstrap_seed", default.bootstrap_seed),
        chosen.errors,
        chosen.get("examples", default.examples),
        chosen.calibration,
    )
