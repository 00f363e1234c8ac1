"""Which checkpoints an evaluation uses, from what its command line says."""

import json
import os
from collections.abc import Sequence
from glob import escape
from pathlib import Path

import yaml

from ner.checkpoints import ensemble as members
from ner.checkpoints import runs
from ner.checkpoints.export import is_exported
from ner.checkpoints.runs import newest_best
from ner.cli.arguments import given, is_given, run_name, split_configs
from ner.errors import InputError


def with_checkpoints(arguments: Sequence[str]) -> list[str]:
    """The arguments of an evaluation with its checkpoints named, and their configuration before the user's.

    ``--ckpt_path`` is one checkpoint or one exported folder; ``best`` and ``last`` are those of the newest seed.
    ``--ensemble.checkpoints`` are several. Without either it is the run whose ``best.ckpt`` is newest, among those that
    the arguments name: all its seeds, or the one of ``--seed_everything``.

    Raises:
        InputError: if there are none, or they cannot be used.
    """
    patterns, path = given(arguments, "ensemble.checkpoints"), given(arguments, "ckpt_path")
    if patterns and path:
        raise InputError("both --ckpt_path and --ensemble.checkpoints are given; an ensemble needs only the latter")
    paths = runs.find(patterns) if isinstance(patterns, str | list) else _paths(arguments, path)
    config = members.read(paths)[0].config
    kept = {key: config[key] for key in ("seed_everything", "data", "model") if key in config}
    before = ["--config", yaml.safe_dump(kept)] if kept else []
    is_ensemble = patterns or len(paths) > 1 or is_exported(paths[0])
    names = json.dumps([str(path) for path in paths])
    chosen = ["--ckpt_path", "null", "--ensemble.checkpoints", names] if is_ensemble else ["--ckpt_path", str(paths[0])]
    return [*before, *arguments, *chosen]


def common_folder(paths: Sequence[Path]) -> Path:
    """Where the predictions of checkpoints and exported folders belong: beside one, above several."""
    return Path(os.path.commonpath([path if path.is_dir() else path.parent for path in paths]))


def _paths(arguments: Sequence[str], path: object) -> list[Path]:
    if path not in (None, "best", "last"):
        return [Path(str(path))]
    configs, _ = split_configs(arguments)
    run = run_name(arguments) if configs or is_given(arguments, "run") else None
    # A configuration names the seed that it trains by default, which need not be there.
    seed = given(arguments, "seed_everything") if is_given(arguments, "seed_everything") else None
    newest = newest_best(run, None if seed is None else str(seed))
    if path is None and seed is None:
        return runs.find(f"{escape(str(newest.parent.parent))}/seed=*/best.ckpt")
    return [newest.with_name(f"{path or 'best'}.ckpt")]
