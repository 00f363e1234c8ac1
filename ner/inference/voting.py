"""Votes of taggers that cannot be averaged, such as those with different tokenizers, over exact spans."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from ner.documents import Document, Passage, Span
from ner.errors import InputError


def vote(taggings: Sequence[Iterable[Document]], at_least: float, by_score: bool = False) -> Iterator[Document]:
    """Yield documents with the entities that enough taggers have found, as they are read.

    A vote is for characters and label together. Of entities that share a character the one with most votes is kept,
    then the one with the highest score, then the longest. Its score is the mean over all taggers, of which one that
    has not found it counts 0; it has none where a tagger gave none.

    Args:
        taggings: The same documents in the same order, as each tagger tagged them; their identifiers are the first's.
            A document that not all have tagged stays without annotation.
        at_least: Least votes of an entity.
        by_score: Let a vote count as much as the entity's score, and not 1.

    Raises:
        InputError: if the texts differ, a tagger has tagged none, or ``by_score`` finds an entity without a score.
    """
    untagged, number = set(range(1, len(taggings) + 1)), 0
    for number, versions in enumerate(zip_longest(*taggings), start=1):
        found = [version for version in versions if version is not None]
        if len(found) < len(versions) or any(_texts(version) != _texts(found[0]) for version in found):
            fix = "let all taggers tag the same file"
            raise InputError(f"document {number}, {found[0].id!r:.100}, is not the same in all predictions; {fix}")
        try:
            passages = [
                _elected(parts, at_least, by_score) for parts in zip(*(each.passages for each in found), strict=True)
            ]
        except InputError as error:
            raise InputError(f"document {found[0].id!r:.100}: {error}") from None
        tagged = {place for place, version in enumerate(found, start=1) if version.is_annotated}
        untagged -= tagged
        if len(tagged) < len(found):
            passages = [replace(passage, spans=(), annotated_until=0) for passage in found[0].passages]
        yield replace(found[0], passages=tuple(passages))
    if untagged and number:
        raise InputError(f"file {min(untagged)}: no document is annotated; tag it first, or see if its format is right")


def _texts(document: Document) -> list[str]:
    return [passage.text for passage in document.passages]


def _elected(versions: Sequence[Passage], at_least: float, by_score: bool) -> Passage:
    # Each tagger has one vote for a span.
    votes: dict[Span, list[Span]] = {}
    for passage in versions:
        for span in dict.fromkeys(passage.spans):
            votes.setdefault(span, []).append(span)
    counted = {span: _count(given, by_score) for span, given in votes.items()}
    candidates = [_scored(votes[span], len(versions)) for span, count in counted.items() if count >= at_least]
    candidates.sort(key=lambda span: (-counted[span], -(span.score or 0.0), -len(span), span))
    kept: list[Span] = []
    for span in candidates:
        place = bisect_left(kept, span)
        if all(span.end <= other.start or other.end <= span.start for other in kept[max(place - 1, 0) : place + 1]):
            kept.insert(place, span)
    return replace(versions[0], spans=tuple(kept), annotated_until=None)


def _count(votes: Sequence[Span], by_score: bool) -> float:
    if not by_score:
        return len(votes)
    if any(span.score is None for span in votes):
        raise InputError("an entity has no score; write them with predict --predictions.scores true, as JsonLines")
    return sum(span.score or 0.0 for span in votes)


def _scored(votes: Sequence[Span], taggers: int) -> Span:
    scores = [span.score for span in votes if span.score is not None]
    return replace(votes[0], score=sum(scores) / taggers if len(scores) == len(votes) else None)
