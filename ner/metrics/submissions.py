"""The ``entities`` of a GutBrainIE JSON file, gold or submission, as mentions; texts and metadata are not needed.

Their scores and the texts are read for those who want them, from what ``read_content`` gives.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from ner.errors import InputError
from ner.metrics.official import Mention, document_name

Content = Mapping[str, object]

LOCATIONS = ("title", "abstract")


def read_mentions(path: Path) -> dict[str, list[Mention]]:
    """Mentions by document, both in the order of the file.

    Raises:
        InputError: if the file cannot be read, is not JSON in UTF-8, or an entity lacks one of the fields that count.
    """
    return mentions_in(read_content(path), path)


def read_content(path: Path) -> Content:
    """The object that a file holds, with a key for each document.

    Raises:
        InputError: if the file cannot be read, is not JSON in UTF-8, or holds something else.
    """
    try:
        content: object = json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=_unique)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except _RepeatedError as error:
        raise InputError(f"{path}: {document_name(str(error))} stands there twice; keep one of them") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f'{path}: should hold one JSON object, {{PMID: {{"entities": [...]}}}}, not {_kind(content)}')
    return content


def mentions_in(content: Content, path: Path) -> dict[str, list[Mention]]:
    """Mentions by document, both in the order of the file, whose path is for messages.

    Raises:
        InputError: if an entity lacks one of the fields that count.
    """
    return {
        pmid: [_mention(entity, entity_place) for entity_place, entity in _entities(article, path, pmid)]
        for pmid, article in content.items()
    }


def confidences_in(content: Content, path: Path) -> dict[str, list[float | None]]:
    """The ``score`` of each entity, ``None`` where it has none, in the order of ``mentions_in``.

    Raises:
        InputError: if a score is not a number in [0, 1].
    """
    return {
        pmid: [_confidence(entity, entity_place) for entity_place, entity in _entities(article, path, pmid)]
        for pmid, article in content.items()
    }


def texts_in(content: Content) -> dict[str, dict[str, str]]:
    """Texts by document and location, as far as the file has them: a submission has none."""
    found: dict[str, dict[str, str]] = {}
    for pmid, article in content.items():
        metadata = article.get("metadata") if isinstance(article, dict) else None
        fields = metadata if isinstance(metadata, dict) else {}
        found[pmid] = {location: text for location in LOCATIONS if isinstance(text := fields.get(location), str)}
    return found


class _RepeatedError(Exception):
    """A key that stands twice in one object, where ``json`` would keep the last one silently."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedError(next(key for key in keys if keys.count(key) > 1))
    return content


def _entities(article: object, path: Path, pmid: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The entities of a document, each behind its place as messages call it."""
    place = f"{path}: {document_name(pmid)}"
    if not isinstance(article, dict):
        raise InputError(f'{place}: should be an object with a list "entities", not {_kind(article)}')
    if "entities" not in article:
        raise InputError(f'{place}: has no "entities", so it is not annotated; give an empty list where there are none')
    entities: object = article["entities"]
    if not isinstance(entities, list):
        raise InputError(f'{place}: "entities" should be a list, not {_kind(entities)}')
    for position, entity in enumerate(entities):
        if not isinstance(entity, dict):
            raise InputError(f"{place}, entities[{position}]: should be an object, not {_kind(entity)}")
        yield f"{place}, entities[{position}]", entity


def _mention(entity: Mapping[str, object], place: str) -> Mention:
    # The file's ends are inclusive.
    start, end = _integer(entity, "start_idx", place), _integer(entity, "end_idx", place) + 1
    location, text, label = (_string(entity, field, place) for field in ("location", "text_span", "label"))
    return Mention(start, end, location, text, label)


def _confidence(entity: Mapping[str, object], place: str) -> float | None:
    if "score" not in entity:
        return None
    score = entity["score"]
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise InputError(f'{place}: "score" should be a number from 0 to 1, not {_kind(score)}')
    return float(score)


def _integer(entity: Mapping[str, object], field: str, place: str) -> int:
    number = _field(entity, field, place)
    # JSON's true and false are integers to Python.
    if not isinstance(number, int) or isinstance(number, bool):
        raise InputError(f'{place}: "{field}" should be an integer, not {_kind(number)}')
    return number


def _string(entity: Mapping[str, object], field: str, place: str) -> str:
    string = _field(entity, field, place)
    if not isinstance(string, str):
        raise InputError(f'{place}: "{field}" should be a string, not {_kind(string)}')
    return string


def _field(entity: Mapping[str, object], field: str, place: str) -> object:
    if field not in entity:
        raise InputError(
            f'{place}: has no "{field}"; an entity needs start_idx, end_idx, location, text_span and label'
        )
    return entity[field]


def _kind(value: object) -> str:
    """What JSON calls a value, short enough for a message."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), f"the number {value}")
