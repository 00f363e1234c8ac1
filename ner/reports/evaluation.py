"""What ``score`` finds, and how it is written as one JSON object."""

from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ner.formats.gutbrainie import Entity, entity_record
from ner.metrics.calibration import Calibration
from ner.metrics.error_analysis import ErrorReport, Example, LabelErrors
from ner.metrics.official import Figures, Mention, Score, Version

if TYPE_CHECKING:  # numpy takes longer to import than a file to score
    from ner.metrics.bootstrap import Comparison


@dataclass(frozen=True, slots=True)
class Results:
    """The score of a prediction file, and what else was asked for.

    Args:
        predictions: The file, A.
        version: The version of the official score.
        score: Its score.
        against: The file that it was compared with, B.
        comparison: How they differ.
        errors: The errors of A by kind.
        calibration: Whether the scores of A's entities can be believed.
    """

    predictions: Path
    version: Version
    score: Score
    against: Path | None = None
    comparison: "Comparison | None" = None
    errors: ErrorReport | None = None
    calibration: Calibration | None = None

    def as_json(self) -> dict[str, object]:
        """The content of a JSON object; offsets are those of the files."""
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
