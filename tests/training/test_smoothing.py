"""Label smoothing of the tiers that a user names."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from lightning.pytorch import Trainer

from ner.corpora import Sample
from ner.corpora.base import Split
from ner.documents import Document
from ner.errors import InputError
from ner.nn.smoothing import smoothing_loss
from ner.preprocessing.collate import collate
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule
from tests.first_step import ENCODER


class Tiered(Sample):
    """The sample corpus with two tiers in turn, of which bronze counts twice; all is bronze in the dev split."""

    def read(self, split: Split) -> Iterator[Document]:
        for number, document in enumerate(super().read(split)):
            tier = "gold" if split == "train" and number % 2 else "bronze"
            yield replace(document, tier=tier, weight=2.0 if tier == "bronze" else 1.0)


def built(**smoothing: float) -> tuple[NERModule, NERDataModule]:
    torch.manual_seed(0)
    data = NERDataModule(Tiered(), ENCODER, window_tokens=128, overlap_tokens=32, batch_size=4)
    module = NERModule(
        data.labels, data.vocabulary_size, ENCODER, pretrained=False, dropout=0.0, tier_smoothing=smoothing or None
    )
    return module.eval(), data


def test_it_is_added_to_the_loss_of_a_training_text_by_text() -> None:
    module, data = built(bronze=0.1)
    data.setup("fit")
    batch = collate(data.train_texts.take(range(6)), data.preprocessor)
    tiers = [chunk.document.tier for chunk in batch.texts.chunks]
    assert {*tiers} == {"bronze", "gold"}
    emissions = module(batch)
    smooth, count = module._training_loss(emissions, batch)
    plain, same_count = module._total_loss(emissions, batch)
    margins = smoothing_loss(emissions, batch.tags, batch.annotated)
    added = sum(0.2 * margin for margin, tier in zip(margins, tiers, strict=True) if tier == "bronze")
    assert count == same_count
    torch.testing.assert_close(smooth - plain, torch.as_tensor(added), rtol=1e-3, atol=1e-3)


def test_the_loss_on_dev_has_none() -> None:
    losses = []
    for module, data in (built(), built(bronze=0.5)):
        trainer = Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
        [logged] = trainer.validate(module, data, verbose=False)
        losses.append(logged["val/loss"])
    assert losses[0] == losses[1]


def test_a_tier_that_no_training_document_has_is_refused() -> None:
    module, data = built(bronze=0.1, silver=0.1)
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    with pytest.raises(InputError, match="no training document is of tier 'silver'; tiers: bronze, gold"):
        trainer.fit(module, data)
