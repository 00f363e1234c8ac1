"""Gradients of the first training step, by one process or by several: ``python -m tests.first_step DEVICES FILE``."""

import sys

import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from torch.optim import Optimizer

from ner import runtime as processes
from ner.checkpoints.pretrained import load_encoder_config
from ner.corpora import Sample
from ner.corpora.sample import FOLDER
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule

ENCODER = str(FOLDER / "encoder")


def build() -> tuple[NERModule, NERDataModule]:
    """The same random weights in every process, without dropout."""
    seed_everything(0)
    data = NERDataModule(Sample(), ENCODER, window_tokens=128, overlap_tokens=32, batch_size=4)
    config = load_encoder_config(ENCODER) | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return NERModule(data.labels, data.vocabulary_size, ENCODER, encoder_config=config, dropout=0.0), data


class SaveGradients(Callback):
    """Writes the gradients and the logged loss of the first step, a file for each process."""

    def __init__(self, file: str) -> None:
        self.file = file

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        self.gradients = {
            name: part.grad.clone() for name, part in pl_module.named_parameters() if part.grad is not None
        }

    def on_train_batch_end(self, trainer: Trainer, *arguments: object) -> None:
        number, _ = processes.rank()
        loss = trainer.callback_metrics["train/loss"]
        torch.save({"gradients": self.gradients, "loss": loss}, f"{self.file}.{number}")


if __name__ == "__main__":
    devices, file = int(sys.argv[1]), sys.argv[2]
    trainer = Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp_spawn",
        max_steps=1,
        limit_val_batches=0,
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[SaveGradients(file)],
    )
    trainer.fit(*build())
