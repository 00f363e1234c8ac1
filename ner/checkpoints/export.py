"""An exported folder: members of an ensemble in files that other programs read, without Lightning.

    labels.json              the entity types, in the order of the tag ids O, B-first, I-first, B-second, ...
    settings.json            the preprocessing, the members in order, the configuration of the first one's training,
                             the least scores of entities where some were chosen
    tokenizer.json           a fast tokenizer; tokenizer_config.json beside it for transformers
    crf.safetensors          start_transitions (K,), end_transitions (K,), transitions (K, K): the members' mean
    members/<seed>/          config.json and model.safetensors of an encoder, for AutoModel.from_pretrained;
                             emissions.safetensors: weight (K, H) and bias (K,);
                             emissions.onnx, on request: both of them as one graph, see ``ner.checkpoints.onnx``;
                             emissions.int8.onnx, on request: the same, computed in int8
    config.json, model.safetensors.index.json, classifier.safetensors
                             of one member, for transformers alone, see ``ner.checkpoints.token_classification``
    README.md                a model card, if one is given

A folder with one member is an ensemble of one.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import logging

from ner.checkpoints.checkpoint import Checkpoint, common_reading, mean_min_scores
from ner.checkpoints.manifest import FORMAT, Manifest, is_exported, read_json, read_manifest
from ner.checkpoints.onnx import GRAPH, INT8_GRAPH, write_emissions, write_int8
from ner.checkpoints.pretrained import ARCHITECTURES, complete_config
from ner.checkpoints.schema import check_encoder_config
from ner.checkpoints.token_classification import has_token_classifier, write_token_classifier
from ner.checkpoints.weights import check_weights
from ner.errors import InputError, one_line
from ner.io.files import new_folder, write_text
from ner.labels import LabelSet
from ner.nn.models import CRFEnsemble, EncoderCRF

__all__ = ["is_exported", "read_folder", "write_folder"]


def write_folder(
    members: Sequence[tuple[Checkpoint, EncoderCRF]],
    output: Path,
    card: str = "",
    with_onnx: bool = False,
    check_int8: Callable[[Path], object] | None = None,
) -> None:
    """Write members with the same labels and preprocessing as one folder, which appears whole or not at all.

    Args:
        members: Checkpoints, each with its model in evaluation mode.
        output: The new folder.
        card: The text of its README.md; none if it is empty.
        with_onnx: Write each member as ONNX too.
        check_int8: Write each member as ONNX in int8 as well, and call this with the folder before it appears: an
            exception stops it.

    Raises:
        InputError: if the folder exists already or cannot be written, or a member cannot be translated into ONNX.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # a bar for a few files is noise
    checkpoints, models = [checkpoint for checkpoint, _ in members], [model for _, model in members]
    try:
        with new_folder(output) as folder:
            _write_settings(checkpoints, folder, card)
            save_file(CRFEnsemble(models).crf.state_dict(), folder / "crf.safetensors")
            for name, (_, model) in zip(_names(checkpoints), members, strict=True):
                _write_member(model, folder / "members" / name, with_onnx, check_int8 is not None)
            if has_token_classifier(models):
                write_token_classifier(models[0], LabelSet(checkpoints[0].labels).tags, folder, _names(checkpoints)[0])
            if check_int8:
                check_int8(folder)
    except SafetensorError as error:  # which hides the system's error
        fix = "free the disk, or choose another path"
        raise InputError(f"{output}: cannot be written ({one_line(error)}); {fix}") from error


def read_folder(path: Path) -> list[Checkpoint]:
    """Read the members of an exported folder, each with the merged CRF.

    Raises:
        InputError: if a file is missing or damaged.
    """
    manifest = read_manifest(path)
    return [_member(folder, path, manifest) for folder in manifest.members]


