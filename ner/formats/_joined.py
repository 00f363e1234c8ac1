"""Documents as one text each, as annotation tools have them: passages joined, the rest of the document beside them.

Passages are joined by line breaks. The layout of a document is an object of JSON that holds its identifier, the borders
and sections of its passages, and the rest of what JSON Lines say of it; tools keep such an object and hand it back.
"""

import json
from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Literal

from ner.documents import Document, Span
from ner.formats._json import Fields, JSONError, parse, placed
from ner.formats.base import FileFormat, Record
from ner.formats.jsonl import document_of, record_of
from ner.io.files import reading, stem, writing

Unit = Literal["characters", "utf16"]

SEPARATOR = "\n"
# The key under which tools keep the layout of a document.
LAYOUT = "ner"


class Offsets:
    """Offsets of a text as a tool counts them.

    Args:
        text: The text.
        unit: Code points, or UTF-16 units, as JavaScript has them: an emoji counts twice.
    """

    def __init__(self, text: str, unit: Unit) -> None:
        self._places: list[int] | None = None
        if unit == "utf16" and max(text, default="") > "\uffff":
            self._places = list(accumulate((1 + (character > "\uffff") for character in text), initial=0))

    def written(self, character: int) -> int:
        """Return the offset of a character."""
        return character if self._places is None else self._places[character]

    def read(self, offset: int) -> int:
        """Return the character at an offset.

        Raises:
            ValueError: if there is none.
        """
        if self._places is None:
            return offset
        place = bisect_left(self._places, offset)
        if self._places[place : place + 1] != [offset]:
            raise ValueError(f"{offset} lies within a character, or outside the text, counted in UTF-16 units")
        return place


def text_of(document: Document) -> str:
    """Return the passages of a document, joined."""
    return SEPARATOR.join(passage.text for passage in document.passages)


def spans_of(document: Document) -> list[Span]:
    """Return the entities of a document in characters of its joined text."""
    return [
        replace(span, start=begin + span.start, end=begin + span.end)
        for begin, passage in zip(_begins(document), document.passages, strict=True)
        for span in passage.spans
    ]


def tokens_of(document: Document) -> list[tuple[int, int]] | None:
    """Return the tokens of a document in characters of its joined text, if all its passages have some of their own."""
    return (
        [
            (begin + start, begin + end)
            for begin, passage in zip(_begins(document), document.passages, strict=True)
            for start, end in passage.tokens or ()
        ]
        if all(passage.tokens is not None for passage in document.passages)
        else None
    )


def layout_of(document: Document) -> dict[str, object]:
    """Return what the joined text of a document does not say of it, except its entities."""
    passages = []
    for begin, passage in zip(_begins(document), document.passages, strict=True):
        own: dict[str, object] = {"section": passage.section, "start": begin, "end": begin + len(passage.text)}
        if document.is_annotated and passage.annotated_until is not None:
            own["annotated_until"] = passage.annotated_until
        if passage.tokens is not None:
            own["tokens"] = passage.tokens
        passages.append(own)
    return record_of(document) | {"passages": passages}


def whole(name: str, text: str, tokens: Iterable[tuple[int, int]] | None = None) -> Fields:
    """Return the layout of a document of one passage."""
    own: dict[str, object] = {"start": 0, "end": len(text)}
    if tokens is not None:
        own["tokens"] = [list(token) for token in tokens]
    return Fields({"id": name, "passages": [own]})


