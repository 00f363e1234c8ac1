"""The official GutBrainIE NER score, quirk by quirk, as pure functions of the standard library.

Source: ``Eval/evaluate.py`` of the organisers' repository ``MMartinelli-hub/GutBrainIE`` (``final``), and its first
public form in ``MMartinelli-hub/GutBrainIE_2025_Baseline`` (``march2025``).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ner.documents import Passage, Span
from ner.errors import InputError

Version = Literal["final", "march2025"]
EDITIONS: Mapping[Version, str] = {"final": "editions 2025 and 2026", "march2025": "March 2025"}
"""When the organisers scored with each version: the script of 2026 gives every entity what that of 2025 gave it."""

EPSILON = 1e-10
"""The script adds this to every denominator: a perfect score is 0.9999…, and an undefined one is 0."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A labelled interval as a submission states it: characters ``[start, end)`` of a location, and the text quoted.

    All five count when two mentions are compared. Nothing is checked: the script scores nonsense as a false positive.
    """

    start: int
    end: int
    location: str
    text: str
    label: str


# Named tuples, not frozen dataclasses: torchmetrics rebuilds the result of ``compute`` and refuses the latter
# (lightning_utilities.core.apply_func).
class Counts(NamedTuple):
    """Numbers of mentions of one label; they add up over documents."""

    true_positives: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: "Counts") -> "Counts":  # type: ignore[override]
        return Counts(
            self.true_positives + other.true_positives, self.predicted + other.predicted, self.gold + other.gold
        )


class Figures(NamedTuple):
    """Precision, recall and F1, each in [0, 1]."""

    precision: float
    recall: float
    f1: float


class Score(NamedTuple):
    """Macro and micro averages, and the figures and counts of each label of the gold."""

    macro: Figures
    micro: Figures
    labels: Mapping[str, Figures]
    counts: Mapping[str, Counts]


def mentions(passage: Passage, spans: Iterable[Span]) -> list[Mention]:
    """Return spans of a passage as mentions: their location is the section, their text that of the passage."""
    return [Mention(span.start, span.end, passage.section, passage.mention(span), span.label) for span in spans]


def remove_duplicates(predicted: Iterable[Mention]) -> list[Mention]:
    """Return the first mention of each interval and location, whatever the label and text of later ones."""
    first: dict[tuple[int, int, str], Mention] = {}
    for mention in predicted:
        first.setdefault((mention.start, mention.end, mention.location), mention)
    return list(first.values())


def resolve_overlaps(predicted: Sequence[Mention]) -> list[Mention]:
    """Return the longest mention of each cluster of overlapping mentions, in the order given.

    Clusters are chains: two mentions that are apart share one if a third connects them, and both go if it is longest.
    The earliest start wins among equals, then the earliest in the list. Mentions that begin together stay in the order
    of the list, so that this order decides whether ``[5, 6)`` and ``[5, 11)`` overlap.
    """
    keepers: list[int] = []
    location, cluster_end = None, 0
    for position in sorted(
        range(len(predicted)), key=lambda place: (predicted[place].location, predicted[place].start)
    ):
        mention = predicted[position]
        last = mention.end - 1
        # The script compares a start with an inclusive end and wants it smaller: sharing one character is no overlap.
        if mention.location == location and mention.start < cluster_end:
            longest = predicted[keepers[-1]]
            if mention.end - mention.start > longest.end - longest.start:
                keepers[-1] = position
            cluster_end = max(cluster_end, last)
        else:
            keepers.append(position)
            location, cluster_end = mention.location, last
    return [predicted[position] for position in sorted(keepers)]


def retained(predicted: Sequence[Mention], version: Version = "final") -> list[Mention]:
    """Return the mentions of a document that a version of the script counts; ``march2025`` counts all."""
    return resolve_overlaps(remove_duplicates(predicted)) if version == "final" else list(predicted)


def count_document(
    gold: Sequence[Mention], predicted: Sequence[Mention], version: Version = "final"
) -> dict[str, Counts]:
    """Count one document by label, or any part of it that no overlap crosses, such as a passage.

    Gold counts as listed, repeated or overlapping. Labels that only the prediction uses are counted too: whether they
    matter depends on the gold of the whole collection, and ``summarise`` decides it.
    """
    kept = retained(predicted, version)
    known = set(gold)
    true_positives = Counter(mention.label for mention in kept if mention in known)
    counted = Counter(mention.label for mention in kept)
    listed = Counter(mention.label for mention in gold)
    return {
        label: Counts(true_positives[label], counted[label], listed[label])
        for label in dict.fromkeys([*listed, *counted])
    }


def add(counts: Iterable[Mapping[str, Counts]]) -> dict[str, Counts]:
    """Add up the counts by label of documents."""
    total: dict[str, Counts] = {}
    for document in counts:
        for label, count in document.items():
            total[label] = total.get(label, Counts()) + count
    return total


def figures(counts: Counts) -> Figures:
    """Compute precision, recall and F1 with the script's ``EPSILON`` in each denominator."""
    precision = counts.true_positives / (counts.predicted + EPSILON)
    recall = counts.true_positives / (counts.gold + EPSILON)
    return Figures(precision, recall, 2 * (precision * recall / (precision + recall + EPSILON)))


