"""The whole configuration of a run, beside its checkpoints and inside each of them."""

from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback

from ner.checkpoints import runs
from ner.checkpoints.checkpoint import CONFIG_KEY, LONGEST_CONFIG
from ner.errors import InputError
from ner.io.files import write_text


class RunConfig(SaveConfigCallback):
    """Keeps the whole configuration of a training beside its checkpoints, and inside each of them."""

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a configuration that no checkpoint can hold; it is written once everything else is checked too."""
        if stage == "fit" and len(text := self._text()) > LONGEST_CONFIG:
            raise InputError(
                f"the configuration has {len(text):,} characters, and a checkpoint holds {LONGEST_CONFIG:,} at most; "
                "name a folder in place of many files"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.config.trainer.fast_dev_run or not trainer.is_global_zero:
            return
        folder = Path(self.config.checkpoint.dirpath)
        write_text(self._text(), folder / self.config_filename)
        if self.config.ckpt_path is None:
            # What an earlier run has left is not this run's, to resume, to tag with or to read.
            for name in ("last.ckpt", "best.ckpt", runs.DEV_PAGE, runs.TEST_PAGE):
                (folder / name).unlink(missing_ok=True)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, object]) -> None:
        checkpoint[CONFIG_KEY] = self._text()

    def _text(self) -> str:
        # The file may be used for another run, or for an evaluation, which should not start with this checkpoint.
        config = self.config.clone()
        config.ckpt_path = None
        text: str = self.parser.dump(config, skip_unset=False)
        return text
