"""Real texts, a tagger with a real encoder, and batches as the winner made them."""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import torch
from ner.inference.stream import CPU_TOKENS, DOCUMENT_TOKENS, POOL_BATCHES, DocumentStream
from torch.nn.functional import pad

from ner.corpora import GutBrainIE
from ner.corpora.gutbrainie.corpus import ROOT_VARIABLE
from ner.documents import Document
from ner.errors import InputError
from ner.nn.models import EncoderCRF
from ner.preprocessing.collate import Batch, Collator, EncodedChunk, encode
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule

O_BIAS = 0.75
# Documents that `predict` has in memory at once, with batches for a CPU.
POOL = POOL_BATCHES * CPU_TOKENS // DOCUMENT_TOKENS
BATCH_SIZE = 8


class WidestCollator(Collator):
    """Pads everything to the encoder's limit."""

    def __call__(self, chunks: Sequence[EncodedChunk]) -> Batch:
        batch = super().__call__(chunks)
        width = self.capacity + self.encoder.overhead - batch.input_ids.shape[1]
        return replace(
            batch,
            input_ids=pad(batch.input_ids, (0, width), value=self.encoder.padding_id),
            attention_mask=pad(batch.attention_mask, (0, width)),
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """What is measured with.

    Args:
        data: The real corpus, read as `minilm_crf.yaml` says.
        encoder: Folder of the encoder, or its name on the hub.
    """

    data: NERDataModule
    encoder: str

    def module(self) -> NERModule:
        """A tagger with the encoder's weights and random emissions, the same each time, that finds about as many
        entities as there are."""
        torch.manual_seed(0)
        module = NERModule(self.data.labels, self.data.vocabulary_size, self.encoder)
        assert isinstance(module.model, EncoderCRF)
        with torch.no_grad():
            module.model.classifier.bias[0] += O_BIAS
        return module

    def taggers(self, count: int) -> list[EncoderCRF]:
        """Some of them, in evaluation mode."""
        taggers = [self.module().model.eval() for _ in range(count)]
        return [tagger for tagger in taggers if isinstance(tagger, EncoderCRF)]

    def batches(self) -> list[list[Document]]:
        """About 20 abstracts and as many titles, those together which `predict` reads together, each a document.

        They are of one pool, evenly from all tiers and dev: every tenth batch of abstracts, and titles of about the
        same length. Texts that the encoder cannot read whole are left out, since others cut them.
        """
        documents = list(chain(self.data.documents("train"), self.data.documents("dev")))
        encoded = partial(encode, chunking=self.data.chunking, encoder=self.data.encoder, labels=self.data.label_set)
        pool = documents[:: len(documents) // POOL][:POOL]
        stream = DocumentStream(lambda: pool, encoded, self.data.collator, self.data.eval_batch_size, CPU_TOKENS)
        titles, abstracts = [], []
        for batch in stream:
            texts = [Document("", (chunk.chunk.passage,)) for chunk in batch.chunks]
            if max(len(chunk.tokens) for chunk in batch.chunks) <= self.data.collator.capacity:
                (titles if texts[0].passages[0].section == "title" else abstracts).append(texts)
        chosen = abstracts[5::10]
        return [titles[len(titles) // 2][: sum(map(len, chosen))], *chosen]


def setting(encoder: str) -> Setting:
    """The real corpus, all tiers of which are encoded.

    Raises:
        InputError: if it is not there.
    """
    if not os.environ.get(ROOT_VARIABLE):
        raise InputError(f"set {ROOT_VARIABLE} to the folder of the GutBrainIE collection, on which is measured")
    data = NERDataModule(GutBrainIE(), encoder, batch_size=64, batch_tokens=1200)
    data.setup("fit")
    return Setting(data, encoder)


def random_batches(chunks: Sequence[EncodedChunk], collator: Collator) -> list[Batch]:
    """Batches of eight in a random order."""
    shuffled = random.Random(0).sample(chunks, len(chunks))
    return [collator(shuffled[start : start + BATCH_SIZE]) for start in range(0, len(shuffled), BATCH_SIZE)]