def divided(
    text: str,
    layout: Fields,
    found: Iterable[tuple[str, Span]] | None,
    reject: Callable[[str, str], None],
) -> Document:
    """Return the document of a joined text.

    Args:
        text: The text.
        layout: Its layout.
        found: Its entities in characters of the text, each after its place in the file; ``None`` if it is not
            annotated.
        reject: Called with the place of an entity that lies in no passage, and what is wrong with it.

    Raises:
        ValueError: if the layout is none, or none of this text.
    """
    borders: list[tuple[int, int]] = []
    passages = []
    for part in layout.objects("passages"):
        start, end = part.integer("start"), part.integer("end")
        if not 0 <= start <= end <= len(text):
            raise JSONError(f"a passage [{start}, {end}) lies outside the text of {len(text)} characters")
        if borders and start < borders[-1][1]:
            # Else a small file could hold the same text many times, and an entity lie in several passages.
            raise JSONError(f"a passage [{start}, {end}) begins before the one before it ends, at {borders[-1][1]}")
        borders.append((start, end))
        passages.append({**part.values, "text": text[start:end], "spans": []})
    if not _is_whole(text, borders):
        raise JSONError(
            f"the text is not the one that `{LAYOUT}` divides into passages; restore it, or remove `{LAYOUT}`"
        )
    document = document_of({**layout.values, "passages": passages}, found is not None)
    spans: list[list[Span]] = [[] for _ in borders]
    starts = [start for start, _ in borders]
    for where, span in found or ():
        place = bisect_right(starts, span.start) - 1
        if place >= 0 and span.end <= borders[place][1]:
            start = starts[place]
            spans[place].append(replace(span, start=span.start - start, end=span.end - start))
        else:
            reject(where, f"[{span.start}, {span.end}) lies in none of the passages, or in more than one")
    parts = (replace(part, spans=tuple(own)) for part, own in zip(document.passages, spans, strict=True))
    return replace(document, passages=tuple(parts))


def _is_whole(text: str, borders: Sequence[tuple[int, int]]) -> bool:
    """Return whether passages are all of a text, but for a blank or line break between them."""
    if not borders:
        return True
    gaps = [(end, start) for (_, end), (start, _) in pairwise(borders)]
    is_joined = all(start - end == len(SEPARATOR) and text[end:start].isspace() for end, start in gaps)
    return is_joined and borders[0][0] == 0 and borders[-1][1] == len(text)


def _begins(document: Document) -> Iterator[int]:
    """Yield where each passage begins in the joined text."""
    return accumulate((len(part.text) + len(SEPARATOR) for part in document.passages[:-1]), initial=0)


@dataclass
class JoinedFormat(FileFormat):
    """A format of an annotation tool that has an object of JSON for each document."""

    can_write_entities = True

    offsets: Unit = "characters"

    def _document(self, fields: Fields, where: str, name: str) -> Document:
        with placed(where):
            text = self._text(fields)
            known = self._kept(fields).values.get(LAYOUT)
            layout = self._layout(fields, text, name) if known is None else Fields(known, LAYOUT)
            annotations = self._annotations(fields) if self.annotation else None
            found = None if annotations is None else self._found(annotations, text, where)
            return divided(text, layout, found, self.reject_span)

    def _found(self, annotations: Sequence[Fields], text: str, where: str) -> Iterator[tuple[str, Span]]:
        offsets = Offsets(text, self.offsets)
        for number, annotation in enumerate(annotations, 1):
            place = f"{where}, annotation {number}"
            try:
                spans = self._spans(annotation, text, offsets)
            except ValueError as error:
                self.reject_span(place, error)
            else:
                yield from ((place, span) for span in spans)

    def _text(self, fields: Fields) -> str:
        """Return the text of an object."""
        return fields.string("text")

    def _kept(self, fields: Fields) -> Fields:
        """Return the part of an object in which the tool keeps what it does not know."""
        return fields

    def _layout(self, fields: Fields, text: str, name: str) -> Fields:
        """Return the layout of a document that another program wrote."""
        return whole(name, text)

    @abstractmethod
    def _annotations(self, fields: Fields) -> Sequence[Fields] | None:
        """Return what is annotated; ``None`` where nobody has annotated."""

    @abstractmethod
    def _spans(self, annotation: Fields, text: str, offsets: Offsets) -> Sequence[Span]:
        """Return the entities of an annotation.

        Raises:
            ValueError: if it does not fit the text.
        """


@dataclass
class JoinedLines(JoinedFormat):
    """A format of an annotation tool with an object of JSON a line."""

    suffixes = (".jsonl",)
    is_read_by_service = False

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents, one a line.

        Raises:
            InputError: if the file cannot be written.
        """
        with writing(path) as file:
            for document in documents:
                file.write(json.dumps(self._record(document), ensure_ascii=False) + "\n")

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        with reading(file) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield partial(self._parsed, line, f"{file}, line {number}", f"{stem(file)}:{number}")

    def _parsed(self, line: str, where: str, name: str) -> Document:
        with placed(where):
            fields = Fields(parse(line))
        own = fields.values.get("id")
        return self._document(fields, where, str(own) if isinstance(own, int | str) else name)

    @abstractmethod
    def _record(self, document: Document) -> dict[str, object]:
        """Return a document as the object of its line."""
