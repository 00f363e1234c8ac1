"""What trained models say of the texts of a training, from which it learns."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ner.nn.crf import CRF
from ner.nn.divergence import divergence
from ner.nn.models import Model
from ner.preprocessing.bucketing import BATCH_SIZE, CPU_TOKENS, GPU_TOKENS, length_batches
from ner.preprocessing.chunking import Chunk
from ner.preprocessing.collate import Batch, collate
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.texts import Texts

# All that emissions depend on: text, section and tokens of the corpus.
Key = tuple[str, str, tuple[tuple[int, int], ...] | None]


@dataclass(frozen=True)
class Teacher:
    """The emissions of a model for texts, in half precision in main memory, and its CRF.

    They determine its distribution over tag paths, so that its encoders run once for a training, and not once an epoch.

    Args:
        crf: The CRF of the model.
        weight: Share of the teacher in the loss; the annotation has the rest.
        found: Emissions of texts, each (T, K).
    """

    crf: CRF
    weight: float
    found: dict[Key, Tensor]

    def divergence(self, crf: CRF, emissions: Tensor, batch: Batch) -> Tensor:
        """Return the divergence of a CRF's tag paths from the teacher's over whole texts, annotated or not, summed."""
        taught = pad_sequence([self.found[_key(chunk)] for chunk in batch.texts.chunks], batch_first=True)
        return divergence(crf, emissions, self.crf, taught.to(emissions.device), batch.mask)


@torch.no_grad()
def teach(
    model: Model,
    texts: Texts,
    preprocessor: Preprocessor,
    weight: float,
    device: torch.device,
    precision: Callable[[], AbstractContextManager[None]],
) -> Teacher:
    """Let a model read the texts of a training.

    Args:
        model: The model, which moves to the device.
        texts: The texts.
        preprocessor: How the model reads them; it gives the same units as that of the training.
        weight: Share of the teacher in the loss.
        device: Where to compute.
        precision: Gives the context in which the encoders compute.
    """
    model = model.eval().to(device)
    found = {}
    tokens = CPU_TOKENS if device.type == "cpu" else GPU_TOKENS
    for indices in length_batches(*preprocessor.shapes(texts), BATCH_SIZE, tokens):
        batch = collate(texts.take(indices), preprocessor).to(device)
        with precision():
            emissions = model(batch.input_ids, batch.attention_mask, batch.rows, batch.positions)
        rows = emissions.half().cpu()
        for chunk, row, count in zip(batch.texts.chunks, rows, batch.texts.unit_counts.tolist(), strict=True):
            found[_key(chunk)] = row[:count].clone()
    return Teacher(model.crf, weight, found)


def _key(chunk: Chunk) -> Key:
    passage = chunk.passage
    return passage.text, passage.section, passage.tokens