def _member(folder: Path, path: Path, manifest: Manifest) -> Checkpoint:
    model = {
        "labels": list(manifest.labels),
        "encoder": str(folder),
        "encoder_config": _encoder_config(folder),
        "min_scores": dict(manifest.min_scores) or None,
    }
    trained = manifest.config.get("model")
    if isinstance(trained, dict) and isinstance(trained.get("bio_constraints"), bool):
        model["bio_constraints"] = trained["bio_constraints"]
    return Checkpoint(str(folder), model, manifest.preprocessor, partial(_weights, folder, path), manifest.config)


def _encoder_config(folder: Path) -> dict[str, object]:
    """Return the configuration of a member's encoder as a checkpoint holds it; transformers does not read the file."""
    path = folder / "config.json"
    settings = read_json(path)
    try:
        if not isinstance(settings, dict):
            raise InputError("a damaged export: it holds no settings")
        check_encoder_config(settings, ARCHITECTURES)
        return complete_config(settings)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _weights(folder: Path, path: Path) -> dict[str, Tensor]:
    files = (folder / "model.safetensors", folder / "emissions.safetensors", path / "crf.safetensors")
    if odd := [file for file in files if not file.is_file()]:
        raise InputError(f"{odd[0]}: a damaged export: no such file")
    try:
        parts = dict(zip(("encoder", "classifier", "crf"), map(load_file, files), strict=True))
    except (OSError, SafetensorError) as error:
        reason = one_line(error)
        raise InputError(f"{folder}: a damaged export: model, emissions or crf.safetensors: {reason}") from error
    weights = {f"model.{part}.{name}": tensor for part, found in parts.items() for name, tensor in found.items()}
    check_weights(weights, sum(file.stat().st_size for file in files))
    return weights


def _names(members: Sequence[Checkpoint]) -> list[str]:
    """Return the members' seeds, or their numbers where seeds are unknown or not unique."""
    seeds = [str(member.config.get("seed_everything", "")) for member in members]
    counts = Counter(seeds)
    return [seed if seed.isdigit() and counts[seed] == 1 else f"member{n}" for n, seed in enumerate(seeds, start=1)]


def _write_settings(members: Sequence[Checkpoint], folder: Path, card: str) -> None:
    first, reading = members[0], common_reading(members)
    settings = {
        "format": FORMAT,
        "members": _names(members),
        "reading": {key: value for key, value in reading.to_dict().items() if key != "tokenizer"},
        # Others get it: the folders of a user's machine are not theirs to know.
        "config": without_folders({key: first.config[key] for key in ("data", "model") if key in first.config}),
    }
    if min_scores := mean_min_scores(members):
        settings["min_scores"] = min_scores
    tokenizer = reading.tokenizer
    padding = (json.loads(tokenizer).get("padding") or {}).get("pad_token", "[PAD]")
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": padding,
        "model_max_length": reading.window_tokens,
    }
    write_text(json.dumps(first.labels, ensure_ascii=False, indent=2) + "\n", folder / "labels.json")
    write_text(json.dumps(settings, indent=2) + "\n", folder / "settings.json")
    write_text(tokenizer, folder / "tokenizer.json")
    write_text(json.dumps(tokenizer_config, indent=2) + "\n", folder / "tokenizer_config.json")
    if card:
        write_text(card, folder / "README.md")


def without_folders(value: object) -> object:
    """Return a setting in which paths are reduced to their names, so that it does not reveal a machine's folders."""
    if isinstance(value, str) and (PurePath(value).is_absolute() or value.startswith(("~", "..", "file:"))):
        return PurePath(value).name
    if isinstance(value, Mapping):
        # Entity types may look like paths.
        return {key: part if key == "labels" else without_folders(part) for key, part in value.items()}
    return [without_folders(part) for part in value] if isinstance(value, list) else value


def _write_member(model: EncoderCRF, folder: Path, with_onnx: bool, with_int8: bool) -> None:
    # One file, whatever its size: it is read without transformers.
    model.encoder.save_pretrained(folder, max_shard_size="1TB")  # type: ignore[operator]
    save_file(model.classifier.state_dict(), folder / "emissions.safetensors")
    if with_onnx or with_int8:
        write_emissions(model, folder / GRAPH)
    if with_int8:
        write_int8(folder / GRAPH, folder / INT8_GRAPH)
