"""The run, the seed and the checkpoints that a command line names: resolved and opened once, handed on as objects."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from yaml import YAMLError

from ner.checkpoints import ensemble, hub, runs
from ner.checkpoints.checkpoint import Checkpoint
from ner.cli.configs import ConfigFiles, find_config, load_yaml
from ner.errors import InputError
from ner.io.paths import is_file

DEFAULT_SEED = 42
# Sections of a configuration, which may stand in a file of their own.
GROUPS = ("checkpoint", "data", "distillation", "ensemble", "epoch_seed", "model", "predictions", "trainer")


@dataclass(frozen=True, slots=True)
class RunSelection:
    """A run and its checkpoints, and the command line that names them.

    Args:
        arguments: The command line, without the verb.
        files: The configurations in it, each read.
        options: Its settings by dotted name, as far as they are not those of configurations.
        said: All its settings by dotted name; the last one counts.
        run: The name of the run, if the key ``run`` or the stem of a configuration gives one.
        paths: Checkpoints and exported folders: the one that is resumed, or those that are evaluated.
        members: The trained models in them; several make an ensemble.
    """

    arguments: tuple[str, ...]
    files: ConfigFiles
    options: Mapping[str, object]
    said: Mapping[str, object]
    run: str | None
    paths: tuple[Path, ...] = ()
    members: tuple[Checkpoint, ...] = ()

    @property
    def folder(self) -> Path:
        """Where predictions belong: beside one checkpoint, above several; not in the hub's cache."""
        repos = [runs.FOLDER / repo for path in self.paths if (repo := hub.repo_of(path))]
        return Path(os.path.commonpath(repos or _folders(self.paths)))

    @property
    def run_name(self) -> str:
        """The name of the run, also where nothing gives one."""
        return "run" if self.run is None else self.run

    def has_option(self, key: str) -> bool:
        """Return if the command line itself says something of a setting, whole or in part."""
        return any(f"{key}.".startswith(f"{name}.") or name.startswith(f"{key}.") for name in self.options)

    def with_checkpoints(self, paths: Sequence[Path]) -> "RunSelection":
        """Return the same run with these checkpoints and exported folders, opened.

        Raises:
            InputError: if one cannot be used, or they do not fit together.
        """
        return replace(self, paths=tuple(paths), members=tuple(ensemble.read(paths)))


def _folders(paths: Sequence[Path]) -> list[Path]:
    """Return the folders of checkpoints, absolute ones where not all are relative."""
    folders = [path if path.is_dir() else path.parent for path in paths]
    return [folder.absolute() for folder in folders] if any(folder.is_absolute() for folder in folders) else folders


def read_selection(arguments: Sequence[str]) -> RunSelection:
    """Read the configurations that a command line names, and what they and it say; no checkpoint is opened.

    Raises:
        InputError: if a configuration cannot be read, or the run's name is no name.
    """
    files, run = ConfigFiles(), None
    options: dict[str, object] = {}
    said: dict[str, object] = {}
    for argument, following in pairwise([*arguments, ""]):
        name, equals, text = argument.partition("=")
        value = text if equals else following
        if len(argument) > len("-c") and argument.startswith("-c"):
            name, value = "-c", argument.removeprefix("-c").removeprefix("=")
        if name in ("--config", "-c"):
            path = find_config(value)
            run = path.stem
            said |= runs.flat(files.settings(path))
        elif name.removesuffix("+") in ("--ckpt_path", "--ensemble.checkpoints") and value[:2] in ("", "--"):
            raise InputError(f"{name} has no value; name a checkpoint")
        elif name.startswith("--"):
            # Names and seeds stay as they are written.
            key, is_config = name[2:].removesuffix("+"), name[2:] in GROUPS and is_file(value)
            parsed = _parsed(name, value) if value[:1] in ("[", "{") or value == "null" else value
            found = dict(runs.flat({key: files.settings(Path(value)) if is_config else parsed}))
            if name.endswith("+"):
                found = {key: [*_listed(said.get(key)), *_listed(parsed)]}
            options |= found
            said |= found
    run = str(said["run"]) if "run" in said else run
    if run is not None and (run in ("", ".", "..") or run != Path(run).name):
        raise InputError(f"run is {run!r}; it should be the plain name of a folder")
    return RunSelection(tuple(arguments), files, options, said, run)


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _parsed(name: str, value: str) -> object:
    try:
        return load_yaml(value)
    except YAMLError:
        raise InputError(
            f"{name} is {value!r:.60}, which is not YAML; close brackets and quotes, or quote the value"
        ) from None


def with_named_checkpoints(selection: RunSelection, is_fit: bool) -> RunSelection:
    """Open the checkpoint that ``fit`` resumes from, if one is named, or those of an evaluation.

    Raises:
        InputError: if there are none to evaluate, or one cannot be used.
    """
    said, path = selection.said, selection.said.get("ckpt_path")
    if is_fit:
        return selection.with_checkpoints(
            runs.resumed(selection.run_name, str(said.get("seed_everything", DEFAULT_SEED)), path)
        )
    # A configuration names the seed that it trains by default, which need not be there.
    seed = selection.options.get("seed_everything")
    return selection.with_checkpoints(runs.evaluated(selection.run, seed, path, said.get("ensemble.checkpoints")))
