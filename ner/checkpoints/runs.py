"""Where the checkpoints of a run lie, and which settings decide what it ends with; needs no torch."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from glob import escape, glob
from pathlib import Path

from ner.checkpoints import hub
from ner.checkpoints.manifest import is_exported
from ner.errors import InputError
from ner.io.paths import exists, expanded, is_folder

FOLDER = Path("checkpoints")
# Reports, beside the checkpoints of a seed.
DEV_PAGE, TEST_PAGE = "report.html", "report-test.html"
# Settings that decide what a training ends with, and those among them that do not.
DECISIVE = (
    "seed_everything",
    "early_stopping",
    "init_from",
    "teacher",
    "distillation",
    "ema_decay",
    "checkpoint.monitor",
    "checkpoint.mode",
    "model",
    "data",
    "trainer.max_epochs",
    "trainer.max_steps",
    "trainer.precision",
    "trainer.accumulate_grad_batches",
    "trainer.gradient_clip_val",
    "trainer.gradient_clip_algorithm",
    "trainer.limit_train_batches",
    "trainer.overfit_batches",
)
FREE = (
    "data.eval_batch_size",
    "data.eval_batch_tokens",
    "data.num_workers",
    "data.predict_path",
    "data.predict_split",
    "data.predict_format",
)


def seed_folder(run: str, seed: int | str) -> Path:
    """Return the folder of one seed of a run."""
    return FOLDER / run / f"seed={seed}"


def newest(name: str = "best", run: str | None = None, seed: int | str | None = None) -> Path:
    """Return the ``best.ckpt`` or ``last.ckpt`` that was written last, of one run and one seed where they are given.

    Raises:
        InputError: if there is none.
    """
    parts = ("*" if part is None else escape(str(part)) for part in (run, seed))
    where = seed_folder(*parts) / f"{name}.ckpt"
    found = sorted(Path().glob(str(where)), key=lambda path: path.stat().st_mtime)
    if not found:
        raise InputError(f"no checkpoint at {where}; train one with `fit`, or name one with --ckpt_path")
    return found[-1]


def located(name: str, revision: str | None = None, with_onnx: bool = False) -> Path:
    """Return a path, or where an exported folder of the hub lies once it is downloaded.

    Args:
        name: A path, or a repository's name where neither such a path nor a folder of the user's name is there.
        revision: The branch, tag or commit of the repository, which may also end the name, as in ``user/name@v1``.
        with_onnx: Download the members' ONNX graphs too.

    Raises:
        InputError: if it is no path and cannot be downloaded, or a path for which a revision is given.
    """
    path = expanded(name)
    is_path = exists(path) or FOLDER in path.parents or not hub.is_name(name)
    if revision is None:
        return path if is_path or path.parent.is_dir() else hub.download(name, with_onnx)
    if is_path or "@" in name:
        raise InputError(f"{name}: a revision is that of a repository on the hub, named as in user/name; leave it out")
    if not hub.is_name(f"{name}@{revision}"):
        raise InputError(f"{name}: revision is {revision!r:.60}; it should be a branch, a tag or a commit")
    return hub.download(f"{name}@{revision}", with_onnx)


def find(patterns: str | Sequence[str]) -> list[Path]:
    """Return the checkpoints and exported folders that some patterns name, those of each pattern by seed, each once.

    Raises:
        InputError: if a pattern matches nothing, and is no exported folder on the hub either.
    """
    found: dict[str, Path] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        matches = [Path(match) for match in glob(str(expanded(pattern)))]  # noqa: PTH207 - absolute ones too
        if not matches and not exists(place := located(pattern)):
            raise InputError(f"{pattern}: no checkpoint matches; train some with `fit-seeds`, or correct the pattern")
        for match in sorted(matches or [place], key=_by_number):
            found.setdefault(os.path.realpath(match), match)
    if not found:
        raise InputError("an ensemble needs checkpoints: none is named")
    return list(found.values())


def trained(path: Path) -> list[Path]:
    """Return the best checkpoints of all seeds in a run's folder, or of a seed's folder; any other path as it is.

    Raises:
        InputError: if a run's folder has none.
    """
    if not is_folder(path) or is_exported(path):
        return [path]
    own = path / "best.ckpt"
    return [own] if own.exists() else find(f"{escape(str(path))}/seed=*/best.ckpt")


def resumed(run: str, seed: str, path: object) -> list[Path]:
    """Return the checkpoint that a training resumes from, if there is one.

    Args:
        run: The name of the run.
        seed: Its seed.
        path: A path, or ``best`` or ``last`` of this run and seed; ``None`` for a new training.
    """
    if path in ("best", "last"):
        return [seed_folder(run, seed) / f"{path}.ckpt"]
    return [] if path is None else [expanded(str(path))]


def evaluated(run: str | None, seed: object, path: object, patterns: object) -> list[Path]:
    """Return the checkpoints and exported folders of an evaluation; those of the newest run where none are named.

    Args:
        run: The name of the run, if one is given.
        seed: The seed whose checkpoint is evaluated; ``None`` for all of the run.
        path: A path, a pattern, a repository on the hub, or ``best`` or ``last`` of the newest seed.
        patterns: Patterns of the members of an ensemble.

    Raises:
        InputError: if there are none, or both a path and patterns are given.
    """
    if patterns and path:
        raise InputError("both --ckpt_path and --ensemble.checkpoints are given; an ensemble needs only the latter")
    if isinstance(patterns, str | list):
        return find(patterns)
    if path not in (None, "best", "last"):
        return find(str(path)) if set("*?[") & set(str(path)) else [located(str(path))]
    found = newest(str(path or "best"), run, None if seed is None else str(seed))
    if path is None and seed is None:
        return find(f"{escape(str(found.parent.parent))}/seed=*/best.ckpt")
    return [found]


def differing_keys(saved: Mapping[str, object], own: Mapping[str, object]) -> list[str]:
    """Return the decisive settings, by dotted name, in which two configurations differ."""
    first, second = _decisive(saved), _decisive(own)
    return sorted(key for key in first.keys() | second.keys() if first.get(key) != second.get(key))


def check_resumable(name: str, saved: Mapping[str, object], own: Mapping[str, object]) -> None:
    """Refuse to resume another training than the one that a configuration describes.

    Args:
        name: The name of the checkpoint in messages.
        saved: The configuration in it; an empty one is not compared.
        own: The configuration of the training that would resume it.

    Raises:
        InputError: if decisive settings differ; it names them.
    """
    if saved and (keys := differing_keys(saved, own)):
        fix = "resume it with the settings that it was started with, or train anew under another --run"
        raise InputError(f"{name}: was trained with another {', '.join(keys)}; {fix}")


def flat(config: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the settings of a nested configuration, each by its dotted name."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts seed=7 before seed=11."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def _decisive(config: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in flat(config) if _is_in(key, DECISIVE) and not _is_in(key, FREE)}


def _is_in(key: str, settings: Sequence[str]) -> bool:
    return any(f"{key}.".startswith(f"{setting}.") for setting in settings)
