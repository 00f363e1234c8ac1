"""Score predictions against gold annotation, file against file, with the official GutBrainIE score and others.

On request also a comparison of two prediction files, the errors by kind, and the calibration of the scores.
"""

import json
import sys
from argparse import SUPPRESS
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from jsonargparse import Namespace
from jsonargparse.typing import NonNegativeInt, restricted_number_type
from rich.console import Console

from ner.cli.messages import PlainParser, format_options
from ner.cli.parser import program
from ner.corpora.gutbrainie.corpus import GutBrainIE
from ner.errors import InputError
from ner.formats import Format
from ner.metrics.annotation import Annotation, read_annotation
from ner.metrics.official import Version
from ner.reports.console import print_results
from ner.reports.evaluation import Wanted, evaluate

DESCRIPTION = """Score predictions against gold annotation: the official GutBrainIE score, SemEval's strict, exact,
partial and type scores and, where the gold has tokens, seqeval's on these. Files are GutBrainIE's JSON unless --format,
or --gold_format and --predictions_format, name a class of ner.formats, or one of your own as my_module.MyFormat; its
options follow it, as in --gold_format CoNLL --gold_format.tag_column 3."""

Resamples = restricted_number_type("Resamples", int, [(">=", 1), ("<=", 1_000_000)])


def main(arguments: Sequence[str]) -> int:
    """Print the results as tables or as one JSON object, and return the exit code.

    Raises:
        InputError: if an argument or a file is wrong.
    """
    parser = _parser()
    chosen = parser.instantiate(parser.parse_args(list(arguments)))
    _check_switches(chosen)
    gold = _read(chosen.gold, chosen, "gold_format")
    predictions = _read(chosen.predictions, chosen, "predictions_format")
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
    parser.add_argument("--gold", type=Path, required=True, metavar="FILE", help="annotated file, or folder of some")
    parser.add_argument("--predictions", type=Path, required=True, metavar="FILE", help="file or folder to score")
    parser.add_argument("--format", type=Format, help="format of all files; without it GutBrainIE's JSON")
    parser.add_argument("--gold_format", type=Format, help="format of the gold, if it differs")
    parser.add_argument("--predictions_format", type=Format, help="format of the predictions, if it differs")
    parser.add_argument("--json", action="store_true", help="write one JSON object, unrounded, instead of tables")
    parser.add_argument(
        "--version",
        type=Version,
        default="final",
        help="of the official score; final: duplicates and overlaps are removed from the predictions; march2025: they"
        " count",
    )
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="predictions to compare with: a paired bootstrap over documents"
    )
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


def _read(path: Path, chosen: Namespace, option: str) -> Annotation:
    """Read a file in the format that an option names, or ``--format``, or in GutBrainIE's JSON.

    Raises:
        InputError: if it cannot be read.
    """
    option = option if chosen[option] else "format"
    source: Format | None = chosen[option]
    try:
        with format_options(lambda: option):
            return read_annotation(path, source or GutBrainIE.format, chosen.calibration)
    except InputError as error:
        if source is None and "broken JSON" in str(error):
            raise InputError(f"{error}, or name its format with --format") from error
        raise


def _wanted(chosen: Namespace) -> Wanted:
    """Return the results that the arguments want besides the scores.

    Raises:
        InputError: if the predictions to compare with cannot be read.
    """
    default = Wanted()
    return Wanted(
        _read(chosen.against, chosen, "predictions_format") if chosen.against else None,
        chosen.get("resamples", default.resamples),
        chosen.get("bootstrap_seed", default.bootstrap_seed),
        chosen.errors,
        chosen.get("examples", default.examples),
        chosen.calibration,
    )
