"""Doccano's JSON Lines: texts with labels as triples, or with entities as objects."""

from collections.abc import Sequence
from dataclasses import dataclass

from ner.documents import Document, Span
from ner.formats._joined import LAYOUT, JoinedLines, Offsets, Unit, layout_of, spans_of, text_of
from ner.formats._json import Fields, JSONError

TRIPLES = ("label", "labels")


@dataclass
class Doccano(JoinedLines):
    """Documents as ``{"text": ..., "label": [[0, 4, "animal"]]}``, one a line.

    Projects with relations have ``entities`` in place of ``label``: ``[{"id": 1, "label": "animal", "start_offset": 0,
    "end_offset": 4}]``. Both are read; relations are passed over and counted. Passages are joined by line breaks; their
    borders and the rest of what is known of a document, except scores and identifiers of entities, stand in a further
    column, which Doccano keeps. A line without labels is not annotated; one with an empty list has no entity.

    Args:
        offsets: ``utf16``, as Doccano's page counts, where an emoji is two; ``characters`` for files that another
            program wrote for Doccano.
        entities: Write ``entities``, for a project with relations.

    Source: https://github.com/doccano/doccano, its import and export; v-annotator, its page.
    """

    holds_scores = False

    offsets: Unit = "utf16"
    entities: bool = False

    def _record(self, document: Document) -> dict[str, object]:
        text = text_of(document)
        record: dict[str, object] = {"text": text}
        if document.is_annotated:
            offsets = Offsets(text, self.offsets)
            places = [(offsets.written(s.start), offsets.written(s.end), s.label) for s in spans_of(document)]
            if self.entities:
                keys = ("id", "start_offset", "end_offset", "label")
                entities = [dict(zip(keys, (number, *place), strict=True)) for number, place in enumerate(places, 1)]
                record |= {"entities": entities, "relations": []}
            else:
                record["label"] = places
        return record | {LAYOUT: layout_of(document)}

    def _annotations(self, fields: Fields) -> Sequence[Fields] | None:
        if fields.values.get("relations"):
            self.not_read["relations"] += len(fields.array("relations"))
        given = [key for key in ("entities", *TRIPLES) if fields.values.get(key) is not None]
        key = next((key for key in given if fields.values[key]), given[0] if given else None)
        if key is None:
            if "annotations" in fields:
                raise JSONError("`annotations` has numbers in place of labels", "export as JSONL with text labels")
            return None
        return [_entity(value, f"{key}[{number}]") for number, value in enumerate(fields.array(key))]

    def _spans(self, annotation: Fields, text: str, offsets: Offsets) -> Sequence[Span]:
        start, end = (offsets.read(annotation.integer(key)) for key in ("start_offset", "end_offset"))
        label = annotation.string("label")
        if not label:
            raise annotation.error("label", "a name", "give the entity a label")
        return [Span(start, end, label)]


def _entity(value: object, place: str) -> Fields:
    """Return an entity as an object, whichever form it has."""
    if isinstance(value, list):
        if len(value) != 3:
            raise JSONError(f"{place} has {len(value)} values", 'write it as [0, 4, "animal"]')
        value = dict(zip(("start_offset", "end_offset", "label"), value, strict=True))
    return Fields(value, place)
