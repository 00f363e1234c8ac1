"""The manifest of an exported folder: labels, members, and how texts are read; needs no torch."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ner.checkpoints.renames import present, present_reading
from ner.checkpoints.schema import check_labels, check_min_scores, check_plain
from ner.errors import InputError, one_line
from ner.io.paths import is_file
from ner.preprocessing.preprocessor import Preprocessor

FORMAT = 1
MOST_MEMBERS = 100
# Bytes of files with settings, and of a tokenizer.
LARGEST_FILE = 10_000_000
LARGEST_TOKENIZER = 200_000_000
# A folder in `members/`, and no way out of it.
PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The labels, members and settings of an exported folder.

    Args:
        labels: The entity types, in the order of the tag ids.
        members: The folders of the members, in order, at least one.
        preprocessor: How texts are read.
        config: The configuration of the first member's training, as far as the folder keeps it.
        min_scores: The least score that an entity of a label should have; empty where none was chosen.
    """

    labels: tuple[str, ...]
    members: tuple[Path, ...]
    preprocessor: Preprocessor
    config: Mapping[str, object]
    min_scores: Mapping[str, float]


def is_exported(path: Path) -> bool:
    """Return if a path is an exported folder."""
    return is_file(path / "settings.json")


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of an exported folder.

    Raises:
        InputError: if a file is missing or damaged.
    """
    settings, labels = read_json(path / "settings.json"), read_json(path / "labels.json")
    if not isinstance(settings, dict) or settings.get("format") != FORMAT:
        raise InputError(f"{path / 'settings.json'}: of a format that this version does not know; export it anew")
    try:
        check_labels(labels)
    except InputError as error:
        raise InputError(f"{path / 'labels.json'}: a damaged export: {error}") from None
    assert isinstance(labels, list)
    names, reading, config = (settings.get(key) for key in ("members", "reading", "config"))
    if not isinstance(names, list) or not isinstance(reading, dict) or not isinstance(config, dict):
        raise InputError(f"{path / 'settings.json'}: a damaged export: members, reading or config are missing")
    min_scores = settings.get("min_scores", {})
    try:
        check_min_scores(min_scores, labels)
    except InputError as error:
        raise InputError(f"{path / 'settings.json'}: a damaged export: {error}") from None
    if not names or len(names) > MOST_MEMBERS:
        raise InputError(f"{path}: a damaged export: it has {len(names) or 'no'} members")
    if odd := [name for name in names if not (isinstance(name, str) and PLAIN_NAME.fullmatch(name))]:
        raise InputError(f"{path}: a damaged export: {odd[0]!r:.60} is no name of a member")
    members = tuple(path / "members" / name for name in names)
    for member in members:
        if not member.is_dir():
            raise InputError(f"{member}: missing from the export")
    try:
        settings = {**present_reading(reading), "tokenizer": _tokenizer(path / "tokenizer.json")}
        preprocessor = Preprocessor.from_dict(settings)
    except InputError as error:
        raise InputError(f"{path}: a damaged export: {error}") from None
    return Manifest(tuple(labels), members, preprocessor, present(config), min_scores)


def _tokenizer(path: Path) -> str:
    try:
        return _text(path, LARGEST_TOKENIZER)
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read: {one_line(error)}") from error


def read_json(path: Path) -> object:
    """Read a file of JSON that holds a few settings.

    Raises:
        InputError: if it cannot be read, or holds too much.
    """
    try:
        content: object = json.loads(_text(path, LARGEST_FILE))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {one_line(error)}") from error
    check_plain(content, str(path))
    return content


def _text(path: Path, largest: int) -> str:
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: not a file")
    if path.stat().st_size > largest:
        raise InputError(f"{path}: it has more than {largest} bytes")
    return path.read_text(encoding="utf-8")
