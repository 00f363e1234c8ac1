"""The model on every node: its files, which the tagging actors of a node map into memory and so share."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
import ray
from filelock import FileLock
from numpy.typing import NDArray

from ner.checkpoints import hub, runs
from ner.errors import InputError
from ner.io.files import new_folder

Content = NDArray[np.uint8]
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The checkpoints and exported folders of a model.

    Args:
        names: Their paths; below the folder of the model on a node, if the files were sent to it.
        digest: Of their content.
        contents: The files in the cluster's memory, by their paths in that folder; ``None`` where all actors run on the
            machine that has them.
    """

    names: tuple[str, ...]
    digest: str
    contents: "Mapping[str, ray.ObjectRef[Content]] | None" = field(default=None, compare=False)


def checkpoints(patterns: Sequence[str]) -> list[Path]:
    """Return the checkpoints and exported folders that make a model.

    Args:
        patterns: Such, folders of runs, or patterns of them; several make an ensemble.

    Raises:
        InputError: if there are none.
    """
    return [path.absolute() for found in runs.find(patterns) for path in runs.trained(found)]


def find_model(paths: Sequence[Path], is_sent: bool) -> ModelFiles:
    """Return the files of a model.

    Args:
        paths: Its checkpoints and exported folders.
        is_sent: Put the files into the cluster's memory, for nodes that do not have them.

    Raises:
        InputError: if they cannot be read.
    """
    files = {
        f"{number}/{file.relative_to(path.parent)}": (file, file.relative_to(path))
        for number, path in enumerate(paths)
        for file in ([path] if path.is_file() else _files_of(path))
    }
    digest = blake2b(digest_size=16)
    try:
        for file, inner in files.values():
            # A model is the same under another name.
            digest.update(f"{inner.as_posix()}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as opened:
                while chunk := opened.read(CHUNK_BYTES):
                    digest.update(chunk)
        contents = (
            {name: ray.put(np.fromfile(file, np.uint8)) for name, (file, _) in files.items()} if is_sent else None
        )
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); check the path") from None
    names = (f"{number}/{path.name}" if is_sent else str(path) for number, path in enumerate(paths))
    return ModelFiles(tuple(names), digest.hexdigest(), contents)


def _files_of(exported: Path) -> list[Path]:
    """Return the files of an exported folder that make the model, and none that lie beside them."""
    found = {file for pattern in hub.FILES if pattern != "README.md" for file in exported.glob(pattern)}
    return sorted(file for file in found if file.is_file())


def paths_on_node(model: ModelFiles) -> list[Path]:
    """Return the checkpoints of a model on this node, whose first actor writes them if they are sent.

    They stay in ``~/.cache/ner/models`` under their digest, for later runs.
    """
    if model.contents is None:
        return [Path(name) for name in model.names]
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "ner" / "models"
    folder = cache / model.digest
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{model.digest}.lock"):
        if not folder.exists():
            with new_folder(folder) as new:
                for name, content in model.contents.items():
                    (new / name).parent.mkdir(parents=True, exist_ok=True)
                    ray.get(content).tofile(new / name)
    return [folder / name for name in model.names]
