"""Errors by kind: each gold entity and each prediction is right, nearly right in a certain way, or wrong."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from ner.metrics.official import Mention, Version, retained

Kind = Literal["found", "wrong_label", "too_long", "too_short", "shifted", "other_text", "missed", "spurious"]
KINDS: tuple[Kind, ...] = get_args(Kind)

CONTEXT = 30
"""Characters that an example shows on either side."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A gold entity and the prediction matched with it; one of them may be missing.

    Raises:
        ValueError: if both are missing.
    """

    gold: Mention | None
    predicted: Mention | None

    def __post_init__(self) -> None:
        if self.gold is None and self.predicted is None:
            raise ValueError("a pair needs a gold entity or a prediction")

    @property
    def mention(self) -> Mention:
        """The gold entity or, where there is none, the prediction."""
        mention = self.gold or self.predicted
        assert mention is not None  # __post_init__ refuses an empty pair
        return mention

    @property
    def kind(self) -> Kind:
        """The kind of the error, or ``found``."""
        if self.predicted is None:
            return "missed"
        if self.gold is None:
            return "spurious"
        if self.gold.label != self.predicted.label:
            return "wrong_label"
        gold, predicted = _interval(self.gold), _interval(self.predicted)
        if gold == predicted:
            return "found" if self.gold == self.predicted else "other_text"
        if predicted[0] <= gold[0] and gold[1] <= predicted[1]:
            return "too_long"
        return "too_short" if gold[0] <= predicted[0] and predicted[1] <= gold[1] else "shifted"


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """Counts for one label: of its gold entities, and of the predictions with this label.

    ``gold == found + wrong_label + wrong_boundary + missed``, and
    ``predicted == found + wrong_label_predicted + wrong_boundary + spurious``.

    Args:
        found: Predicted exactly.
        too_long: Right label, but the prediction goes beyond the entity and covers it.
        too_short: Right label, but the prediction is a part of the entity.
        shifted: Right label, but the prediction covers only some of the entity, and something else.
        other_text: Right label and boundary, but the prediction quotes another text than the gold.
        missed: Gold without a prediction.
        spurious: Predictions without gold.
        wrong_label_predicted: Predictions with this label and the span of a gold entity that has another.
        confusions: Gold of this label, by the other label that its span was predicted with.
    """

    found: int = 0
    too_long: int = 0
    too_short: int = 0
    shifted: int = 0
    other_text: int = 0
    missed: int = 0
    spurious: int = 0
    wrong_label_predicted: int = 0
    confusions: Mapping[str, int] = field(default_factory=dict)

    @property
    def wrong_label(self) -> int:
        """Gold entities whose span was predicted with another label."""
        return sum(self.confusions.values())

    @property
    def wrong_boundary(self) -> int:
        """Pairs with the right label that the official score still counts as wrong."""
        return self.too_long + self.too_short + self.shifted + self.other_text

    @property
    def gold(self) -> int:
        """All gold entities of the label."""
        return self.found + self.wrong_label + self.wrong_boundary + self.missed

    @property
    def predicted(self) -> int:
        """All predictions of the label."""
        return self.found + self.wrong_label_predicted + self.wrong_boundary + self.spurious


@dataclass(frozen=True, slots=True)
class Example:
    """One error in its context.

    Args:
        pmid: The document.
        pair: The gold entity, the prediction, or both.
        before: The text before them; empty where the text is unknown.
        text: The text from the first to the last character of both; where it is unknown, the mention's quoted text.
        after: The text after them; empty where the text is unknown.
    """

    pmid: str
    pair: Pair
    before: str
    text: str
    after: str


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """Errors by label, and examples sorted by label and kind."""

    labels: Mapping[str, LabelErrors]
    examples: tuple[Example, ...]


def find_errors(
    gold: Mapping[str, Sequence[Mention]],
    predictions: Mapping[str, Sequence[Mention]],
    version: Version = "final",
    texts: Mapping[str, Mapping[str, str]] | None = None,
    examples: int = 3,
) -> ErrorReport:
    """Find the errors among the predictions that a version of the official score retains.

    For ``final`` the numbers of gold, predicted and found are the official score's, also for labels that the gold never
    uses. For ``march2025`` a repeated prediction is found once and then spurious, while the score counts it again.

    Args:
        gold: Mentions by document. A document that is missing from the predictions counts as predicted empty.
        predictions: Mentions by document of the gold.
        version: ``final`` removes duplicates and overlaps first, ``march2025`` does not.
        texts: Texts by document and location, as far as they are known.
        examples: The number of errors to keep for each label and kind, in the order of the gold. An error with gold
            and prediction belongs to the label of the gold.
    """
    pairs = [
        (pmid, pair)
        for pmid, listed in gold.items()
        for pair in match(listed, retained(predictions.get(pmid, ()), version))
    ]
    chosen: defaultdict[tuple[str, Kind], list[Example]] = defaultdict(list)
    for pmid, pair in pairs:
        of_kind = chosen[pair.mention.label, pair.kind]
        if pair.kind != "found" and len(of_kind) < examples:
            of_kind.append(_example(pmid, pair, (texts or {}).get(pmid, {}).get(pair.mention.location)))
    labels = count_errors(pair for _, pair in pairs)
    ordered = (example for label in labels for kind in KINDS for example in chosen.get((label, kind), ()))
    return ErrorReport(labels, tuple(ordered))


def match(gold: Sequence[Mention], predicted: Sequence[Mention], any_label: bool = False) -> list[Pair]:
    """Match the gold entities and the predictions of a document, one to one inside a location.

    Equal mentions are matched first, then those with the same span and label that quote different texts, those with the
    same span and different labels, and those with the same label that overlap, from the largest overlap down. Among
    equals the first in the list wins. The rest is missed or spurious.

    Args:
        gold: The gold entities.
        predicted: The predictions.
        any_label: Match what is left and overlaps with different labels too, from the largest overlap down.

    Returns:
        Pairs in the order of the gold, then spurious predictions in theirs.
    """
    candidates = sorted(
        (rank, first, second)
        for first, second in _near(gold, predicted)
        if (rank := _rank(gold[first], predicted[second], any_label)) is not None
    )
    partners: dict[int, int] = {}
    taken: set[int] = set()
    for _, first, second in candidates:
        if first not in partners and second not in taken:
            partners[first] = second
            taken.add(second)
    of_gold = (
        Pair(mention, predicted[partners[place]] if place in partners else None) for place, mention in enumerate(gold)
    )
    return [*of_gold, *(Pair(None, mention) for place, mention in enumerate(predicted) if place not in taken)]


def count_errors(pairs: Iterable[Pair]) -> dict[str, LabelErrors]:
    """Count errors by label, in alphabetical order."""
    kinds: Counter[tuple[str, Kind]] = Counter()
    confusions: defaultdict[str, Counter[str]] = defaultdict(Counter)
    mistaken: Counter[str] = Counter()
    labels: set[str] = set()
    for pair in pairs:
        labels.add(pair.mention.label)
        kinds[pair.mention.label, pair.kind] += 1
        if pair.kind == "wrong_label" and pair.predicted is not None:
            labels.add(pair.predicted.label)
            confusions[pair.mention.label][pair.predicted.label] += 1
            mistaken[pair.predicted.label] += 1
    return {
        label: LabelErrors(
            found=kinds[label, "found"],
            too_long=kinds[label, "too_long"],
            too_short=kinds[label, "too_short"],
            shifted=kinds[label, "shifted"],
            other_text=kinds[label, "other_text"],
            missed=kinds[label, "missed"],
            spurious=kinds[label, "spurious"],
            wrong_label_predicted=mistaken[label],
            confusions=dict(confusions[label].most_common()),
        )
        for label in sorted(labels, key=lambda label: (label.casefold(), label))
    }


def _interval(mention: Mention) -> tuple[int, int]:
    return mention.start, mention.end


def _near(gold: Sequence[Mention], predicted: Sequence[Mention]) -> Iterator[tuple[int, int]]:
    """Yield the places of all mentions that share a location and a start or a character, and of some others."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place in sorted(range(len(predicted)), key=lambda place: predicted[place].start):
        places[predicted[place].location].append(place)
    starts = {location: [predicted[place].start for place in listed] for location, listed in places.items()}
    longest = max((0, *(mention.end - mention.start for mention in predicted)))
    for first, mention in enumerate(gold):
        begins = starts.get(mention.location, [])
        begin, end = (bisect_left(begins, border) for border in (mention.start - longest, mention.end))
        # A submission may hold intervals without characters, which are still found by their start.
        end = max(end, bisect_left(begins, mention.start + 1))
        yield from ((first, second) for second in places[mention.location][begin:end])


def _rank(gold: Mention, predicted: Mention, any_label: bool) -> tuple[int, int] | None:
    """Return the rank at which two mentions are matched, smallest first; ``None`` if they never are."""
    if _interval(gold) == _interval(predicted):
        return (0 if gold == predicted else 1 if gold.label == predicted.label else 2), 0
    overlap = min(gold.end, predicted.end) - max(gold.start, predicted.start)
    if overlap <= 0 or not (any_label or gold.label == predicted.label):
        return None
    return (3 if gold.label == predicted.label else 4), -overlap


def _example(pmid: str, pair: Pair, text: str | None) -> Example:
    if text is None:
        return Example(pmid, pair, "", pair.mention.text, "")
    both = [mention for mention in (pair.gold, pair.predicted) if mention is not None]
    # The offsets of a submission may lie outside of the text.
    start, end = max(0, min(mention.start for mention in both)), max(0, *(mention.end for mention in both))
    return Example(pmid, pair, text[max(0, start - CONTEXT) : start], text[start:end], text[end : end + CONTEXT])
