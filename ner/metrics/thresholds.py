"""The least score that an entity should have, chosen on predictions whose annotation is known."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from ner.documents import Document
from ner.errors import InputError

DECIMALS = 4


class Scored(NamedTuple):
    """A predicted entity: its label, its score in [0, 1], and if it is annotated just so."""

    label: str
    score: float
    is_correct: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """Predictions beside the annotation of their documents.

    Args:
        entities: The predicted entities.
        gold: Number of annotated entities in the predicted documents, by label.
        documents: Number of predicted documents.
    """

    entities: tuple[Scored, ...]
    gold: Mapping[str, int]
    documents: int

    def f1(self, min_scores: Mapping[str, float]) -> float:
        """Return the micro-F1 of the entities that reach the least scores of their labels, 0 where none is named."""
        kept = [entity for entity in self.entities if entity.score >= min_scores.get(entity.label, 0.0)]
        return _f1(kept, sum(self.gold.values()))

    def is_cut(self, min_scores: Mapping[str, float]) -> bool:
        """Return whether no entity is below the least score of its label, 0 where none is named."""
        return all(entity.score >= min_scores.get(entity.label, 0.0) for entity in self.entities)


def compare(gold: Iterable[Document], predictions: Iterable[Document]) -> Outcome:
    """Compare predictions with the annotation of their documents; other annotated documents do not count.

    Raises:
        InputError: if a predicted document is not annotated, occurs twice or has other texts there, the gold has two
            annotations of it, or an entity has no score.
    """
    annotated: dict[str, Document] = {}
    differing = set()
    for document in gold:
        if annotated.setdefault(document.id, document).passages != document.passages:
            differing.add(document.id)
    entities: list[Scored] = []
    count = Counter[str]()
    seen = set()
    for document in predictions:
        if document.id in seen:
            raise InputError(f"document {document.id!r:.100} is predicted twice; give predictions of one tagger only")
        seen.add(document.id)
        if document.id not in annotated:
            raise InputError(f"document {document.id!r:.100} is predicted, but not in the gold; name its gold file too")
        if document.id in differing:
            raise InputError(f"document {document.id!r:.100} has two annotations in the gold; name the file of one")
        if not annotated[document.id].is_annotated:
            raise InputError(f"document {document.id!r:.100} is not annotated in the gold; name the annotated file")
        entities += _scored(annotated[document.id], document)
        known = (passage.known(passage.spans) for passage in annotated[document.id].passages)
        count.update(span.label for spans in known for span in set(spans))
    return Outcome(tuple(entities), count, len(seen))


def choose(outcome: Outcome, labels: Sequence[str], least_entities: int = 200) -> dict[str, float]:
    """Return the least score of each label.

    An entity is worth keeping if it is correct with a probability of more than half of the F1 that is reached. One cut
    through all scores is found first, where F1 is highest. Then each label with enough entities gets the cut after
    which most entities are worth keeping; a rare label keeps the common one.

    Args:
        outcome: Predictions of documents that the tagger was not trained on, with all their scores.
        labels: The labels of the tagger.
        least_entities: Predicted entities from which a label has a cut of its own.

    Source: Lipton, Elkan & Naryanaswamy (2014), "Optimal thresholding of classifiers to maximize F1 measure";
        Dinkelbach (1967) for the iteration.
    """
    total = sum(outcome.gold.values())
    common, needed = 0.0, _f1(outcome.entities, total) / 2
    while True:
        common = _cut(outcome.entities, needed)
        reached = _f1([entity for entity in outcome.entities if entity.score >= common], total) / 2
        if reached <= needed:
            break
        needed = reached
    by_label = {label: [entity for entity in outcome.entities if entity.label == label] for label in labels}
    return {
        label: _cut(entities, needed) if len(entities) >= least_entities else common
        for label, entities in by_label.items()
    }


def _scored(gold: Document, predicted: Document) -> Iterator[Scored]:
    texts = [[passage.text for passage in document.passages] for document in (gold, predicted)]
    if texts[0] != texts[1]:
        raise InputError(f"document {gold.id!r:.100} has other texts in the gold; predict the texts of the gold")
    for known, passage in zip(gold.passages, predicted.passages, strict=True):
        annotated = set(known.spans)
        for span in passage.spans:
            if span.score is None:
                fix = "write them with predict --predictions.scores true --predictions.min_score 0, as JsonLines"
                raise InputError(f"document {gold.id!r:.100}: an entity has no score; {fix}")
            if known.is_known(span.end):
                yield Scored(span.label, span.score, span in annotated)


def _cut(entities: Sequence[Scored], needed: float) -> float:
    """Return the least score at which the entities kept have the largest sum of (correct - needed).

    It lies halfway between two scores, and is 0 where all are kept.
    """
    ordered = sorted(entities, key=lambda entity: -entity.score)
    gains = list(accumulate((entity.is_correct - needed for entity in ordered), initial=0.0))
    scores = [1.0, *(entity.score for entity in ordered), 0.0]
    # A cut lies between two scores that differ. Of cuts with equal gains the lowest is taken.
    last = len(ordered)
    places = [place for place, (above, below) in enumerate(pairwise(scores)) if above > below or place == last]
    best = max(places, key=lambda place: (gains[place], place))
    if best == last:
        return 0.0
    middle = (scores[best] + scores[best + 1]) / 2
    rounded = round(middle, DECIMALS)
    return rounded if scores[best + 1] < rounded <= scores[best] else middle


def _f1(kept: Sequence[Scored], gold: int) -> float:
    return 2 * sum(entity.is_correct for entity in kept) / max(len(kept) + gold, 1)
