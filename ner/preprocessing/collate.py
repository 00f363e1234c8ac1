"""Texts as a batch of tensors."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.ragged import spread
from ner.preprocessing.texts import Texts


@dataclass(frozen=True)
class Batch:
    """B texts as W windows of at most L tokens; T is the largest number of units of a text.

    Args:
        input_ids: What the encoder reads, (W, L).
        attention_mask: 1 on its tokens, 0 on padding, (W, L).
        rows: The window from which each unit of a text is read, (B, T).
        positions: The position in that window, (B, T).
        mask: True on the units of a text: a prefix of each row, (B, T).
        annotated: True on its units with known tags: a prefix of each row, (B, T).
        tags: Tag ids, which are to be learned from the annotated ones only, (B, T).
        weights: Factors in the loss, (B,).
        texts: The texts themselves, B of them.
    """

    input_ids: Tensor
    attention_mask: Tensor
    rows: Tensor
    positions: Tensor
    mask: Tensor
    annotated: Tensor
    tags: Tensor
    weights: Tensor
    texts: Texts

    def __len__(self) -> int:
        return len(self.texts)

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch with its tensors on a device; on a GPU from page-locked memory while the host goes on."""
        on_gpu = torch.device(device).type == "cuda"
        return self._with_tensors(lambda tensor: tensor.to(device, non_blocking=on_gpu))

    def pin_memory(self) -> "Batch":
        """Return the batch with its tensors in page-locked memory."""
        return self._with_tensors(lambda tensor: tensor.pin_memory())

    def _with_tensors(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        names = (field.name for field in fields(self) if field.name != "texts")
        changes: dict[str, Any] = {name: change(getattr(self, name)) for name in names}
        return replace(self, **changes)


def collate(texts: Texts, preprocessor: Preprocessor) -> Batch:
    """Return some texts as a batch. A text beyond the encoder's limit becomes several windows of the same batch."""
    inputs = preprocessor.inputs(texts)
    units = np.arange(inputs.rows.shape[1])
    return Batch(
        input_ids=torch.from_numpy(inputs.input_ids),
        attention_mask=torch.from_numpy(inputs.attention_mask),
        rows=torch.from_numpy(inputs.rows),
        positions=torch.from_numpy(inputs.positions),
        mask=torch.from_numpy(inputs.mask),
        annotated=torch.from_numpy(units < texts.annotated[:, None]),
        tags=torch.from_numpy(spread(texts.tags, inputs.mask)),
        weights=torch.from_numpy(np.array([chunk.document.weight for chunk in texts.chunks], np.float32)),
        texts=texts,
    )
