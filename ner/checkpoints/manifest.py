"""The manifest of an exported folder: labels, members, and how texts are read; needs no torch."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from ner.checkpoints.renames import present, present_reading
from ner.checkpoints.schema import check_labels
from ner.errors import InputError
from ner.preprocessing.preprocessor import Preprocessor

FORMAT = 1
MOST_MEMBERS = 100
# A folder in `members/`, and no way out of it.
PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an exported folder says of itself.

    Args:
        labels: The entity types, in the order of the tag ids.
        members: The folders of the members, in order, at least one.
        preprocessor: How texts are read.
        config: The configuration of the first member's training, as far as the folder keeps it.
    """

    labels: tuple[str, ...]
    members: tuple[Path, ...]
    preprocessor: Preprocessor
    config: Mapping[str, object]


def is_exported(path: Path) -> bool:
    """Return if a path is an exported folder."""
    return (path / "settings.json").is_file()


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of an exported folder.

    Raises:
        InputError: if a file is missing or damaged.
    """
    settings, labels = _json(path / "settings.json"), _json(path / "labels.json")
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
    return Manifest(tuple(labels), members, preprocessor, present(config))


def _tokenizer(path: Path) -> str:
    try:
        serialised = path.read_text(encoding="utf-8")
        Tokenizer.from_str(serialised)
    except Exception as error:  # the library raises no narrower one
        raise InputError(f"{path.name} cannot be used: {' '.join(str(error).split())}") from error
    return serialised


def _json(path: Path) -> object:
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    return content
