"""The passages of BioC, the mentions in them, and the fields of its objects, whose numbers may be texts."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, TypeVar

from ner.documents import Span
from ner.formats import _identifiers
from ner.formats._json import Fields, encodable
from ner.formats._quoting import difference
from ner.formats.base import GapError

Unit = Literal["characters", "bytes"]
Number = TypeVar("Number", int, float)

# Between two sentences of a passage. A larger one is a mistake, and would be filled with as many blanks.
LONGEST_GAP = 10_000
# Infons of an annotation that name its concept: PubTator's, then those of BC5CDR and of older tools.
IDENTIFIERS = ("identifier", "MESH", "OMIM", "NCBI Gene", "NCBI Taxonomy")


@dataclass(frozen=True, slots=True)
class Place:
    """The text of a passage, its beginning in the document, and the entities found in it."""

    begin: int
    text: str
    unit: Unit
    spans: list[Span] = field(default_factory=list)

    def holds(self, start: int, end: int) -> bool:
        """Return whether an interval of the document lies in the passage."""
        return self.begin <= start and end <= self.begin + length_of(self.text, self.unit)

    def character(self, offset: int) -> int:
        """Return the character at an offset of the passage.

        Raises:
            ValueError: if there is none, or the offset lies within one.
        """
        length = length_of(self.text, self.unit)
        if not 0 <= offset <= length:
            raise ValueError(f"{offset} lies outside a text of {length} {self.unit}")
        if self.unit == "characters":
            return offset
        try:
            return len(self.text.encode()[:offset].decode())
        except UnicodeDecodeError:
            raise ValueError(f"byte {offset} of the passage lies within a character") from None


def text_of(passage: Fields, unit: Unit) -> str:
    """Return the text of a passage, from its sentences where it has none of its own."""
    sentences = objects_of(passage, "sentences")
    text = string_of(passage, "text")
    if text or not sentences:
        return text
    pieces: list[str] = []
    gaps = 0
    end = number_of(passage, "offset", int)
    for sentence in sentences:
        begin = number_of(sentence, "offset", int)
        if not 0 <= begin - end <= LONGEST_GAP:
            raise ValueError(f"a sentence begins at {begin}, not shortly after {end}, where the text before it ends")
        gaps += begin - end
        if gaps > LONGEST_GAP + len(sentences):
            raise ValueError(f"its sentences leave {gaps} characters between them; correct their offsets")
        pieces += [" " * (begin - end), string_of(sentence, "text")]
        end = begin + length_of(pieces[-1], unit)
    return "".join(pieces)


def passed_over(annotation: Fields) -> str:
    """Return what an annotation is that stands for no mention of its own; nothing for all others."""
    is_part = string_of(infons_of(annotation), "CompositeRole") == "IndividualMention"
    if not objects_of(annotation, "locations") and not string_of(annotation, "text"):
        return "annotations of whole texts"
    return "parts of composite mentions" if is_part else ""


def add_span(annotation: Fields, places: Sequence[Place]) -> None:
    """Add an annotation to the spans of the place that holds it.

    Raises:
        ValueError: if it does not fit.
    """
    locations = [
        (offset := number_of(location, "offset", int), offset + number_of(location, "length", int))
        for location in objects_of(annotation, "locations")
    ]
    quoted, infons = string_of(annotation, "text"), infons_of(annotation)
    label = string_of(infons, "type")
    if not label.strip():
        raise ValueError("it has no type")
    if not locations or any(start >= end for start, end in locations):
        raise ValueError("it has no location, or an empty one")
    start, end = min(start for start, _ in locations), max(end for _, end in locations)
    place = next((place for place in places if place.holds(start, end)), None)
    shown = f"[{start}, {end}), counted in {places[0].unit},"
    if place is None:
        raise ValueError(f"{shown} lies outside its passage")
    bounds = sorted(
        (place.character(start - place.begin), place.character(end - place.begin)) for start, end in locations
    )
    if any(place.text[end:start].strip() for (_, end), (start, _) in pairwise(bounds)):
        raise GapError(f"{shown} is discontinuous, which a span cannot be")
    identifiers = _identifiers.split(";".join(string_of(infons, key) for key in IDENTIFIERS))
    span = Span(bounds[0][0], max(end for _, end in bounds), label, _score(infons), identifiers)
    found = place.text[span.start : span.end]
    if quoted and quoted not in (found, " ".join(place.text[start:end] for start, end in bounds)):
        raise ValueError(f"{shown} {difference(found, quoted, 'the annotation')}")
    place.spans.append(span)


def _score(infons: Fields) -> float | None:
    """Return the confidence of a tagger; other tools may call something else a score."""
    with suppress(ValueError):
        score = number_of(infons, "score", float)
        return score if 0 <= score <= 1 else None
    return None


def infons_of(fields: Fields) -> Fields:
    """Return the infons of an object; none where it has none."""
    return fields.nested("infons") if fields.values.get("infons") else Fields({})


def objects_of(fields: Fields, key: str) -> list[Fields]:
    """Return a list of objects; an empty one where there is none."""
    return fields.objects(key) if fields.values.get(key) else []


def string_of(fields: Fields, key: str) -> str:
    """Return a text, which other tools may write as a number; empty where there is none."""
    value = fields.values.get(key)
    if not isinstance(value, str | int | float | None):
        raise fields.error(key, "a text")
    return "" if value is None else encodable(str(value), f"`{key}`")


def number_of(fields: Fields, key: str, kind: type[Number]) -> Number:
    """Return a number, which XML and other tools write as a text."""
    value = fields.values.get(key)
    with suppress(ValueError, OverflowError):
        if isinstance(value, str) or (
            isinstance(value, int | float) and not isinstance(value, bool) and kind(value) == value
        ):
            return kind(value)
    raise fields.error(key, "a number")


def length_of(text: str, unit: Unit) -> int:
    """Return the length of a text in a unit of offsets."""
    return len(text if unit == "characters" else text.encode())
