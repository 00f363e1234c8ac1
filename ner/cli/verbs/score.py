"""Score predictions against gold annotation, file against file, with the official GutBrainIE score.

On request also how two predictions differ, which errors there are, and whether the scores of entities can be believed.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from rich.console import Console

from ner.cli.parser import LightParser
from ner.corpora.gutbrainie.corpus import GutBrainIE
from ner.errors import InputError
from ner.metrics.calibration import calibrate
from ner.metrics.error_analysis import find_errors
from ner.metrics.official import Mention, Score, Version, score
from ner.metrics.submissions import confidences_in, mentions_in, read_content, read_mentions, texts_in
from ner.reports.evaluation import Results
from ner.reports.tables import print_results

MOST_RESAMPLES = 1_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to find besides the score.

    Args:
        against: Another prediction file, B, with which the predictions, A, are compared.
        resamples: How many resamples of the documents the comparison draws.
        bootstrap_seed: What decides which.
        errors: Whether to sort the errors by kind.
        examples: How many errors of each label and kind to show.
        calibration: Whether to hold the scores of the entities against their correctness.
    """

    against: Path | None = None
    resamples: int = 10_000
    bootstrap_seed: int = 42
    errors: bool = False
    examples: int = 3
    calibration: bool = False


def score_files(gold: Path, predictions: Path, version: Version = "final") -> Score:
    """The official score of a prediction file; the labels of GutBrainIE are legal, and those of the gold.

    Raises:
        InputError: if a file is not what it should be, or the official script would not score the predictions.
    """
    return _score(read_mentions(gold), gold, read_mentions(predictions), predictions, version)


def evaluate_files(gold: Path, predictions: Path, version: Version = "final", wanted: Wanted | None = None) -> Results:
    """The official score of a prediction file and what else is wanted; each file is read once.

    Raises:
        InputError: if a file is not what it should be, the official script would not score the predictions of one, or
            the calibration is wanted of predictions without scores.
    """
    wanted = wanted or Wanted()
    of_gold, of_predictions = read_content(gold), read_content(predictions)
    annotated, predicted = mentions_in(of_gold, gold), mentions_in(of_predictions, predictions)
    whole = _score(annotated, gold, predicted, predictions, version)
    comparison, errors, calibration = None, None, None
    if wanted.against is not None:
        from ner.metrics.bootstrap import compare  # noqa: PLC0415 - numpy takes longer to import than a file to score

        other = read_mentions(wanted.against)
        _score(annotated, gold, other, wanted.against, version)  # what the script refuses is not compared either
        comparison = compare(annotated, predicted, other, version, wanted.resamples, wanted.bootstrap_seed)
    if wanted.errors:
        errors = find_errors(annotated, predicted, version, texts_in(of_gold), wanted.examples)
    if wanted.calibration:
        confidences = confidences_in(of_predictions, predictions)
        try:
            calibration = calibrate(annotated, predicted, confidences, version)
        except InputError as error:
            raise InputError(f"{predictions}: {error}") from error
    return Results(predictions, version, whole, wanted.against, comparison, errors, calibration)


def score_command(
    gold: Path, predictions: Path, as_json: bool = False, version: Version = "final", wanted: Wanted | None = None
) -> None:
    """Write the score of a prediction file and what else is wanted to standard output, as tables or as one JSON object.

    Raises:
        InputError: as ``evaluate_files``.
    """
    results = evaluate_files(gold, predictions, version, wanted)
    if as_json:
        sys.stdout.write(json.dumps(results.as_json()) + "\n")
    else:
        # Labels and texts are data: brackets and colons in them are not markup.
        print_results(Console(file=sys.stdout, markup=False, emoji=False, highlight=False), results)


def main(arguments: Sequence[str]) -> int:
    """Run the verb with the arguments that follow it, and return the exit code.

    Raises:
        InputError: if the arguments or the files are not what they should be.
    """
    chosen = _parser().parse_args(list(arguments))
    score_command(chosen.gold, chosen.predictions, chosen.json, chosen.version, _wanted(chosen))
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
    parser.add_number("--bootstrap_seed", "what decides which", Wanted().bootstrap_seed)
    parser.add_argument("--errors", action="store_true", help="sort the errors of the predictions by label and kind")
    parser.add_number("--examples", "errors of each label and kind to show", Wanted().examples)
    parser.add_argument(
        "--calibration",
        action="store_true",
        help="hold the scores of entities, which predict --predictions.scores true writes, against their correctness",
    )
    return parser


def _wanted(chosen: Namespace) -> Wanted:
    """What the arguments ask for besides the score.

    Raises:
        InputError: if one of them would change nothing.
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


def _score(
    annotated: Mapping[str, Sequence[Mention]],
    gold: Path,
    predicted: Mapping[str, Sequence[Mention]],
    predictions: Path,
    version: Version,
) -> Score:
    # On GutBrainIE this is the script's list; the gold of another corpus in the same format brings its own labels.
    used = (mention.label for document in annotated.values() for mention in document)
    legal_labels = tuple(dict.fromkeys([*GutBrainIE.labels, *used]))
    try:
        return score(annotated, predicted, version, legal_labels)
    except InputError as error:
        raise InputError(f"{predictions} against {gold}: {error}") from error
