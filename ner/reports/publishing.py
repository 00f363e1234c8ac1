"""Checkpoints written as a folder with its model card, and put on the Hugging Face hub."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import transformers

from ner import __version__
from ner.checkpoints import ensemble, hub, runs
from ner.checkpoints.checkpoint import Checkpoint
from ner.checkpoints.export import is_exported, write_folder
from ner.checkpoints.token_classification import has_token_classifier
from ner.errors import InputError
from ner.reports.model_card import UNKNOWN_LICENSE, model_card


def write_export(
    members: Sequence[Checkpoint],
    output: Path,
    license_id: str = UNKNOWN_LICENSE,
    with_onnx: bool = False,
    check_int8: Callable[[Path], object] | None = None,
) -> None:
    """Write members as one folder with its model card.

    Args:
        members: Checkpoints that fit together, at least one.
        output: The new folder.
        license_id: The hub's identifier of the weights' licence.
        with_onnx: Write each member as ONNX too.
        check_int8: As for :func:`ner.checkpoints.export.write_folder`.

    Raises:
        InputError: if a member cannot be used, or the folder cannot be written.
    """
    versions = {"ner": __version__, "torch": str(torch.__version__), "transformers": transformers.__version__}
    models = [ensemble.build_model(member) for member in members]
    with_classifier = has_token_classifier(models)
    card = model_card(members, versions, license_id, with_onnx, check_int8 is not None, with_classifier)
    write_folder(list(zip(members, models, strict=True)), output, card, with_onnx, check_int8)


def push(paths: Sequence[Path], repo: str, is_private: bool = False, license_id: str | None = None) -> str:
    """Put a model on the hub: one exported folder as it is, anything else exported for it.

    Args:
        paths: Runs' folders, checkpoints and exported folders; several models are one ensemble.
        repo: The repository, ``user/name``.
        is_private: Let only its owners see it.
        license_id: The hub's identifier of the weights' licence.

    Returns:
        The commit.

    Raises:
        InputError: if nobody is logged in, the model cannot be used, or the hub refuses.
    """
    hub.check_login(repo)
    if cached := [path for path in paths if hub.repo_of(path)]:
        raise InputError(f"{hub.repo_of(cached[0])}: is on the hub; push a checkpoint, or a folder that was exported")
    members = ensemble.read([path for place in paths for path in runs.trained(place)])
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "export"
        if len(paths) == 1 and is_exported(paths[0]):
            folder = paths[0]
            files = (path for pattern in (*hub.FILES, *hub.GRAPHS) for path in folder.glob(pattern))
            if links := sorted(str(path) for path in files if path.is_symlink()):
                raise InputError(f"{links[0]}: a link, whose target would be published; put the file itself there")
            if license_id is not None:
                raise InputError(f"{folder}: its licence is that in its README.md; change it there")
            for member in members:
                ensemble.check_model(member)
        else:
            write_export(members, folder, license_id or UNKNOWN_LICENSE)
        return hub.upload(folder, repo, is_private, f"Upload with ner {__version__}")
