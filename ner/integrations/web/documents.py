"""Documents of requests, and what answers say of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from ner.documents import Document, Passage
from ner.errors import InputError
from ner.formats.jsonl import document_of
from ner.inference.tagger import Entities
from ner.integrations.web.bounds import Bounds
from ner.integrations.web.refusals import refusal

SPAN_KEYS = ("start", "end", "label", "score")


def read_records(records: Sequence[dict[str, object]], with_annotation: bool) -> list[Document]:
    """Return the documents of records of JSON Lines.

    Raises:
        HTTPException: if one is none.
    """
    documents = []
    for number, record in enumerate(records):
        try:
            documents.append(document_of(_with_spans(record) if with_annotation else record, with_annotation))
        except (ArithmeticError, ValueError) as error:
            raise refusal(422, f"documents[{number}]: {error}") from None
    return documents


def text_documents(texts: Sequence[str]) -> list[Document]:
    """Return texts as documents of one passage."""
    return [Document("", (Passage(text),)) for text in texts]


def check_texts(documents: Sequence[Document], bounds: Bounds) -> int:
    """Return the number of texts.

    Raises:
        HTTPException: if there are too many, one is too long, or one cannot be encoded.
    """
    texts = [passage.text for document in documents for passage in document.passages]
    if len(texts) > bounds.texts:
        raise refusal(413, f"{len(texts):,} texts in one request; send {bounds.texts:,} at most")
    for number, text in enumerate(texts):
        if len(text) > bounds.characters:
            length = f"text {number} has {len(text):,} characters"
            raise refusal(413, f"{length}; split it into parts of {bounds.characters:,} at most")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            what = f"character {error.start} is half a surrogate pair"
            raise refusal(422, f"text {number}: {what}; correct the escape") from None
    return len(texts)


def check_mentions(documents: Sequence[Document], bounds: Bounds) -> None:
    """Refuse entities that are longer, together, than a body may be, as formats write out each of them.

    Raises:
        HTTPException: if they are.
    """
    length = sum(len(span) for document in documents for passage in document.passages for span in passage.spans)
    if length > bounds.body_bytes:
        raise refusal(413, f"entities of {length:,} characters; send entities of {bounds.body_bytes:,} at most")


def entities_of(document: Document, labels: Sequence[str]) -> list[dict[str, object]]:
    """Return the entities of a document as JSON."""
    return [asdict(entity) for entity in Entities(document, labels)]


def groups_of(document: Document) -> list[list[dict[str, object]]]:
    """Return the entities of each passage in the shape of transformers' token classification."""
    return [
        [
            {
                "entity_group": span.label,
                "score": span.score,
                "word": passage.mention(span),
                "start": span.start,
                "end": span.end,
            }
            for span in passage.spans
        ]
        for passage in document.passages
    ]


def answer_of(document: Document, labels: Sequence[str]) -> dict[str, object]:
    """Return a document of a file as JSON, without its annotation."""
    passages = [{"section": passage.section, "text": passage.text} for passage in document.passages]
    return {"id": document.id, "passages": passages, "entities": entities_of(document, labels)}


def _with_spans(record: Mapping[str, object]) -> dict[str, object]:
    """Return a record of JSON Lines; one that /files answered has its entities beside its passages."""
    entities, passages = record.get("entities"), record.get("passages")
    if not isinstance(entities, list) or not isinstance(passages, list):
        return dict(record)
    spans: list[list[dict[str, object]]] = [[] for _ in passages]
    for number, entity in enumerate(entities):
        place = entity.get("passage", 0) if isinstance(entity, dict) else None
        if type(place) is not int or not 0 <= place < len(passages):
            raise InputError(f"entities[{number}] is in no passage of its document; correct it")
        spans[place].append({key: entity[key] for key in SPAN_KEYS if key in entity})
    return {
        **record,
        "passages": [
            {**passage, "spans": found} if isinstance(passage, dict) else passage
            for passage, found in zip(passages, spans, strict=True)
        ],
    }
