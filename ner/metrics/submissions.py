"""The ``entities`` of a GutBrainIE JSON file, gold or submission, as mentions; texts and metadata are not needed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias, TypeVar

from ner.errors import InputError
from ner.formats._json import Fields, JSONError, read_object
from ner.formats.gutbrainie import SECTIONS, read_entity
from ner.metrics.official import Mention, document_name

T = TypeVar("T")
Content: TypeAlias = Mapping[str, object]


def read_content(path: Path) -> Content:
    """Return the object that a file holds, with a key for each document.

    Raises:
        InputError: if the file cannot be read, is not JSON in UTF-8, or holds something else.
    """
    return read_object(path).values


def mentions_in(content: Content, path: Path) -> dict[str, list[Mention]]:
    """Return mentions by document, both in the order of the file, whose path is for messages.

    Raises:
        InputError: if an entity lacks one of the fields that count.
    """
    return _by_document(content, path, lambda fields: Mention(*read_entity(fields)))


def confidences_in(content: Content, path: Path) -> dict[str, list[float | None]]:
    """Return the ``score`` of each entity, ``None`` where it has none, in the order of ``mentions_in``.

    Raises:
        InputError: if a score is not a number in [0, 1].
    """
    return _by_document(content, path, lambda fields: fields.probability("score"))


def texts_in(content: Content) -> dict[str, dict[str, str]]:
    """Return texts by document and location, as far as the file has them: a submission has none."""
    found: dict[str, dict[str, str]] = {}
    for pmid, article in content.items():
        metadata = article.get("metadata") if isinstance(article, dict) else None
        fields = metadata if isinstance(metadata, dict) else {}
        found[pmid] = {location: text for location in SECTIONS if isinstance(text := fields.get(location), str)}
    return found


def _by_document(content: Content, path: Path, read: Callable[[Fields], T]) -> dict[str, list[T]]:
    found = {}
    for pmid, article in content.items():
        try:
            found[pmid] = [read(fields) for fields in _entities(Fields(article))]
        except JSONError as error:
            raise InputError(f"{path}: {document_name(pmid)}: {error.what}; {error.fix}") from None
    return found


def _entities(article: Fields) -> list[Fields]:
    if "entities" not in article:
        raise JSONError("`entities` is missing, so it is not annotated", "give an empty list where there are none")
    return article.objects("entities")
