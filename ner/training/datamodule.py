"""Stages and loaders over any corpus."""

import inspect
import json
import logging
import os
from collections.abc import Iterator
from functools import cached_property, partial
from hashlib import blake2b
from pathlib import Path

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from ner.checkpoints.pretrained import tokenizer_json
from ner.corpora.base import Corpus, Split, documents_of
from ner.documents import Document
from ner.errors import InputError
from ner.formats.base import Format, documents_at
from ner.inference.journal import Done
from ner.inference.stream import BATCH_SIZE, CPU_TOKENS, GPU_TOKENS, DocumentStream
from ner.labels import LabelSet
from ner.preprocessing.chunking import Chunking, SeparatePassages
from ner.preprocessing.collate import Batch, Collator, EncodedChunk, LengthBatchSampler, encode
from ner.preprocessing.tokenizer import TextEncoder

log = logging.getLogger(__name__)

SPLITS: dict[str, tuple[Split, ...]] = {"fit": ("train", "dev"), "validate": ("dev",), "test": ("test",)}
GPU_WORKERS = 4


class NERDataModule(LightningDataModule):
    """Documents of a corpus as batches of tokens and tags.

    Works with any LightningModule: a batch is a :class:`ner.preprocessing.collate.Batch`.

    Args:
        corpus: Where the documents come from; it also names the labels.
        tokenizer: A fast tokenizer: a folder, a name on the hub, or its JSON.
        chunking: What is read as one text: each passage on its own (the default), or all of a document.
        markers: Whether ``[TITLE]`` or ``[ABSTRACT]`` stands before each text.
        window_tokens: Most tokens the encoder reads at once, special tokens included. Longer texts are read in
            overlapping windows; nothing is truncated.
        overlap_tokens: Fewest tokens that neighbouring windows share.
        batch_size: Most texts in a training batch.
        batch_tokens: Most tokens in a training batch, padding included, that batches aim at; none by default.
        eval_batch_size: Most texts in a batch of validation, test or prediction.
        eval_batch_tokens: Most tokens in such a batch, padding included; by default what suits the device.
        predict_path: A file or folder that ``predict`` tags instead of the corpus's test split; on the command line
            ``-`` is standard input.
        predict_format: Its format, if that is not the corpus's own.
        num_workers: Processes that make batches beside the main one; by default none, but some for a GPU.
        seed: Decides the order of training batches, together with the epoch.

    Attributes:
        predict_count: Documents to tag, once ``predict`` is set up.
        predict_digest: A checksum of their identifiers and texts.
        done: Which of this process's documents ``predict`` leaves out because they are tagged already.

    Raises:
        InputError: if a number is out of its range.
    """

    def __init__(
        self,
        corpus: Corpus,
        tokenizer: str,
        chunking: Chunking | None = None,
        markers: bool = True,
        window_tokens: int = 512,
        overlap_tokens: int = 128,
        batch_size: int = 8,
        batch_tokens: int | None = None,
        eval_batch_size: int = BATCH_SIZE,
        eval_batch_tokens: int | None = None,
        predict_path: str | None = None,
        predict_format: Format | None = None,
        num_workers: int | None = None,
        seed: int = 42,
    ) -> None:
        super().__init__()
        least: dict[str, tuple[int | None, int]] = {
            "window_tokens": (window_tokens, 1),
            "overlap_tokens": (overlap_tokens, 0),
            "batch_size": (batch_size, 1),
        }
        least |= {"eval_batch_size": (eval_batch_size, 1), "num_workers": (num_workers, 0)}
        least |= {"batch_tokens": (batch_tokens, 1), "eval_batch_tokens": (eval_batch_tokens, 1)}
        for name, (value, smallest) in least.items():
            if value is not None and value < smallest:
                raise InputError(f"data.{name} is {value}; it should be at least {smallest}")
        self.corpus = corpus
        self.tokenizer = tokenizer
        self.chunking = chunking or SeparatePassages()
        self.markers = markers
        self.window_tokens = window_tokens
        self.overlap_tokens = overlap_tokens
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self.eval_batch_size = eval_batch_size
        self.eval_batch_tokens = eval_batch_tokens
        self.predict_path = predict_path
        self.predict_format = predict_format
        self.num_workers = num_workers
        self.seed = seed
        if not corpus.labels:
            tagging = "to tag files, give their format as --data.predict_format"
            raise InputError(f"data.corpus.labels is empty; name the entity types, as in [gene, disease], or {tagging}")
        self.label_set = LabelSet(corpus.labels)
        self.predict_count = 0
        self.predict_digest = ""
        self.done: Done | None = None
        self._encoded: dict[Split, list[EncodedChunk]] = {}

    @property
    def labels(self) -> list[str]:
        """The entity types, in the order that decides the tag ids."""
        return list(self.label_set.labels)

    @cached_property
    def encoder(self) -> TextEncoder:
        """Texts to tokens and inputs, the same in every stage."""
        return TextEncoder(tokenizer_json(self.tokenizer), self.markers)

    @property
    def vocabulary_size(self) -> int:
        """Rows that an encoder's embedding needs for this data, markers included."""
        return self.encoder.vocabulary_size

    @cached_property
    def collator(self) -> Collator:
        """Chunks to batches, the same in every stage."""
        return Collator(self.encoder, self.window_tokens, self.overlap_tokens)

    def prepare_data(self) -> None:
        """Let the corpus fetch what is missing."""
        if self.predict_path is None:
            self.corpus.prepare()

    def setup(self, stage: str) -> None:
        """Read, tokenize and align what a stage needs, once; for ``predict`` only look through what it will stream.

        Raises:
            InputError: if the corpus cannot be read, or a split to score carries no annotation.
        """
        if stage == "predict":
            self._look_through()
            return
        for split in SPLITS[stage]:
            if split not in self._encoded:
                self._encoded[split] = self._encode(split)
        scored = SPLITS[stage][-1]
        if not any(chunk.annotated for chunk in self._encoded[scored]):
            raise InputError(
                f"the {scored} split carries no annotation to score; annotate it, or tag it with `predict`"
            )

    def documents(self, split: Split | None) -> Iterator[Document]:
        """The documents of a split of the corpus, or, for ``None``, of the files of ``predict_path``.

        Raises:
            InputError: if the corpus cannot read them, whatever the corpus itself raises.
        """
        if split is None:
            return documents_at(Path(str(self.predict_path)), self.format_of_input)
        return documents_of(self.corpus, split)

    @property
    def format_of_input(self) -> Format:
        """The format of the files of ``predict_path``.

        Raises:
            InputError: if none is named, and the corpus has none.
        """
        source = self.predict_format or self.corpus.format
        if source is None:
            kind = type(self.corpus).__name__
            raise InputError(f"data.predict_path: {kind} has no file format; name one as --data.predict_format")
        return source

    def train_dataloader(self) -> DataLoader[EncodedChunk]:
        """Chunks with known tags, in a new order each epoch."""
        chunks = [chunk for chunk in self._encoded["train"] if chunk.annotated]
        if not chunks:
            raise InputError("the train split carries no annotation to learn from")
        return self._loader(chunks, self.batch_size, self.batch_tokens, shuffle=True)

    def val_dataloader(self) -> DataLoader[EncodedChunk]:
        """All chunks of the dev split."""
        return self._loader(self._encoded["dev"], self.eval_batch_size, self._eval_tokens())

    def test_dataloader(self) -> DataLoader[EncodedChunk]:
        """All chunks of the test split."""
        return self._loader(self._encoded["test"], self.eval_batch_size, self._eval_tokens())

    def predict_dataloader(self) -> DataLoader[Batch]:
        """The documents to tag, read as they are needed."""
        stream = DocumentStream(
            partial(self.documents, self._to_tag()),
            partial(encode, chunking=self.chunking, encoder=self.encoder, labels=self.label_set),
            self.collator,
            self.eval_batch_size,
            self._eval_tokens(),
            self.done,
        )
        return DataLoader(
            stream, batch_size=None, num_workers=self._workers(), pin_memory=self._on_gpu(), generator=self._generator()
        )

    def state_dict(self) -> dict[str, object]:
        """How texts are read, as plain types: what a checkpoint needs to tag new text."""
        return {
            "tokenizer": self.encoder.serialised,
            "chunking": _class_and_arguments(self.chunking),
            "markers": self.markers,
            "window_tokens": self.window_tokens,
            "overlap_tokens": self.overlap_tokens,
        }

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Check that a checkpoint that is resumed read its texts as this data module does.

        Raises:
            InputError: if not; it names what differs.
        """
        own = self.state_dict()
        if differing := [key for key in own if own[key] != state_dict.get(key)]:
            raise InputError(f"the checkpoint read its texts with other settings of: {', '.join(differing)}")

    def _look_through(self) -> None:
        digest = blake2b(digest_size=16)
        self.predict_count = 0
        for document in self.documents(self._to_tag()):
            self.predict_count += 1
            parts = [document.id, *(part for passage in document.passages for part in (passage.section, passage.text))]
            digest.update(json.dumps(parts).encode())
        self._check_some(self.predict_count, self._to_tag())
        self.predict_digest = digest.hexdigest()

    def _to_tag(self) -> Split | None:
        """What ``predict`` tags; ``None`` stands for the files of ``predict_path``."""
        return "test" if self.predict_path is None else None

    def _check_some(self, count: int, split: Split | None) -> None:
        if not count:
            raise InputError(f"{self.predict_path if split is None else f'the {split} split'} holds no documents")

    def _encode(self, split: Split) -> list[EncodedChunk]:
        documents = list(self.documents(split))
        self._check_some(len(documents), split)
        try:
            chunks = encode(documents, self.chunking, self.encoder, self.label_set)
        except InputError as error:
            raise InputError(f"the {split} split, {error}") from None
        lost = {
            "share tokens with a longer one": sum(len(chunk.nested) for chunk in chunks),
            "have a border inside a token": sum(len(chunk.inexact) for chunk in chunks),
        }
        for what, count in lost.items():
            if count:
                log.warning("%s: entities that %s, so that tags cannot give them back: %d", split, what, count)
        return chunks

    def _loader(
        self, chunks: list[EncodedChunk], batch_size: int, batch_tokens: int | None = None, shuffle: bool = False
    ) -> DataLoader[EncodedChunk]:
        shapes = [self.collator.shape(chunk) for chunk in chunks]
        workers = self._workers()
        return DataLoader(
            dataset=chunks,  # type: ignore[arg-type]  # a list is a map-style data set
            batch_sampler=LengthBatchSampler(shapes, batch_size, batch_tokens, shuffle, self.seed),
            collate_fn=self.collator,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=self._on_gpu(),
            generator=self._generator(),
        )

    def _generator(self) -> torch.Generator:
        # Without a generator of its own a loader draws from the global one, and a resumed run draws differently.
        return torch.Generator().manual_seed(self.seed)

    def _on_gpu(self) -> bool:
        if self.trainer is None:
            return torch.cuda.is_available()
        return self.trainer.strategy.root_device.type == "cuda"

    def _workers(self) -> int:
        if self.num_workers is not None:
            return self.num_workers
        return min(GPU_WORKERS, max((os.cpu_count() or 1) - 1, 0)) if self._on_gpu() else 0

    def _eval_tokens(self) -> int:
        return self.eval_batch_tokens or (GPU_TOKENS if self._on_gpu() else CPU_TOKENS)


def _class_and_arguments(chunking: Chunking) -> dict[str, object]:
    """What makes an equal chunking, in the form of the configuration.

    Raises:
        InputError: if an argument of its constructor is not kept as the attribute of that name, as a plain value.
    """
    kind = type(chunking)
    arguments = {}
    for name in inspect.signature(kind).parameters:
        arguments[name] = value = getattr(chunking, name, ...)
        if not isinstance(value, str | int | float | bool | None):
            raise InputError(
                f"{kind.__qualname__}: a checkpoint cannot keep its argument {name!r}; a chunking stores each "
                "argument under its name, and each is a text, a number, true, false or none"
            )
    return {"class_path": f"{kind.__module__}.{kind.__qualname__}", "init_args": arguments}
