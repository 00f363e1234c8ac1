"""Comparison of documents with what a format keeps of them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate, zip_longest

from ner.documents import Document, Passage

Place = tuple[int, int]


def losses(before: Iterable[Document], after: Iterable[Document]) -> Counter[str]:
    """Count the differences between documents and the same documents written and read again, by kind.

    Entities are compared by their place among the characters that are no white space, so that passages that were
    joined, or blanks that stand for line breaks, do not count as entities lost.
    """
    counts = Counter({"all documents": 0, "all entities": 0})
    for first, second in _pairs(before, after):
        if first is None or second is None:
            counts["documents"] += 1
            continue
        counts["all documents"] += 1
        counts["all entities"] += sum(len(passage.spans) for passage in first.passages)
        counts.update(_text_losses(first, second))
        counts.update(_annotation_losses(first, second))
    return counts


def _pairs(before: Iterable[Document], after: Iterable[Document]) -> Iterator[tuple[Document | None, Document | None]]:
    """Yield documents of the same identifier, which may come in another order; the others as they come."""
    waiting: tuple[dict[str, list[Document]], dict[str, list[Document]]] = ({}, {})
    for pair in zip_longest(before, after):
        for side, document in enumerate(pair):
            if document is None:
                continue
            if others := waiting[1 - side].get(document.id):
                other = others.pop(0)
                yield (other, document) if side else (document, other)
            else:
                waiting[side].setdefault(document.id, []).append(document)
    left = ((document for documents in side.values() for document in documents) for side in waiting)
    yield from zip_longest(*left)


def _text_losses(first: Document, second: Document) -> Iterator[str]:
    texts, others = ([passage.text for passage in document.passages] for document in (first, second))
    if first.id != second.id:
        yield "identifiers of documents"
    if "".join("".join(texts).split()) != "".join("".join(others).split()):
        yield "characters of documents"
    elif len(texts) != len(others):
        yield "documents' division into passages"
    elif texts != others:
        yield "white space of documents"
    # Sections of passages that were joined are lost along with them.
    elif [passage.section for passage in first.passages] != [passage.section for passage in second.passages]:
        yield "sections of documents"
    if (tokens := _tokens(first)) and tokens != _tokens(second):
        yield "tokens of documents"


def _annotation_losses(first: Document, second: Document) -> Iterator[str]:
    if [(first.tier, first.annotator, first.weight)] != [(second.tier, second.annotator, second.weight)]:
        yield "tiers, annotators or weights of documents"
    if first.year != second.year:
        yield "years of documents"
    if first.is_annotated != second.is_annotated:
        yield "whether documents are annotated"
    elif sum(_unknown(first)) != sum(_unknown(second)):
        yield "where the annotation of documents ends"
    entities, others = Counter(_entities(first)), Counter(_entities(second))
    missing = Counter(place for place, _ in (entities - others).elements())
    added = Counter(place for place, _ in (others - entities).elements())
    yield from ["labels of entities"] * (missing & added).total()
    yield from ["entities"] * (missing - added).total()
    yield from ["entities that were not there"] * (added - missing).total()
    scores, kept = (
        sum(span.score is not None for passage in document.passages for span in passage.spans)
        for document in (first, second)
    )
    yield from ["scores of entities"] * (scores - kept)
    yield from ["identifiers of entities"] * (_identifiers(first) - _identifiers(second)).total()


def _unknown(document: Document) -> Iterator[int]:
    """Yield the number of characters whose annotation is unknown, by passage."""
    for passage in document.passages:
        yield len(passage.text) - passage.annotated_length


def _entities(document: Document) -> Iterator[tuple[Place, str]]:
    """Yield place and label of each entity; places count characters that are no white space."""
    for places, passage in _places(document):
        yield from (((places[span.start], places[span.end]), span.label) for span in passage.spans)


def _identifiers(document: Document) -> Counter[tuple[Place, str]]:
    """Count the identifiers of entities at their places."""
    return Counter(
        ((places[span.start], places[span.end]), identifier)
        for places, passage in _places(document)
        for span in passage.spans
        for identifier in span.identifiers
    )


def _tokens(document: Document) -> list[Place]:
    """Return the places of the corpus's own tokens, counted as those of entities."""
    return [
        (places[start], places[end]) for places, passage in _places(document) for start, end in passage.tokens or ()
    ]


def _places(document: Document) -> Iterator[tuple[list[int], Passage]]:
    """Yield each passage with the number of characters of the document before each of its own, without white space."""
    before = 0
    for passage in document.passages:
        places = list(accumulate((not character.isspace() for character in passage.text), initial=before))
        before = places[-1]
        yield places, passage
