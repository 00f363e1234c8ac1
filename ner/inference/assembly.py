"""Tagged texts back to documents."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from operator import itemgetter
from typing import TypeVar

from ner.documents import Document, Span
from ner.inference.backends import TaggedTexts

T = TypeVar("T")


class Assembler:
    """Collects tagged texts, in whatever order they come, into documents."""

    def __init__(self) -> None:
        self._found: dict[int, dict[int, tuple[Span, ...]]] = {}

    def add(self, tagged: TaggedTexts) -> dict[int, Document]:
        """Take in some tagged texts.

        Returns:
            The documents all of whose passages are tagged now, with their entities, by their places in the input.
        """
        whole = {}
        places = tagged.texts.numbers.tolist()
        for chunk, place, spans in zip(tagged.texts.chunks, places, tagged.spans, strict=True):
            entities = self._found.setdefault(place, {})
            entities.update(chunk.project(spans))
            if len(entities) == len(chunk.document.passages):
                whole[place] = with_entities(chunk.document, self._found.pop(place))
        return whole


def with_entities(document: Document, entities: dict[int, tuple[Span, ...]]) -> Document:
    """Return a document with other entities, given by passage index; it is annotated throughout then."""
    passages = (
        replace(passage, spans=entities.get(index, ()), annotated_until=None)
        for index, passage in enumerate(document.passages)
    )
    return replace(document, passages=tuple(passages))


def in_order(numbered: Iterable[tuple[int, T]], first: int = 0, step: int = 1) -> Iterator[tuple[int, T]]:
    """Yield values by their numbers, each as soon as none before it is missing; those after a gap at the end."""
    waiting: dict[int, T] = {}
    for number, value in numbered:
        waiting[number] = value
        while first in waiting:
            yield first, waiting.pop(first)
            first += step
    yield from sorted(waiting.items(), key=itemgetter(0))
