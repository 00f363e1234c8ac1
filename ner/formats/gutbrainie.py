"""The JSON files of GutBrainIE: annotated documents, articles without annotation, and submissions.

The files count ``end_idx`` inclusively; only this module and ``ner.metrics.submissions`` know it.
"""

import json
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Literal

from ner.corpora.base import unique
from ner.corpora.files import SKIP_OPTION
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.io.files import write_text

SECTIONS = ("title", "abstract")
SHOWN_CHARACTERS = 30
# Beyond what any text needs, and far from integers that Python refuses to print.
LARGEST_OFFSET = 10**12
# How JSON calls what Python reads from it, for messages.
TYPE_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "an integer",
    float: "a number",
}

logger = logging.getLogger(__name__)


class _JSONObject(dict[str, object]):
    """An object that knows which keys it was given twice, where a plain ``dict`` keeps the last one silently."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs) if len(self) < len(pairs) else Counter[str]()
        self.repeated = [key for key, count in counts.items() if count > 1]


class _FaultError(Exception):
    """One thing that is wrong with a file, and how to mend it."""

    def __init__(self, what: str, mend: str, in_span: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend
        self.in_span = in_span


def read_file(path: Path, labels: Collection[str], on_bad_span: Literal["error", "skip"] = "error") -> list[Document]:
    """The documents of one file, each either annotated or an article without annotation.

    Args:
        path: A UTF-8 file, with or without byte order mark.
        labels: The labels that an entity may have.
        on_bad_span: Whether an entity that cannot be used is an error, or left out with one warning for the file.

    Returns:
        Documents in the order of the file, with a title and an abstract each. ``annotated_until`` is ``None`` in
        annotated documents and 0 in articles.

    Raises:
        InputError: if the file is missing or anything in it is not as it should be; one line for the whole file.
    """
    name = shown_name(path.name)
    documents: list[Document] = []
    faults: list[_FaultError] = []
    try:
        records = _load(path)
    except _FaultError as fault:
        raise InputError(f"{name}: {fault.what}; {fault.mend}") from None
    for pmid, record in records.items():
        if pmid in records.repeated:
            faults.append(_FaultError(f"PMID {shown_name(pmid)} stands in this file twice", "keep one of them"))
        try:
            documents.append(_read_document(pmid, record, labels, faults))
        except _FaultError as fault:
            faults.append(_FaultError(f"PMID {shown_name(pmid)}: {fault.what}", fault.mend))
    errors = [fault for fault in faults if on_bad_span == "error" or not fault.in_span]
    if errors:
        raise InputError(f"{name}: {errors[0].what}{more_problems(len(errors) - 1)}; {errors[0].mend}")
    if faults:
        logger.warning("%s: bad spans left out: %d; the first: %s", name, len(faults), faults[0].what)
    return documents


def write_documents(documents: Iterable[Document], path: Path) -> None:
    """Write documents so that ``read_file`` reads them back: identifiers, texts, spans and annotators.

    A document without annotation is written as an article. Tiers and weights are no part of the format, nor is an
    annotation that stops within a text. The file appears at once and whole, or not at all.

    Raises:
        InputError: if two documents share an identifier, a passage is neither title nor abstract, or writing fails.
    """
    _write({document.id: _document_record(document) for document in unique(documents)}, path)


def write_submission(documents: Iterable[Document], path: Path, with_scores: bool = False) -> None:
    """Write the entities of documents in the form that the organisers score, with one entry for every document.

    A passage's section becomes the location. The file appears at once and whole, or not at all.

    Args:
        documents: What was found in each.
        path: The file.
        with_scores: Whether entities that have a score are written with it, as ``score``; no submission may hold it.

    Raises:
        InputError: if two documents share an identifier, or writing fails.
    """
    records = {document.id: {"entities": _entity_records(document, with_scores)} for document in unique(documents)}
    _write(records, path)


def more_problems(count: int) -> str:
    """How a message about the first problem of a file goes on."""
    return f"; and {count} more problem{'' if count == 1 else 's'} in this file" if count else ""


def shown_name(name: str) -> str:
    """An identifier or file name as it is, unless it would break a line or fill it."""
    return name if name.isprintable() and 0 < len(name) <= 100 else _shown(name)


def _load(path: Path) -> _JSONObject:
    """The top-level object of a file, from PMIDs to records."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _FaultError(f"cannot be read ({error.strerror})", f"check that {path} is a file you may read") from None
    try:
        records: object = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_JSONObject)
    except UnicodeDecodeError as error:
        raise _FaultError(f"byte {error.start} is not UTF-8", "save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _FaultError(f"broken JSON at {where}: {error.msg}", "mend it, or fetch the file again") from None
    except (ValueError, RecursionError) as error:
        # Python refuses integers of thousands of digits and very deep nesting, both with errors of their own.
        raise _FaultError(
            f"unreadable JSON: {str(error).partition(';')[0]}", "mend it, or fetch the file again"
        ) from None
    if not isinstance(records, _JSONObject):
        raise _FaultError(f"the top level is {_type_name(records)}", "it must be an object from PMIDs to documents")
    return records


def _read_document(pmid: str, record: object, labels: Collection[str], faults: list[_FaultError]) -> Document:
    """One document; what is wrong with single entities goes to ``faults``, anything else is raised."""
    if not pmid.strip():
        raise _FaultError("the PMID is empty", "give every document an identifier")
    _encodable(pmid, "the PMID")
    fields = _object(record, "the document")
    is_annotated = "metadata" in fields or "entities" in fields
    if is_annotated and "metadata" not in fields:
        raise _FaultError("has no 'metadata'", "add it, with title and abstract (a submission holds no texts to read)")
    metadata = _object(fields["metadata"], "'metadata'") if is_annotated else fields
    texts = {section: _text(metadata, section) for section in SECTIONS}
    annotator = _text(metadata, "annotator") if "annotator" in metadata else ""
    spans: dict[str, list[Span]] = {section: [] for section in SECTIONS}
    for number, entity in enumerate(_entities(fields) if is_annotated else (), start=1):
        try:
            location, span = _read_entity(entity, number, texts, labels)
            spans[location].append(span)
        except _FaultError as fault:
            faults.append(_FaultError(f"PMID {shown_name(pmid)}, {fault.what}", fault.mend, in_span=True))
    until = None if is_annotated else 0
    passages = (Passage(texts[section], section, tuple(spans[section]), until) for section in SECTIONS)
    return Document(pmid, tuple(passages), annotator=annotator)


def _read_entity(entity: object, number: int, texts: Mapping[str, str], labels: Collection[str]) -> tuple[str, Span]:
    """The location and the span of one entity, the ``number``-th of its document."""
    where = f"entity {number}"
    fields = _object(entity, where)
    start, last = (_integer(fields, key, where) for key in ("start_idx", "end_idx"))
    location, mention, label = (_string(fields, key, where) for key in ("location", "text_span", "label"))
    skip = f"or set on_bad_span: skip, as in {SKIP_OPTION}"
    if location not in texts:
        raise _FaultError(
            f"{where}: unknown location {_shown(location)}", f"it must be {' or '.join(SECTIONS)}, {skip}"
        )
    span, text = f"{location}: span [{start}, {last + 1})", texts[location]
    mend = f"correct its start_idx, end_idx (inclusive) or text_span, {skip}"
    if not text:
        reason = f"points into an empty {location}, the file says {_shown(mention)}"
        raise _FaultError(f"{span} {reason}", f"remove it or add the text, {skip}")
    if not 0 <= start <= last < len(text):
        reason = f"is empty or lies outside the {len(text)} characters of the {location}"
        raise _FaultError(f"{span} {reason}, the file says {_shown(mention)}", mend)
    if (found := text[start : last + 1]) != mention:
        agreement = zip(found, mention, strict=False)
        difference = next((i for i, (a, b) in enumerate(agreement) if a != b), min(len(found), len(mention)))
        raise _FaultError(
            f"{span} reads {_shown(found, difference)} but the file says {_shown(mention, difference)}", mend
        )
    if label not in labels:
        raise _FaultError(f"{span} has the unknown label {_shown(label)}", f"use one of {', '.join(labels)}, {skip}")
    return location, Span(start, last + 1, label)


def _object(value: object, where: str) -> _JSONObject:
    if not isinstance(value, _JSONObject):
        raise _FaultError(f"{where} is {_type_name(value)}, not an object", "write it as {...}")
    if value.repeated:
        raise _FaultError(f"{where} has {_shown(value.repeated[0])} twice", "keep one of them")
    return value


def _entities(fields: _JSONObject) -> list[object]:
    entities = _field(fields, "entities", "the document")
    if not isinstance(entities, list):
        raise _FaultError(f"'entities' is {_type_name(entities)}, not a list", "write it as [...]")
    return entities


def _field(fields: _JSONObject, key: str, where: str) -> object:
    if key not in fields:
        raise _FaultError(f"{where} has no '{key}'", "add it")
    return fields[key]


def _text(fields: _JSONObject, key: str) -> str:
    """A text of the document, in which ``null`` stands for an empty one."""
    return "" if _field(fields, key, "the document") is None else _encodable(_string(fields, key, "the document"), key)


def _string(fields: _JSONObject, key: str, where: str) -> str:
    value = _field(fields, key, where)
    if not isinstance(value, str):
        raise _FaultError(f"{where} has {_type_name(value)} as '{key}'", 'write it as a text, "..."')
    return value


def _integer(fields: _JSONObject, key: str, where: str) -> int:
    value = _field(fields, key, where)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _FaultError(f"{where} has {_type_name(value)} as '{key}'", "write it as an integer, without quotes")
    if abs(value) > LARGEST_OFFSET:
        raise _FaultError(f"{where} has an integer beyond {LARGEST_OFFSET} as '{key}'", "correct it")
    return value


def _encodable(text: str, where: str) -> str:
    """The text, unless a lone surrogate escaped in the JSON would make it impossible to write or tokenize later."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _FaultError(
            f"character {error.start} of {where} is half a surrogate pair", "correct the escape"
        ) from None
    return text


def _type_name(value: object) -> str:
    return "null" if value is None else TYPE_NAMES.get(type(value), TYPE_NAMES[dict])


def _shown(text: str, position: int = 0) -> str:
    """A text in quotes, on one line, cut to what stands around ``position``."""
    begin = 0 if position < SHOWN_CHARACTERS - 10 else position - 10
    end = begin + SHOWN_CHARACTERS
    return repr("…" * (begin > 0) + text[begin:end] + "…" * (end < len(text)))


def _document_record(document: Document) -> dict[str, object]:
    """What the file holds for a document; texts that it lacks are written as empty."""
    sections = [passage.section for passage in document.passages]
    if not set(sections) <= set(SECTIONS) or len(set(sections)) < len(sections):
        found = ", ".join(map(repr, sections))
        where = f"document {shown_name(document.id)}"
        raise InputError(f"{where} has the passages {found}; GutBrainIE files hold one title and one abstract only")
    texts = {passage.section: passage.text for passage in document.passages}
    metadata: dict[str, object] = {section: texts.get(section, "") for section in SECTIONS}
    if document.annotator:
        metadata["annotator"] = document.annotator
    return {"metadata": metadata, "entities": _entity_records(document)} if document.is_annotated else metadata


def _entity_records(document: Document, with_scores: bool = False) -> list[dict[str, object]]:
    return [
        {
            "start_idx": span.start,
            "end_idx": span.end - 1,
            "location": passage.section,
            "text_span": passage.mention(span),
            "label": span.label,
            **({"score": span.score} if with_scores and span.score is not None else {}),
        }
        for passage in document.passages
        for span in passage.spans
    ]


def _write(records: Mapping[str, object], path: Path) -> None:
    write_text(json.dumps(records, ensure_ascii=False, indent=2) + "\n", path)
