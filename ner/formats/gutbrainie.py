"""The JSON files of GutBrainIE: annotated documents, articles without annotation, and submissions."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats._json import Fields, JSONError, encodable, read_object
from ner.formats._quoting import difference, excerpt, shown_name
from ner.formats.base import SKIP, FileFormat, Format, Record, unique, unknown_labels
from ner.io.files import write_text

SECTIONS = ("title", "abstract")


class Entity(NamedTuple):
    """An entity as the files state it: characters ``[start, end)`` of a location, the text quoted, and the label."""

    start: int
    end: int
    location: str
    text: str
    label: str


class _LabelError(JSONError):
    """An entity whose label is not among those of the format."""

    def __init__(self, where: str, entity: Entity) -> None:
        place = f"{entity.location}: span [{entity.start}, {entity.end})"
        super().__init__(f"{where}, {place} has the unknown label {excerpt(entity.label)}")
        self.label = entity.label


@dataclass
class GutBrainIE(FileFormat):
    """Documents with a title and an abstract each, as the collection has them: annotated, or articles without.

    Annotated documents have ``metadata`` and ``entities``, articles a title and an abstract alone; they are written so
    too. The ``uri`` of an entity is its identifier; the first is written. Tiers and weights are no part of the format,
    nor is an annotation that stops within a text. One message counts all problems of a file.

    Args:
        on_bad_span: Refuse an entity that cannot be used, or leave it out with a warning.
        labels: Labels that an entity may have; any, if none is named.
    """

    labels: tuple[str, ...] = ()

    suffixes = (".json",)
    can_write_entities = True
    holds_scores = False

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        content = read_object(file, lambda pmid: self.reject_duplicate(pmid, str(file))).values
        for pmid in content:
            yield partial(self._document, file, content, pmid)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents, those without annotation as articles.

        Raises:
            InputError: if two documents share an identifier, a passage is neither title nor abstract, entities have
                none of the labels, or the file cannot be written.
        """
        records = {}
        unknown = Counter[str]()
        for document in unique(documents):
            records[document.id] = _document_record(document)
            unknown.update(entity.label for entity, _ in _entities(document) if not self._knows(entity.label))
        if unknown:
            raise InputError(f"{path}: {unknown_labels(unknown)}; add them there, or rename them")
        _write(records, path)

    def _knows(self, label: str) -> bool:
        return not self.labels or label in self.labels

    def _document(self, file: Path, content: Mapping[str, object], pmid: str) -> Document:
        """Parse one document.

        Raises:
            InputError: if there is something wrong with it; the message counts the problems of the whole file.
        """
        with suppress(JSONError):
            document, bad = self._parse(pmid, content[pmid])
            if not bad or self.on_bad_span == "skip":
                for problem in bad:
                    self.reject_span(str(file), problem.what)
                return document
        problems = [problem for name in content for problem in self._problems(name, content[name])]
        raise InputError(f"{file}: {_summary(problems)}")

    def _problems(self, pmid: str, record: object) -> list[JSONError]:
        try:
            _, bad = self._parse(pmid, record)
        except JSONError as error:
            return [error]
        return bad if self.on_bad_span == "error" else []

    def _parse(self, pmid: str, record: object) -> tuple[Document, list[JSONError]]:
        """Return a document, and the errors of the entities that it lacks."""
        where = f"PMID {shown_name(pmid)}"
        try:
            texts, entities, annotator = _parts(pmid, record, self.annotation)
        except JSONError as error:
            raise JSONError(f"{where}: {error.what}", error.fix) from None
        spans: dict[str, list[Span]] = {section: [] for section in SECTIONS}
        bad: list[JSONError] = []
        for number, value in enumerate(entities or ()):
            try:
                fields = Fields(value, f"entities[{number}]")
                entity = read_entity(fields)
                if entity.location not in texts:
                    raise fields.error("location", " or ".join(SECTIONS))
                uri = _text(fields, "uri") if "uri" in fields else ""
                span = _span(entity, texts[entity.location], (uri,) if uri else ())
            except JSONError as error:
                bad.append(JSONError(f"{where}, {error.what}", f"{error.fix}, or {SKIP}"))
                continue
            if self._knows(entity.label):
                spans[entity.location].append(span)
            else:
                bad.append(_LabelError(where, entity))
        until = 0 if entities is None else None
        passages = (Passage(texts[section], section, tuple(spans[section]), until) for section in SECTIONS)
        return Document(pmid, tuple(passages), annotator=annotator), bad


