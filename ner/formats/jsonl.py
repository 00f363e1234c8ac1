"""JSON Lines: one document a line, for inputs and outputs of any size."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ner.documents import Document, Passage, Span
from ner.formats._json import Fields, JSONError, parse, placed
from ner.formats.base import FileFormat, Record
from ner.io.files import reading, writing

# The keys of a document of one passage that belong to the passage.
PASSAGE_KEYS = ("text", "section", "spans", "annotated_until", "tokens")


@dataclass
class JsonLines(FileFormat):
    """Documents as ``{"id": ..., "passages": [{"text": ..., "section": ..., "spans": [...]}]}``, one a line.

    A span is ``{"start": 0, "end": 4, "label": "animal"}``, with ``score`` and ``identifiers``
    (``["MESH:D003920"]``) where it has them: characters ``[start, end)`` of its passage, counted in code points. A
    passage without ``spans`` is not annotated; one with an empty list has no entity.
    ``{"id": ..., "text": ..., "spans": [...]}`` is short for a document of one passage. ``section``,
    ``annotated_until`` and ``tokens`` (``[[0, 4], ...]``) of a passage, ``tier``, ``annotator``, ``weight`` and
    ``year`` of a document are optional. Other keys are ignored, and identifiers of documents may come again.

    A line that is no document is an error whatever ``on_bad_span`` says; ``on_duplicate`` makes no difference.
    """

    suffixes = (".jsonl",)
    can_write_entities = True

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        with reading(file) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield partial(_document, line, f"{file}, line {number}", self.annotation)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        with writing(path) as file:
            for document in documents:
                file.write(line_of(document))


def line_of(document: Document) -> str:
    """Return a document as a line, its end included."""
    return json.dumps(record_of(document), ensure_ascii=False) + "\n"


def record_of(document: Document) -> dict[str, object]:
    """Return a document as the JSON object of its line."""
    record: dict[str, object] = {"id": document.id, "passages": [_passage_record(part) for part in document.passages]}
    defaults = {"tier": "", "annotator": "", "weight": 1.0, "year": None}
    return record | {
        name: getattr(document, name) for name, default in defaults.items() if getattr(document, name) != default
    }


def document_of(record: object, with_annotation: bool = True) -> Document:
    """Return the document of a line, or its texts alone.

    Raises:
        ValueError: if it is none.
    """
    fields = Fields(record)
    short = [key for key in PASSAGE_KEYS if fields.values.get(key) is not None]
    is_divided = fields.values.get("passages") is not None
    if short and is_divided:
        raise JSONError(f"`{short[0]}` stands beside `passages`", "move it into one of them")
    passages = fields.objects("passages") if is_divided else [fields]
    return Document(
        fields.string("id"),
        tuple(_passage(passage, with_annotation) for passage in passages),
        tier=fields.string("tier", ""),
        annotator=fields.string("annotator", ""),
        weight=fields.number("weight", 1.0),
        year=None if fields.values.get("year") is None else fields.integer("year"),
    )


def _document(line: str, where: str, with_annotation: bool) -> Document:
    with placed(where):
        return document_of(parse(line), with_annotation)


def _passage_record(passage: Passage) -> dict[str, object]:
    record: dict[str, object] = {"text": passage.text, "section": passage.section}
    if passage.annotated_until != 0:
        record["spans"] = [span_record(span) for span in passage.spans]
        if passage.annotated_until is not None:
            record["annotated_until"] = passage.annotated_until
    return record if passage.tokens is None else record | {"tokens": passage.tokens}


def span_record(span: Span) -> dict[str, object]:
    """Return an entity as JSON."""
    record: dict[str, object] = {"start": span.start, "end": span.end, "label": span.label}
    if span.score is not None:
        record["score"] = span.score
    return record | {"identifiers": span.identifiers} if span.identifiers else record


def _passage(fields: Fields, with_annotation: bool) -> Passage:
    spans = fields.objects("spans") if with_annotation and fields.values.get("spans") is not None else None
    until = None if spans is not None else 0
    if spans is not None and fields.values.get("annotated_until") is not None:
        until = fields.integer("annotated_until")
    tokens = (
        None if fields.values.get("tokens") is None else tuple(_interval(token) for token in fields.array("tokens"))
    )
    return Passage(fields.string("text"), fields.string("section", ""), tuple(map(_span, spans or ())), until, tokens)


def _span(fields: Fields) -> Span:
    start, end, label = fields.integer("start"), fields.integer("end"), fields.string("label")
    if not label:
        raise fields.error("label", "a name", "give the span a label")
    score = None if fields.values.get("score") is None else fields.probability("score")
    return Span(start, end, label, score, _identifiers(fields))


def _identifiers(fields: Fields) -> tuple[str, ...]:
    return () if fields.values.get("identifiers") is None else tuple(fields.strings("identifiers"))


def _interval(value: object) -> tuple[int, int]:
    if isinstance(value, list) and [type(border) for border in value] == [int, int]:
        return value[0], value[1]
    raise JSONError("`tokens` holds something else than intervals", "write it as [[0, 4], [5, 8]]")
