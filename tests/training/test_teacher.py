"""A teacher's emissions and what a module learns from them."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from ner.documents import Document, Passage
from ner.nn.divergence import divergence
from ner.preprocessing.collate import Batch, collate
from ner.preprocessing.texts import Texts
from ner.training.module import NERModule
from ner.training.teacher import Teacher, teach
from tests.first_step import build


def texts_of(module: NERModule, data: object, *documents: Document) -> Texts:
    texts: Texts = data.preprocessor.encode(documents, module.label_set)  # type: ignore[attr-defined]
    return texts


def taught(model: NERModule, texts: Texts, preprocessor: object, weight: float = 0.5) -> Teacher:
    return teach(model.model, texts, preprocessor, weight, torch.device("cpu"), nullcontext)  # type: ignore[arg-type]


def document(text: str, section: str = "", annotated_until: int | None = None) -> Document:
    return Document("1", (Passage(text, section, annotated_until=annotated_until),))


def test_it_says_of_each_text_what_its_model_says_whatever_batch_the_text_is_in() -> None:
    student, data = build()
    other, _ = build()
    torch.nn.init.normal_(other.model.classifier.weight)
    # The first is longer than a window, and two differ in their section alone.
    texts = texts_of(
        student, data, document("mice ate " * 100), document("a mouse", "title"), document("a mouse", "abstract")
    )
    teacher = taught(other, texts, data.preprocessor)
    assert len(teacher.found) == 3
    with torch.no_grad():
        for rows in ([0], [2, 1], [1, 0, 2]):
            batch = collate(texts.take(rows), data.preprocessor)
            emissions = student.eval()(batch)
            expected = divergence(student.model.crf, emissions, other.model.crf, other.eval()(batch), batch.mask)
            found = teacher.divergence(student.model.crf, emissions, batch)
            assert expected > 1
            assert found.item() == pytest.approx(expected.item(), rel=1e-2)


def test_windows_may_be_those_of_the_teacher() -> None:
    student, data = build()
    other, _ = build()
    texts = texts_of(student, data, document("mice ate " * 100))
    narrow = replace(data.preprocessor, window_tokens=64, overlap_tokens=16)
    [found] = taught(other, texts, narrow).found.values()
    with torch.no_grad():
        expected = other.eval()(collate(texts, narrow))[0]
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 2e-3


class FirstLoss(Callback):
    """Keeps the batch and the logged values of the first step."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        self.batch = batch
        self.logged: Mapping[str, torch.Tensor] = dict(trainer.callback_metrics)


@pytest.mark.parametrize("reduction", ["tokens", "passages"])
@pytest.mark.parametrize("samples", [1, 3])
def test_the_loss_is_shared_over_all_units_by_annotation_and_teacher(reduction: str, samples: int) -> None:
    module, data = build()
    module.hparams["loss_reduction"] = reduction
    module.hparams["dropout_samples"] = samples  # of a dropout of 0, so that all are equal
    data.unlabelled = []
    other, _ = build()
    torch.nn.init.normal_(other.model.classifier.weight)
    data.setup("fit")
    some = data._texts["train"]
    # Of the first texts the annotation is unknown, and of the others it stops after three units.
    annotated = np.where(np.arange(len(some)) < 40, 0, np.minimum(some.annotated, 3))
    data._texts["train"] = replace(some, annotated=annotated)
    module.teacher = taught(other, data.train_texts, data.preprocessor, weight=0.25)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    first = FirstLoss()
    trainer = Trainer(
        accelerator="cpu",
        max_steps=1,
        limit_val_batches=0,
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[first],
    )
    trainer.fit(module, data)
    module.load_state_dict(before)
    batch = first.batch
    assert 0 < np.count_nonzero(batch.texts.annotated) < len(batch)
    emissions = module.eval()(batch)
    known = torch.from_numpy(batch.texts.annotated.nonzero()[0])
    nll = module.model.nll(emissions[known], batch.tags[known], batch.annotated[known]).sum().item()
    apart = module.teacher.divergence(module.model.crf, emissions, batch).item()
    count = len(batch) if reduction == "passages" else int(batch.mask.sum())
    assert first.logged["train/distillation"].item() == pytest.approx(apart / count, rel=1e-4)
    assert first.logged["train/loss"].item() == pytest.approx((0.75 * nll + 0.25 * apart) / count, rel=1e-4)


def test_a_teacher_is_no_part_of_the_module() -> None:
    module, data = build()
    names = module.state_dict().keys()
    module.teacher = taught(build()[0], texts_of(module, data, document("mice")), data.preprocessor)
    assert module.state_dict().keys() == names
    assert not any("teacher" in name for name, _ in module.named_modules())