def summarise(counts: Mapping[str, Counts]) -> Score:
    """Compute the score of a collection from its counts.

    Only labels that occur in the gold count: a prediction of another is not even a false positive. Macro F1 is the mean
    of the labels' F1, not the harmonic mean of macro precision and recall. Without gold everything is 0.
    """
    counts = {label: count for label, count in counts.items() if count.gold}
    labels = {label: figures(count) for label, count in counts.items()}
    size = len(labels) or 1
    macro = Figures(
        sum(label.precision for label in labels.values()) / size,
        sum(label.recall for label in labels.values()) / size,
        sum(label.f1 for label in labels.values()) / size,
    )
    return Score(macro, figures(sum(counts.values(), Counts())), labels, counts)


def score(
    gold: Mapping[str, Sequence[Mention]],
    predictions: Mapping[str, Sequence[Mention]],
    version: Version = "final",
    legal_labels: Collection[str] | None = None,
    legal_locations: Collection[str] | None = ("title", "abstract"),
) -> Score:
    """Compute the score that the organisers' script gives, where it gives one.

    Args:
        gold: Mentions by document. A document that is missing from the predictions counts as predicted empty.
        predictions: Mentions by document, in the order of the file, which matters.
        version: ``final`` removes duplicates and overlaps from the predictions, ``march2025`` does not.
        legal_labels: The labels that a prediction may have, checked after overlaps are removed; ``None`` for any.
        legal_locations: The locations that a prediction may have, checked only by ``final``; ``None`` for any.

    Raises:
        InputError: where the script fails: there is no gold, or a prediction lies in a document that the gold does not
            have, or has an illegal label or location.
    """
    if not any(gold.values()):
        raise InputError("there is no entity in the gold, so nothing can be scored; give a file with annotation")
    for pmid, predicted in predictions.items():
        kept = retained(predicted, version)
        if kept and pmid not in gold:
            raise InputError(
                f"{document_name(pmid)} is predicted but not in the gold; score predictions for the gold's documents"
            )
        for mention in kept:
            if version == "final" and legal_locations is not None and mention.location not in legal_locations:
                raise InputError(_illegal(pmid, mention, "location", mention.location, legal_locations))
            if legal_labels is not None and mention.label not in legal_labels:
                raise InputError(_illegal(pmid, mention, "label", mention.label, legal_labels))
    documents = (count_document(gold.get(pmid, ()), predictions.get(pmid, ()), version) for pmid in gold)
    return summarise(add(documents))


def document_name(pmid: str) -> str:
    """Return the name of a document for messages, on one line."""
    kind = "PMID" if pmid.isdecimal() else "document"
    return f"{kind} {pmid}" if pmid.isprintable() else f"{kind} {pmid!r}"


def _illegal(pmid: str, mention: Mention, field: str, value: str, legal: Collection[str]) -> str:
    place = f"{document_name(pmid)}, {mention.text!r} at [{mention.start}, {mention.end})"
    return f"{place}: {field} {value!r} is not one of {', '.join(legal)}"
