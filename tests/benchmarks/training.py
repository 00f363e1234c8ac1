"""Batches and training steps: bars 5 and 6."""

from collections.abc import Iterator, Sequence

import torch
import torchcrf
from torch.nn.utils import clip_grad_norm_

from ner.preprocessing.collate import Batch, collate
from ner.training.module import NERModule
from ner.training.sampler import LengthBatchSampler
from tests.benchmarks.measuring import Bar, faster, interleaved
from tests.benchmarks.texts import BATCH_SIZE, Setting, random_batches

# Batches of an epoch that are trained on: 32 texts.
STEPS = 4


def bars(setting: Setting) -> Iterator[Bar]:
    """Padding, and a step beside the winner's."""
    padded = real = 0
    for batch in setting.data.train_dataloader():
        padded += batch.input_ids.numel()
        real += int(batch.attention_mask.sum())
    sizes = f"{padded:,} tokens", f"{real:,} of them text"
    yield Bar("5", "padded / real tokens of an epoch, all tiers", *sizes, padded / real, 1.05, is_least=False)
    ours, theirs = batches(setting)
    module, same = setting.module(), setting.module()
    crf = torchcrf.CRF(len(module.label_set.tags), batch_first=True)
    times = interleaved({"ours": lambda: train(module, ours), "theirs": lambda: train_as_winner(same, crf, theirs)})
    what = f"training on {STEPS * BATCH_SIZE} texts, fp32; the winner's step: padded to 512, pytorch-crf"
    yield faster("6", what, times["ours"], times["theirs"], 3.3)


def batches(setting: Setting) -> tuple[list[Batch], list[Batch]]:
    """Batches of eight from an epoch, evenly over their lengths, and their texts in batches as the winner's."""
    data = setting.data
    texts = data._texts["train"]
    sampler = LengthBatchSampler(*data.preprocessor.shapes(texts), BATCH_SIZE, shuffle=True)
    whole = sorted((batch for batch in sampler if len(batch) == BATCH_SIZE), key=lambda batch: sampler.widths[batch[0]])
    chosen = [whole[(2 * number + 1) * len(whole) // (2 * STEPS)] for number in range(STEPS)]
    ours = [collate(texts.take(batch), data.preprocessor) for batch in chosen]
    return ours, random_batches(texts.take([index for batch in chosen for index in batch]), data.preprocessor)


def train(module: NERModule, batches: Sequence[Batch]) -> None:
    """A step on each batch."""
    module.train()
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-4, fused=True)
    for batch in batches:
        optimizer.zero_grad()
        module.loss(module(batch), batch).backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()


def train_as_winner(module: NERModule, crf: torchcrf.CRF, batches: Sequence[Batch]) -> None:
    """A step on each batch, without clipping."""
    module.train()
    optimizer = torch.optim.AdamW([*module.parameters(), *crf.parameters()], lr=1e-4)
    for batch in batches:
        optimizer.zero_grad()
        (-crf(module(batch), batch.tags, batch.mask, reduction="mean")).backward()
        optimizer.step()
