"""The bar looks at the loss as often as it is logged, and counts no batches of a prediction."""

from types import SimpleNamespace

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import RichProgressBar

from ner.training.callbacks.progress import ProgressBar
from tests.first_step import build


@pytest.mark.parametrize(("every", "reads"), [(3, [0, 2, 5]), (1, [0, 1, 2, 3, 4, 5, 6]), (0, [0])])
def test_metrics_are_read_at_first_and_then_where_they_are_logged(
    every: int, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []

    def read(bar: object, trainer: SimpleNamespace, module: object) -> dict[str, int]:
        found.append(trainer.global_step)
        return {"step": trainer.global_step}

    monkeypatch.setattr(RichProgressBar, "get_metrics", read)
    bar = ProgressBar()
    for step in range(7):
        trainer = SimpleNamespace(log_every_n_steps=every, global_step=step, training=True)
        assert bar.get_metrics(trainer, None) == {"step": found[-1]}  # type: ignore[arg-type]
    assert found == reads
    bar.get_metrics(SimpleNamespace(log_every_n_steps=every, global_step=9, training=False), None)  # type: ignore[arg-type]
    assert found[-1] == 9


def test_a_bar_may_never_look_at_the_loss() -> None:
    module, data = build()
    options = {"logger": False, "enable_checkpointing": False, "limit_val_batches": 0, "log_every_n_steps": 0}
    Trainer(max_steps=2, accelerator="cpu", callbacks=[ProgressBar()], **options).fit(module, data)
