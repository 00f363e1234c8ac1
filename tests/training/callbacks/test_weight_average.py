"""The moving average of a training's weights."""

from types import SimpleNamespace

import torch
from torch import nn

from ner.training.callbacks.weight_average import WeightAverage
from tests.first_step import build


def test_it_lies_on_the_device_that_trains_and_leaves_buffers_alone() -> None:
    module, _ = build()
    average = WeightAverage(0.9)
    trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("meta")))
    average.setup(trainer, module, "fit")  # type: ignore[arg-type]
    kept = average._average_model
    assert isinstance(kept, nn.Module)
    assert {each.device.type for each in kept.module.parameters()} == {"meta"}
    assert {each.device.type for each in module.parameters()} == {"cpu"}
    assert kept.use_buffers is False
