"""An exported folder: taggers in files that other programs read, without Lightning.

    labels.json              the entity types, in the order of the tag ids O, B-first, I-first, B-second, ...
    settings.json            how texts are read, the members in order, the configuration of the first one's training
    tokenizer.json           a fast tokenizer; tokenizer_config.json beside it for transformers
    crf.safetensors          start_transitions (K,), end_transitions (K,), transitions (K, K): the members' mean
    members/<seed>/          config.json and model.safetensors of an encoder, for AutoModel.from_pretrained;
                             emissions.safetensors: weight (K, H) and bias (K,)

A folder with one member is an ensemble of one.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import logging

from ner.checkpoints import Checkpoint
from ner.errors import InputError
from ner.files import check_writable, write_text
from ner.nn.tagger import CrfTagger, EnsembleTagger
from ner.pretrained import load_encoder, load_encoder_config, tokenizer_json

FORMAT = 1
READING = ("chunking", "markers", "window_tokens", "overlap_tokens")


def is_exported(path: Path) -> bool:
    """Whether a path is an exported folder."""
    return (path / "settings.json").is_file()


def write_folder(members: Sequence[tuple[Checkpoint, CrfTagger]], output: Path) -> None:
    """Write taggers that agree on labels and reading as one folder, which appears whole or not at all.

    Raises:
        InputError: if the folder exists already, or cannot be written.
    """
    if output.exists():
        raise InputError(f"{output}: exists already; remove it, or choose another folder")
    check_writable(output)
    first, _ = members[0]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # a bar for a few files says nothing
    names = _names([member for member, _ in members])
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        settings = {
            "format": FORMAT,
            "members": names,
            "reading": {key: first.data[key] for key in READING},
            "config": {key: first.config[key] for key in ("data", "model") if key in first.config},
        }
        write_text(json.dumps(first.labels, ensure_ascii=False, indent=2) + "\n", temporary / "labels.json")
        write_text(json.dumps(settings, indent=2) + "\n", temporary / "settings.json")
        _write_tokenizer(str(first.data["tokenizer"]), temporary)
        crf = EnsembleTagger([tagger for _, tagger in members]).crf
        save_file(crf.state_dict(), temporary / "crf.safetensors")
        for name, (_, tagger) in zip(names, members, strict=True):
            folder = temporary / "members" / name
            tagger.encoder.save_pretrained(folder)  # type: ignore[operator]
            save_file(tagger.classifier.state_dict(), folder / "emissions.safetensors")
        temporary.replace(output)
    except OSError as error:
        raise InputError(f"{output}: cannot be written ({error.strerror}); choose another folder") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_folder(path: Path) -> list[Checkpoint]:
    """The members of an exported folder, each with the merged CRF.

    Raises:
        InputError: if a file is missing or damaged.
    """
    settings, labels = _json(path / "settings.json"), _json(path / "labels.json")
    if not isinstance(settings, dict) or settings.get("format") != FORMAT:
        raise InputError(f"{path / 'settings.json'}: of a format that this version does not know; export it anew")
    try:
        tokenizer = (path / "tokenizer.json").read_text(encoding="utf-8")
        data = {"tokenizer": tokenizer_json(tokenizer), **{key: settings["reading"][key] for key in READING}}
        members = [path / "members" / str(name) for name in settings["members"]]
    except (OSError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: a damaged export: {type(error).__name__}: {error}") from error
    if not members:
        raise InputError(f"{path}: a damaged export: it has no members")
    config = settings.get("config")
    if not isinstance(config, dict):
        raise InputError(f"{path}: a damaged export: settings.json has no config")
    return [_member(folder, path, labels, data, config) for folder in members]


def _member(
    folder: Path, path: Path, labels: object, data: Mapping[str, object], config: Mapping[str, object]
) -> Checkpoint:
    if not folder.is_dir():
        raise InputError(f"{folder}: missing from the export")
    model = {"labels": labels, "encoder": str(folder), "encoder_config": load_encoder_config(str(folder))}
    return Checkpoint(str(folder), model, data, partial(_weights, folder, path), config)


def _weights(folder: Path, path: Path) -> dict[str, Tensor]:
    parts = {"encoder": load_encoder(str(folder)).state_dict()}
    try:
        parts["classifier"] = load_file(folder / "emissions.safetensors")
        parts["crf"] = load_file(path / "crf.safetensors")
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{folder}: a damaged export: emissions or crf.safetensors: {reason}") from error
    return {f"tagger.{part}.{name}": tensor for part, weights in parts.items() for name, tensor in weights.items()}


def _names(members: Sequence[Checkpoint]) -> list[str]:
    """The members' seeds; their numbers where seeds are unknown or come twice."""
    seeds = [str(member.config.get("seed_everything", "")) for member in members]
    counts = Counter(seeds)
    return [seed if seed.isdigit() and counts[seed] == 1 else f"member{n}" for n, seed in enumerate(seeds, start=1)]


def _write_tokenizer(serialised: str, folder: Path) -> None:
    write_text(serialised, folder / "tokenizer.json")
    padding = (json.loads(serialised).get("padding") or {}).get("pad_token", "[PAD]")
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": padding}
    write_text(json.dumps(config, indent=2) + "\n", folder / "tokenizer_config.json")


def _json(path: Path) -> object:
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    return content
