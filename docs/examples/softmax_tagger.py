"""The data module with a LightningModule of one's own: a plain softmax over each token.

    python docs/examples/softmax_tagger.py [ENCODER]

trains it on the sample corpus, with the sample's tiny encoder unless a folder or a name on the hub is given. For other
data put another corpus in its place, such as
``FileCorpus(PubTator(), ["Chemical", "Disease"], train="train.txt", dev=...)``.
"""

import sys

import torch
from lightning.pytorch import LightningModule, Trainer
from torch.nn.functional import cross_entropy

from ner.checkpoints.pretrained import build_encoder, load_encoder, load_encoder_config
from ner.corpora import Sample
from ner.corpora.sample import FOLDER
from ner.preprocessing.collate import Batch
from ner.training.datamodule import NERDataModule


class SoftmaxTagger(LightningModule):
    """Each token is tagged on its own."""

    def __init__(self, encoder: torch.nn.Module, tags: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = torch.nn.Linear(encoder.config.hidden_size, tags)

    def training_step(self, batch: Batch) -> torch.Tensor:
        hidden = self.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
        # Of the windows only the text's own tokens, each from where it is read best: (B, T, K).
        scores = self.classifier(hidden)[batch.rows, batch.positions]
        loss = cross_entropy(scores[batch.annotated], batch.tags[batch.annotated])
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch))
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


def main(name: str | None = None) -> float:
    """Train for five epochs.

    Returns:
        The loss of the last step.
    """
    data = NERDataModule(Sample(), name or str(FOLDER / "encoder"), window_tokens=128, overlap_tokens=32)
    encoder = load_encoder(name) if name else build_encoder(load_encoder_config(str(FOLDER / "encoder")))
    if data.vocabulary_size > encoder.config.vocab_size:
        encoder.resize_token_embeddings(data.vocabulary_size)  # for the section markers
    module = SoftmaxTagger(encoder, tags=len(data.label_set.tags))
    trainer = Trainer(max_epochs=5, accelerator="auto", logger=False, enable_checkpointing=False)
    trainer.fit(module, data)
    return float(trainer.callback_metrics["train/loss"])


if __name__ == "__main__":
    main(*sys.argv[1:])
