"""What an exported folder says of itself: labels, members, and how texts are read; needs no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tokenizers import Tokenizer

from ner.errors import InputError
from ner.preprocessing.chunking import Chunking

FORMAT = 1
READING = ("chunking", "markers", "window_tokens", "overlap_tokens")


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """The settings of an exported folder.

    Args:
        labels: The entity types, in the order of the tag ids.
        members: The folders of the members, in order, at least one.
        tokenizer: The JSON of the tokenizer.
        reading: How texts are read, with the keys ``READING``.
        config: The configuration of the first member's training, as far as the folder keeps it.
    """

    labels: tuple[str, ...]
    members: tuple[Path, ...]
    tokenizer: str
    reading: Mapping[str, object]
    config: Mapping[str, object]


def is_exported(path: Path) -> bool:
    """Whether a path is an exported folder."""
    return (path / "settings.json").is_file()


def read_settings(path: Path) -> ExportSettings:
    """The settings of an exported folder.

    Raises:
        InputError: if a file is missing or damaged.
    """
    settings, labels = _json(path / "settings.json"), _json(path / "labels.json")
    if not isinstance(settings, dict) or settings.get("format") != FORMAT:
        raise InputError(f"{path / 'settings.json'}: of a format that this version does not know; export it anew")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise InputError(f"{path / 'labels.json'}: a damaged export: it is no list of names")
    try:
        reading = {key: settings["reading"][key] for key in READING}
        members = tuple(path / "members" / str(name) for name in settings["members"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: a damaged export: {type(error).__name__}: {error}") from error
    if not members:
        raise InputError(f"{path}: a damaged export: it has no members")
    for member in members:
        if not member.is_dir():
            raise InputError(f"{member}: missing from the export")
    config = settings.get("config")
    if not isinstance(config, dict):
        raise InputError(f"{path}: a damaged export: settings.json has no config")
    return ExportSettings(tuple(labels), members, _tokenizer(path / "tokenizer.json"), reading, config)


def build_chunking(settings: object) -> Chunking:
    """The chunking that saved settings name; what is none is not called.

    Args:
        settings: Its ``class_path`` and ``init_args``, as a checkpoint or an export keeps them.

    Raises:
        InputError: if it cannot be had, or is none.
    """
    if not isinstance(settings, Mapping):
        raise InputError(f"settings name no chunking, but {settings!r}")
    try:
        module, _, name = str(settings["class_path"]).rpartition(".")
        kind = getattr(import_module(module), name)
        if not issubclass(kind, Chunking):
            raise TypeError(f"{name} is no Chunking")
        chunking: Chunking = kind(**settings.get("init_args", {}))
    except (AttributeError, ImportError, KeyError, TypeError, ValueError) as error:
        what = settings.get("class_path")
        raise InputError(f"the chunking {what!r} cannot be had: {type(error).__name__}: {error}") from error
    return chunking


def _tokenizer(path: Path) -> str:
    try:
        serialised = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    try:
        Tokenizer.from_str(serialised)
    except Exception as error:  # the library raises no narrower one
        raise InputError(f"{path}: a damaged export: {error}") from error
    return serialised


def _json(path: Path) -> object:
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    return content
