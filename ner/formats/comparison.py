"""Comparison of documents with what a format keeps of them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate, zip_longest

from ner.documents import Document, Passage

Place = tuple[int, int]


def losses(before: Iterable[Document], after: Iterable[Document], is_named: bool = True) -> Counter[str]:
    """Count the differences between documents and the same documents written and read again, by kind.

    Entities are compared by their place among the characters that are no white space, so that passages that were
    joined, or blanks that stand for line breaks, do not count as entities lost.

    Args:
        before: The documents.
        after: What was read of them again.
        is_named: Whether it has their identifiers, by which they are compared; otherwise they are in the same order.
    """
    counts = Counter({"all documents": 0, "all entities": 0})
    for first, second in _pairs(before, after) if is_named else zip_longest(_with_text(before, counts), after):
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
            if others := waiting[1 - side].pop(document.id, None):
                other = others.pop(0)
                if others:
                    waiting[1 - side][document.id] = others
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
    # A character that was replaced by a blank, such as a control character, moves no entity.
    lengths, own = ([len(passage.text) for passage in document.passages] for document in (first, second))
    every = lengths == own and _visible(first) != _visible(second)
    entities, others = Counter(_entities(first, every)), Counter(_entities(second, every))
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
    yield from ["identifiers of entities"] * (_identifiers(first, every) - _identifiers(second, every)).total()


def _with_text(documents: Iterable[Document], counts: Counter[str]) -> Iterator[Document]:
    """Yield the documents that have text; where nothing is named, the others have no place, and are lost."""
    for document in documents:
        if _visible(document):
            yield document
        else:
            counts["documents"] += 1


def _visible(document: Document) -> int:
    return sum(len("".join(passage.text.split())) for passage in document.passages)


def _unknown(document: Document) -> Iterator[int]:
    """Yield the number of characters whose annotation is unknown, by passage."""
    for passage in document.passages:
        yield len(passage.text) - passage.annotated_length


def _entities(document: Document, every: bool) -> Iterator[tuple[Place, str]]:
    """Yield place and label of each entity; places count characters that are no white space, or every character."""
    for places, passage in _places(document, every):
        yield from (((places[span.start], places[span.end]), span.label) for span in passage.spans)


def _identifiers(document: Document, every: bool) -> Counter[tuple[Place, str]]:
    """Count the identifiers of entities at their places."""
    return Counter(
        ((places[span.start], places[span.end]), identifier)
        for places, passage in _places(document, every)
        for span in passage.spans
        for identifier in span.identifiers
    )


def _tokens(document: Document) -> list[Place]:
    """Return the places of the corpus's own tokens, counted as those of entities."""
    return [
        (places[start], places[end]) for places, passage in _places(document) for start, end in passage.tokens or ()
    ]


def _places(document: Document, every: bool = False) -> Iterator[tuple[list[int], Passage]]:
    """Yield each passage with the number of characters of the document before each of its own.

    Args:
        document: The document.
        every: Count white space too.
    """
    before = 0
    for passage in document.passages:
        counted = (every or not character.isspace() for character in passage.text)
        places = list(accumulate(counted, initial=before))
        before = places[-1]
        yield places, passage
