"""What an evaluation takes from checkpoints: the user's own settings, or what a stranger's checkpoint may say."""

import logging
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from inspect import isabstract, signature
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args, get_origin, get_type_hints

from jsonargparse import ArgumentParser, Namespace

from ner import corpora, formats
from ner.checkpoints import runs
from ner.checkpoints.checkpoint import Checkpoint, common_reading, mean_min_scores
from ner.checkpoints.renames import class_of
from ner.cli.selection import RunSelection
from ner.corpora.base import Corpus
from ner.errors import InputError
from ner.formats.base import Format
from ner.inference.min_scores import resolve

CONFIG_FILE = "config.yaml"
TRAINED = ("seed_everything", "data", "model")

log = logging.getLogger(__name__)


def set_trained_defaults(parser: ArgumentParser, selection: RunSelection) -> None:
    """Let a parser start from what the checkpoints of an evaluation were trained with.

    Raises:
        InputError: if a setting is unknown, or the corpus is not of this package and nothing else names one.
    """
    for member in selection.members[:1]:
        try:
            parser.set_defaults(trained_settings(selection))
        except (KeyError, AttributeError) as error:
            raise InputError(f"{member.name}: has a setting that this version does not know: {error}") from None


def restore(config: Namespace, selection: RunSelection) -> None:
    """Put what a checkpoint was trained with in place of what a command line says of the model and its input.

    Windows are those that all members can read. The least scores of entities are those of all members, unless the
    command line says otherwise.

    Raises:
        InputError: if the checkpoint has a setting that this version does not know, or a least score is no probability.
    """
    unused, checkpoint = [], selection.members[0]
    for section, restored in (("model", checkpoint.model), ("data", common_reading(selection.members).to_dict())):
        # Labels and vocabulary size come from the data, and are compared when the weights are loaded.
        for key in restored.keys() - {"labels", "vocabulary_size"}:
            if key not in config[section]:
                what = f"a setting that this version does not know: {section}.{key}"
                raise InputError(f"{checkpoint.name}: has {what}")
            if config[section][key] != restored[key] and selection.has_option(f"{section}.{key}"):
                unused.append(f"{section}.{key}")
            config[section][key] = restored[key]
    stored = mean_min_scores(selection.members)
    config.model.min_scores = resolve(config.predictions.min_score, stored, checkpoint.labels)
    if unused:
        listed = ", ".join(sorted(unused))
        log.warning("What the checkpoint says of these holds, not what the arguments say: %s", listed)


def trained_settings(selection: RunSelection) -> dict[str, object]:
    """Return the settings that an evaluation of some checkpoints starts from, so that it needs no configuration.

    A run's folder in ``checkpoints/`` is the user's: there they are those of the ``config.yaml`` that the training
    wrote beside the checkpoint. Of any other checkpoint its corpus is used if it is one of this package, with the
    labels of the model and the options of its format, and without the paths and addresses in it.

    Raises:
        InputError: if the corpus is not of this package, and the command line does not name one.
    """
    own = _own_config(selection.paths[0])
    if own is not None:
        settings = selection.files.settings(own)
        return {key: settings[key] for key in TRAINED if key in settings}
    member = selection.members[0]
    corpus = _recorded_corpus(member)
    if corpus is None and not {"data.corpus", "data.corpus.class_path"} & selection.said.keys():
        raise InputError(
            f"{member.name}: was trained on a corpus of your own or an unknown one; name it, as in --data.corpus "
            "my_corpus.Tagged, or as --config"
        )
    return {"model": {"encoder": member.name}, "data": {} if corpus is None else {"corpus": corpus}}


def _own_config(checkpoint: Path) -> Path | None:
    folder = checkpoint.resolve().parent
    is_own = folder.parent.parent == runs.FOLDER.resolve() and folder.name.startswith("seed=")
    config = folder / CONFIG_FILE
    return config if is_own and config.is_file() else None


def _recorded_corpus(member: Checkpoint) -> dict[str, object] | None:
    data = member.config.get("data")
    path, arguments = class_of(data.get("corpus") if isinstance(data, Mapping) else None)
    kind = _known(path, corpora, Corpus)
    if kind is None:
        return None
    taken: dict[str, object] = {"labels": member.labels, "format": _recorded_format(arguments.get("format"))}
    parameters = signature(kind).parameters
    own = {key: value for key, value in taken.items() if key in parameters and value is not None}
    return {"class_path": f"{corpora.__name__}.{kind.__name__}", "init_args": own}


def _recorded_format(value: object) -> dict[str, object] | None:
    """Return a format of this package with those of its options that are switches and numbers."""
    path, arguments = class_of(value)
    kind = _known(path, formats, Format)
    if kind is None or not is_dataclass(kind):
        return None
    hints = get_type_hints(kind)
    own = {
        option.name: arguments[option.name]
        for option in fields(kind)
        if option.name in arguments and _fits(arguments[option.name], hints[option.name])
    }
    return {"class_path": f"{formats.__name__}.{kind.__name__}", "init_args": own}


def _fits(value: object, hint: object) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    return type(value) in (get_args(hint) or (hint,)) and isinstance(value, int | None)


def _known(path: str, package: ModuleType, base: type) -> type | None:
    """Return the class of a package that a path names; nothing is imported."""
    module, _, name = path.rpartition(".")
    kind = vars(package).get(name) if not module or f"{module}.".startswith(f"{package.__name__}.") else None
    return kind if isinstance(kind, type) and issubclass(kind, base) and not isabstract(kind) else None
