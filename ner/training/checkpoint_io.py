"""Checkpoints on disk: whole under their names, or not there."""

import os
from pathlib import Path
from typing import Any

from lightning.fabric.plugins import TorchCheckpointIO

from ner.checkpoints.checkpoint import write_checkpoint


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its name, waits until the disk has it, and renames it.

    Lightning writes to the folder for temporary files and moves the file from there, so that a full disk leaves half of
    it under its name.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: object = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            InputError: if it cannot be written; a file that has the name stays as it was.
        """
        write_checkpoint(checkpoint, Path(path))
