"""The evaluation of a prediction file: its score and, on request, a comparison, its errors and its calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ner.errors import InputError
from ner.formats.gutbrainie import Entity, entity_record
from ner.metrics.calibration import Calibration, calibrate
from ner.metrics.error_analysis import ErrorReport, Example, LabelErrors, find_errors
from ner.metrics.official import Figures, Mention, Score, Version, score
from ner.metrics.submissions import confidences_in, mentions_in, read_content, read_mentions, texts_in

if TYPE_CHECKING:  # numpy takes longer to import than a file to score
    from ner.metrics.bootstrap import Comparison

Mentions = Mapping[str, Sequence[Mention]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The results that are wanted besides the score.

    Args:
        against: Another prediction file, B, with which the predictions, A, are compared.
        resamples: The number of resamples of the documents that the comparison draws.
        bootstrap_seed: The seed of these draws.
        errors: Sort the errors by kind.
        examples: The number of errors of each label and kind to show.
        calibration: Compare the scores of the entities with their correctness.
    """

    against: Path | None = None
    resamples: int = 10_000
    bootstrap_seed: int = 42
    errors: bool = False
    examples: int = 3
    calibration: bool = False


@dataclass(frozen=True, slots=True)
class Results:
    """The score of a prediction file, and the other results that were wanted.

    Args:
        predictions: The file, A.
        version: The version of the official score.
        score: Its score.
        against: The file that it was compared with, B.
        comparison: The difference of their scores.
        errors: The errors of A by kind.
        calibration: The scores of A's entities against their correctness.
    """

    predictions: Path
    version: Version
    score: Score
    against: Path | None = None
    comparison: "Comparison | None" = None
    errors: ErrorReport | None = None
    calibration: Calibration | None = None

    def as_json(self) -> dict[str, object]:
        """Return the results as a JSON object; offsets are those of the files."""
        content: dict[str, object] = {
            "macro": _figures(self.score.macro),
            "micro": _figures(self.score.micro),
            "labels": {label: _figures(figures) for label, figures in self.score.labels.items()},
        }
        if self.comparison is not None:
            content["against"] = {"predictions": str(self.against), **asdict(self.comparison)}
        if self.errors is not None:
            content["errors"] = {
                "labels": {label: _label_errors(errors) for label, errors in self.errors.labels.items()},
                "examples": [_example(example) for example in self.errors.examples],
            }
        if self.calibration is not None:
            content["calibration"] = asdict(self.calibration)
        return content


def evaluate_files(
    gold: Path,
    predictions: Path,
    labels: Sequence[str],
    version: Version = "final",
    wanted: Wanted | None = None,
) -> Results:
    """Score a prediction file, and compute the other results that are wanted; each file is read once.

    Args:
        gold: Annotated GutBrainIE JSON.
        predictions: GutBrainIE JSON to score.
        labels: The legal labels of predictions, besides those that the gold uses.
        version: The version of the official score.
        wanted: The other results.

    Raises:
        InputError: if a file is damaged, the official script would refuse the predictions, or the calibration is wanted
            of predictions without scores.
    """
    wanted = wanted or Wanted()
    of_gold, of_predictions = read_content(gold), read_content(predictions)
    annotated, predicted = mentions_in(of_gold, gold), mentions_in(of_predictions, predictions)
    legal = tuple(dict.fromkeys([*labels, *(mention.label for found in annotated.values() for mention in found)]))

    def scored(file: Path, found: Mentions) -> Score:
        try:
            return score(annotated, found, version, legal)
        except InputError as error:
            raise InputError(f"{file} against {gold}: {error}") from error

    whole = scored(predictions, predicted)
    comparison, errors, calibration = None, None, None
    if wanted.against is not None:
        from ner.metrics.bootstrap import compare  # noqa: PLC0415 - numpy takes longer to import than a file to score

        other = read_mentions(wanted.against)
        scored(wanted.against, other)  # what the script refuses is not compared either
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


def _figures(figures: Figures) -> dict[str, float]:
    return {"p": figures.precision, "r": figures.recall, "f1": figures.f1}


def _label_errors(errors: LabelErrors) -> dict[str, object]:
    sums = ("gold", "predicted", "wrong_label", "wrong_boundary")
    return {**{name: getattr(errors, name) for name in sums}, **asdict(errors)}


def _example(example: Example) -> dict[str, object]:
    pair = example.pair
    return {
        "pmid": example.pmid,
        "kind": pair.kind,
        "label": pair.mention.label,
        "gold": _mention(pair.gold),
        "predicted": _mention(pair.predicted),
        "before": example.before,
        "text": example.text,
        "after": example.after,
    }


def _mention(mention: Mention | None) -> dict[str, object] | None:
    if mention is None:
        return None
    return entity_record(Entity(*astuple(mention)))
