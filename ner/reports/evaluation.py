"""The evaluation of a prediction file: its scores and, on request, a comparison, its errors and its calibration."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from typing import TYPE_CHECKING

from ner.documents import Passage, Span
from ner.errors import InputError
from ner.formats.gutbrainie import SECTIONS, Entity, entity_record
from ner.metrics.annotation import Annotation, aligned, known_only
from ner.metrics.calibration import Calibration, calibrate
from ner.metrics.error_analysis import ErrorReport, Example, LabelErrors, find_errors
from ner.metrics.official import Figures, Mention, Score, Version, score
from ner.metrics.semeval import Outcomes, Scheme, count_outcomes

if TYPE_CHECKING:  # numpy takes longer to import than a file to score
    from ner.metrics.bootstrap import Comparison
    from ner.metrics.seqeval import TokenReport


@dataclass(frozen=True, slots=True)
class Wanted:
    """The results that are wanted besides the scores.

    Args:
        against: Other predictions, B, with which the predictions, A, are compared.
        resamples: The number of resamples of the documents that the comparison draws.
        bootstrap_seed: The seed of these draws.
        errors: Sort the errors by kind.
        examples: The number of errors of each label and kind to show.
        calibration: Compare the scores of the entities with their correctness.
    """

    against: Annotation | None = None
    resamples: int = 10_000
    bootstrap_seed: int = 42
    errors: bool = False
    examples: int = 3
    calibration: bool = False


@dataclass(frozen=True, slots=True)
class Coverage:
    """What gold and predictions have in common.

    Args:
        documents: The number of documents of the gold.
        missing: Those of them that are not in the predictions or not annotated there, and count as predicted empty.
        left_out: Predictions where the gold is not annotated, which count nowhere.
        unused_labels: Predictions by label, where the gold never uses it. The official score ignores them, while the
            others count them as spurious or incorrect.
    """

    documents: int
    missing: int = 0
    left_out: int = 0
    unused_labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Results:
    """The scores of a prediction file, and the other results that were wanted.

    Args:
        predictions: The predictions, A, at the places of the gold.
        version: The version of the official score.
        score: Its official score.
        coverage: What it has in common with the gold.
        semeval: Its outcomes under the schemes of SemEval.
        tokens: Its score on the tokens of the gold, where the gold has some.
        against: The predictions that they were compared with, B, at the places of the gold.
        comparison: The difference of their official scores.
        errors: The errors of A by kind.
        calibration: The scores of A's entities against their correctness.
    """

    predictions: Annotation
    version: Version
    score: Score
    coverage: Coverage
    semeval: Mapping[Scheme, Outcomes]
    tokens: "TokenReport | None" = None
    against: Annotation | None = None
    comparison: "Comparison | None" = None
    errors: ErrorReport | None = None
    calibration: Calibration | None = None

    def as_json(self) -> dict[str, object]:
        """Return the results as a JSON object; offsets are those of the files."""
        content: dict[str, object] = {
            **_averages(self.score),
            "coverage": asdict(self.coverage),
            "semeval": {scheme: _outcomes(outcomes) for scheme, outcomes in self.semeval.items()},
        }
        if self.tokens is not None:
            counts = {name: getattr(self.tokens, name) for name in ("tokens", "cut", "left_out")}
            content["tokens"] = {**_averages(self.tokens.score), **counts}
        if self.comparison is not None and self.against is not None:
            content["against"] = {"predictions": str(self.against.path), **asdict(self.comparison)}
        if self.errors is not None:
            content["errors"] = {
                "labels": {label: _label_errors(errors) for label, errors in self.errors.labels.items()},
                "examples": [_example(example) for example in self.errors.examples],
            }
        if self.calibration is not None:
            content["calibration"] = asdict(self.calibration)
        return content


def evaluate(
    gold: Annotation,
    predictions: Annotation,
    labels: Sequence[str],
    version: Version = "final",
    wanted: Wanted | None = None,
) -> Results:
    """Score predictions, and compute the other results that are wanted.

    Args:
        gold: The gold annotation.
        predictions: The predictions to score.
        labels: The legal labels of predictions for gold in GutBrainIE's JSON, besides those that it uses, unless a
            format names others. For other gold any label and location is legal.
        version: The version of the official score.
        wanted: The other results.

    Raises:
        InputError: if the predictions are of other texts or not annotated, the official script would refuse them, or
            the calibration is wanted of predictions without scores.
    """
    wanted = wanted or Wanted()
    gold = known_only(gold, gold)
    predictions, left_out = _comparable(predictions, gold)
    whole = _score(predictions, gold, labels, version)
    other, comparison, errors, calibration = None, None, None, None
    if wanted.against is not None:
        from ner.metrics.bootstrap import compare  # noqa: PLC0415 - numpy takes longer to import than a file to score

        other, _ = _comparable(wanted.against, gold)
        _score(other, gold, labels, version)  # what the script refuses is not compared either
        comparison = compare(
            gold.mentions, predictions.mentions, other.mentions, version, wanted.resamples, wanted.bootstrap_seed
        )
    if wanted.errors:
        texts = {name: gold.texts(name) for name in gold.mentions}
        errors = find_errors(gold.mentions, predictions.mentions, version, texts, wanted.examples)
    if wanted.calibration:
        try:
            calibration = calibrate(gold.mentions, predictions.mentions, predictions.scores, version)
        except InputError as error:
            raise InputError(f"{predictions.path}: {error}") from error
    return Results(
        predictions,
        version,
        whole,
        _coverage(gold, predictions, left_out),
        count_outcomes(gold.mentions, predictions.mentions),
        _score_tokens(gold, predictions),
        other,
        comparison,
        errors,
        calibration,
    )


def _comparable(predictions: Annotation, gold: Annotation) -> tuple[Annotation, int]:
    """Return predictions at the places of the gold, and the number of those left out.

    Raises:
        InputError: if they are of other texts, or no document is annotated.
    """
    if predictions.mentions and not any(map(predictions.is_annotated, predictions.mentions)):
        raise InputError(f"{predictions.path}: no document is annotated; tag it first, or see if its format is right")
    after = aligned(predictions, gold)
    before, kept = (sum(map(len, side.mentions.values())) for side in (predictions, after))
    return after, before - kept


def _score(predictions: Annotation, gold: Annotation, labels: Sequence[str], version: Version) -> Score:
    """Compute the official score.

    Raises:
        InputError: if the official script would refuse the predictions.
    """
    legal = None
    if gold.is_gutbrainie:
        used = (mention.label for found in gold.mentions.values() for mention in found)
        legal = tuple(dict.fromkeys([*(predictions.labels or gold.labels or labels), *used]))
    try:
        return score(gold.mentions, predictions.mentions, version, legal, SECTIONS if gold.is_gutbrainie else None)
    except InputError as error:
        raise InputError(f"{predictions.path} against {gold.path}: {error}") from error


def _coverage(gold: Annotation, predictions: Annotation, left_out: int) -> Coverage:
    used = {mention.label for found in gold.mentions.values() for mention in found}
    labels = Counter(mention.label for found in predictions.mentions.values() for mention in found)
    return Coverage(
        len(gold.mentions),
        sum(not predictions.is_annotated(name) for name in gold.mentions),
        left_out,
        {label: count for label, count in labels.most_common() if label not in used},
    )


def _score_tokens(gold: Annotation, predictions: Annotation) -> "TokenReport | None":
    """Score predictions on the tokens of the gold, where it has some."""
    passages = list(_passages_with_tokens(gold, predictions))
    if not passages:
        return None
    from ner.metrics.seqeval import score_tokens  # noqa: PLC0415 - seqeval takes longer to import than a file to score

    return score_tokens(passages)


def _passages_with_tokens(gold: Annotation, predictions: Annotation) -> Iterator[tuple[Passage, list[Span]]]:
    """Yield the passages of the gold that have tokens, each with the spans predicted in it."""
    for name, passages in gold.passages.items():
        found = defaultdict(list)
        for each in predictions.mentions.get(name, ()):
            # A submission may hold intervals without characters, which have no tokens either.
            if 0 <= each.start < each.end:
                found[each.location].append(Span(each.start, each.end, each.label))
        for location, passage in passages.items():
            if passage.tokens is not None:
                yield passage, found[location]


def _averages(score: Score) -> dict[str, object]:
    return {
        "macro": _figures(score.macro),
        "micro": _figures(score.micro),
        "labels": {label: _figures(figures) for label, figures in score.labels.items()},
    }


def _outcomes(outcomes: Outcomes) -> dict[str, object]:
    return {
        **asdict(outcomes),
        "possible": outcomes.possible,
        "actual": outcomes.actual,
        **_figures(outcomes.figures),
    }


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