@dataclass
class GutBrainIESubmission(Format):
    """Predictions in the form that the organisers score: the entities of every document, without its texts.

    A passage's section becomes the location. Entities that have a score are written with it, as ``score``; the verb
    ``submission`` leaves it out, because none may be sent.
    """

    suffixes = (".json",)
    can_read = False
    can_write_entities = True

    def read(self, path: Path) -> Iterator[Document]:
        raise InputError(f"{path}: a submission holds no texts to read; name the file of the articles")

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write the entities of documents, with one entry for every document.

        Raises:
            InputError: if two documents share an identifier, or two passages with entities their section, or the file
                cannot be written.
        """
        records = {
            document.id: {"entities": [entity_record(entity, score) for entity, score in _entities(document)]}
            for document in unique(documents)
        }
        _write(records, path)


def read_entity(fields: Fields) -> Entity:
    """Return an entity of a file, whose ``end_idx`` is inclusive.

    Raises:
        JSONError: if one of its fields is missing or of another kind.
    """
    start, end = fields.integer("start_idx"), fields.integer("end_idx") + 1
    entity = Entity(start, end, fields.string("location"), fields.string("text_span"), fields.string("label"))
    if not entity.label:
        raise fields.error("label", "a name", "give the entity a label")
    return entity


def _span(entity: Entity, text: str, identifiers: tuple[str, ...]) -> Span:
    where = f"{entity.location}: span [{entity.start}, {entity.end})"
    if not 0 <= entity.start < entity.end <= len(text):
        what = f"is empty or lies outside the {len(text)} characters of the {entity.location}"
        quoted = excerpt(entity.text)
        raise JSONError(f"{where} {what}, the file says {quoted}", "correct its start_idx or end_idx (inclusive)")
    if (found := text[entity.start : entity.end]) != entity.text:
        raise JSONError(f"{where} {difference(found, entity.text)}", "correct its offsets or text_span")
    return Span(entity.start, entity.end, entity.label, identifiers=identifiers)


def entity_record(entity: Entity, score: float | None = None) -> dict[str, object]:
    """Return the fields of an entity in a file, whose ``end_idx`` is inclusive."""
    record: dict[str, object] = {"start_idx": entity.start, "end_idx": entity.end - 1, "location": entity.location}
    record |= {"text_span": entity.text, "label": entity.label}
    return record if score is None else record | {"score": score}


def _summary(problems: Sequence[JSONError]) -> str:
    """Return in one line the problems of a file: all unknown labels, else the first problem, and how many more."""
    if unknown := Counter(problem.label for problem in problems if isinstance(problem, _LabelError)):
        return f"{unknown_labels(unknown)}{more_problems(len(problems) - unknown.total())}; correct them, or {SKIP}"
    return f"{problems[0].what}{more_problems(len(problems) - 1)}; {problems[0].fix}"


def more_problems(count: int) -> str:
    """Return the continuation of a message about the first problem of a file."""
    return f"; and {count} more problem{'' if count == 1 else 's'} in this file" if count else ""


def _parts(pmid: str, record: object, with_annotation: bool) -> tuple[dict[str, str], list[object] | None, str]:
    """Return the texts of a document, its entities or ``None`` where they are not read, and its annotator."""
    if not pmid.strip():
        raise JSONError("the PMID is empty", "give every document an identifier")
    encodable(pmid, "the PMID")
    fields = Fields(record)
    is_annotated = "metadata" in fields or "entities" in fields
    if is_annotated and "metadata" not in fields:
        raise JSONError(
            "`metadata` is missing", "add it, with title and abstract (a submission holds no texts to read)"
        )
    metadata = fields.nested("metadata") if is_annotated else fields
    texts = {section: _text(metadata, section) for section in SECTIONS}
    entities = fields.array("entities") if is_annotated and with_annotation else None
    return texts, entities, metadata.string("annotator", "")


def _text(fields: Fields, key: str) -> str:
    """Return a text, in whose place ``null`` stands for an empty one."""
    return "" if key in fields and fields.values[key] is None else fields.string(key)


def _document_record(document: Document) -> dict[str, object]:
    """Return the fields of a document; texts that it lacks are empty."""
    if not document.id.strip():
        raise InputError("a document has no identifier, which GutBrainIE files need; give it one")
    sections = [passage.section for passage in document.passages]
    if not set(sections) <= set(SECTIONS) or len(set(sections)) < len(sections):
        found = ", ".join(map(repr, sections))
        where = f"document {shown_name(document.id)}"
        raise InputError(f"{where} has the passages {found}; GutBrainIE files hold one title and one abstract only")
    texts = {passage.section: passage.text for passage in document.passages}
    metadata: dict[str, object] = {section: texts.get(section, "") for section in SECTIONS}
    if document.annotator:
        metadata["annotator"] = document.annotator
    entities = [
        entity_record(_entity(passage, span)) | ({"uri": span.identifiers[0]} if span.identifiers else {})
        for passage in document.passages
        for span in passage.spans
    ]
    return {"metadata": metadata, "entities": entities} if document.is_annotated else metadata


def _entities(document: Document) -> Iterator[tuple[Entity, float | None]]:
    sections = [passage.section for passage in document.passages if passage.spans]
    if len(set(sections)) < len(sections):
        what = "has entities in several passages of one section, which a submission does not tell apart"
        raise InputError(f"document {shown_name(document.id)} {what}; choose another format, such as JsonLines")
    for passage in document.passages:
        for span in passage.spans:
            yield _entity(passage, span), span.score


def _entity(passage: Passage, span: Span) -> Entity:
    return Entity(span.start, span.end, passage.section, passage.mention(span), span.label)


def _write(records: Mapping[str, object], path: Path) -> None:
    write_text(json.dumps(records, ensure_ascii=False, indent=2) + "\n", path)
