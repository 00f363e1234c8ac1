"""Batches and training steps: bars 5 and 6."""

from collections.abc import Iterator, Sequence

import torch
import torchcrf
from torch.nn.utils import clip_grad_norm_

from ner.preprocessing.collate import Batch, LengthBatchSampler
from ner.training.module import NERModule
from tests.benchmarks.measuring import Bar, faster, interleaved
from tests.benchmarks.texts import BATCH_SIZE, Setting, WidestCollator, random_batches

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
    chunks = data._encoded["train"]
    sampler = LengthBatchSampler([data.collator.shape(chunk) for chunk in chunks], BATCH_SIZE, shuffle=True)
    whole = sorted((batch for batch in sampler if len(batch) == BATCH_SIZE), key=lambda batch: sampler.widths[batch[0]])
    chosen = [[chunks[place] for place in whole[(2 * n + 1) * len(whole) // (2 * STEPS)]] for n in range(STEPS)]
    widest = WidestCollator(data.encoder, data.window_tokens, data.overlap_tokens)
    return [data.collator(batch) for batch in chosen], random_batches(
        [text for batch in chosen for text in batch], widest
    )


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
