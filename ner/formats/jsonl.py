"""JSON Lines: one document a line, for inputs and outputs of any size."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from ner.corpora.files import FileCorpus
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.io.files import reading, writing

T = TypeVar("T")
# The keys of a document of one passage that belong to the passage.
PASSAGE_KEYS = ("text", "section", "spans", "annotated_until")


class JsonLines(FileCorpus):
    """Documents as ``{"id": ..., "passages": [{"text": ..., "section": ..., "spans": [...]}]}``, one a line.

    A span is ``{"start": 0, "end": 4, "label": "animal"}``, with ``score`` where it has one: characters
    ``[start, end)`` of its passage, counted in code points. A passage without ``spans`` is not annotated; one with an
    empty list has no entity. ``{"id": ..., "text": ..., "spans": [...]}`` is short for a document of one passage.
    ``section`` and ``annotated_until`` of a passage, ``tier``, ``annotator`` and ``weight`` of a document may be left
    out. Other keys are ignored, and identifiers may come again.
    """

    suffixes = (".jsonl",)

    def read_file(self, path: Path) -> Iterator[Document]:
        with reading(path) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        yield document_of(json.loads(line, object_pairs_hook=_each_key_once))
                    except (ArithmeticError, ValueError, RecursionError) as error:
                        reason = " ".join(str(error).split())
                        raise InputError(f"{path}, line {number}: {reason}; one JSON object a line is needed") from None

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
    defaults = {"tier": "", "annotator": "", "weight": 1.0}
    return record | {
        name: getattr(document, name) for name, default in defaults.items() if getattr(document, name) != default
    }


def document_of(record: object) -> Document:
    """The document of a line.

    Raises:
        ValueError: if it is none.
    """
    fields = _object(record, "a document")
    short = {key: fields[key] for key in PASSAGE_KEYS if key in fields}
    if short and "passages" in fields:
        raise ValueError(f"`{next(iter(short))}` beside `passages`, where it belongs into one of them")
    passages = fields.get("passages", [short])
    if not isinstance(passages, list):
        raise ValueError("`passages` is no list")
    return Document(
        _value(fields, "id", str),
        tuple(_passage(passage) for passage in passages),
        tier=_value(fields, "tier", str, ""),
        annotator=_value(fields, "annotator", str, ""),
        weight=float(_value(fields, "weight", float, 1.0)),
    )


def _passage_record(passage: Passage) -> dict[str, object]:
    record: dict[str, object] = {"text": passage.text, "section": passage.section}
    if passage.annotated_until != 0:
        record["spans"] = [_span_record(span) for span in passage.spans]
        if passage.annotated_until is not None:
            record["annotated_until"] = passage.annotated_until
    return record


def _span_record(span: Span) -> dict[str, object]:
    record: dict[str, object] = {"start": span.start, "end": span.end, "label": span.label}
    return record if span.score is None else record | {"score": span.score}


def _passage(record: object) -> Passage:
    fields = _object(record, "a passage")
    spans = fields.get("spans", [])
    if not isinstance(spans, list):
        raise ValueError("`spans` is no list")
    until = fields.get("annotated_until") if "spans" in fields else 0
    if until is not None and type(until) is not int:
        raise ValueError(f"`annotated_until` is {until!r}")
    return Passage(_value(fields, "text", str), _value(fields, "section", str, ""), tuple(map(_span, spans)), until)


def _span(record: object) -> Span:
    fields = _object(record, "a span")
    score = fields.get("score")
    if score is not None and not (isinstance(score, float | int) and 0 <= score <= 1):
        raise ValueError(f"`score` is {score!r:.60}, not a number from 0 to 1")
    start, end, label = _value(fields, "start", int), _value(fields, "end", int), _value(fields, "label", str)
    if not label:
        raise ValueError("`label` is empty")
    return Span(start, end, label, None if score is None else float(score))


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"`{twice[:60]}` stands twice in an object")
    return fields


def _object(record: object, what: str) -> Mapping[str, object]:
    if not isinstance(record, dict):
        raise ValueError(f"{what} is {record!r:.60}")
    return record


def _value(fields: Mapping[str, object], key: str, kind: type[T], default: T | None = None) -> T:
    value = fields.get(key, default)
    if kind is float and type(value) is int:
        return value  # type: ignore[return-value]
    if type(value) is not kind:
        raise ValueError(f"`{key}` is {'missing' if value is None else repr(value)[:60]}")
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is no text
    return value
