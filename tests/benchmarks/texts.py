"""Real texts, a tagger with a real encoder, and batches as the winner made them."""

import os
import random
from dataclasses import dataclass, replace
from itertools import chain

import torch
from torch.nn.functional import pad

from ner.corpora import GutBrainIE
from ner.corpora.gutbrainie.corpus import ROOT_VARIABLE
from ner.documents import Document
from ner.errors import InputError
from ner.inference.pipeline import DOCUMENT_TOKENS, POOL_BATCHES, batches_of
from ner.nn.models import EncoderCRF
from ner.preprocessing.bucketing import CPU_TOKENS
from ner.preprocessing.collate import Batch, collate
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.texts import Texts
from ner.training.datamodule import NERDataModule
from ner.training.module import NERModule

O_BIAS = 0.75
# Documents that `predict` has in memory at once, with batches for a CPU.
POOL = POOL_BATCHES * CPU_TOKENS // DOCUMENT_TOKENS
BATCH_SIZE = 8


def widest(texts: Texts, preprocessor: Preprocessor) -> Batch:
    """A batch padded to the encoder's limit."""
    batch = collate(texts, preprocessor)
    width = preprocessor.window_tokens - batch.input_ids.shape[1]
    padding = preprocessor.text_tokenizer.padding_id
    return replace(
        batch,
        input_ids=pad(batch.input_ids, (0, width), value=padding),
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
        pool = documents[:: len(documents) // POOL][:POOL]
        titles, abstracts = [], []
        for batch in batches_of(enumerate(pool), self.data.preprocessor, CPU_TOKENS, self.data.eval_batch_size):
            texts = [Document("", (chunk.passage,)) for chunk in batch.chunks]
            if batch.token_counts.max() <= self.data.preprocessor.capacity:
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


def random_batches(texts: Texts, preprocessor: Preprocessor) -> list[Batch]:
    """Batches of eight in a random order, padded to the encoder's limit."""
    shuffled = random.Random(0).sample(range(len(texts)), len(texts))
    starts = range(0, len(shuffled), BATCH_SIZE)
    return [widest(texts.take(shuffled[start : start + BATCH_SIZE]), preprocessor) for start in starts]
