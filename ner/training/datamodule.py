"""Stages and loaders over any corpus."""

import logging
import os
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from ner import runtime
from ner.checkpoints.pretrained import tokenizer_json
from ner.checkpoints.renames import present_reading
from ner.corpora.base import Corpus, Split, documents_of
from ner.documents import Document
from ner.errors import InputError
from ner.formats.base import Format, documents_at, in_one_line
from ner.inference.journal import Done
from ner.io.paths import expanded
from ner.labels import LabelSet
from ner.preprocessing.bucketing import BATCH_SIZE, CPU_TOKENS, GPU_TOKENS
from ner.preprocessing.chunking import Chunking, SeparatePassages
from ner.preprocessing.collate import Batch, collate
from ner.preprocessing.preprocessor import Preprocessor, Units
from ner.preprocessing.texts import Texts
from ner.training.sampler import LengthBatchSampler
from ner.training.stream import DocumentStream

log = logging.getLogger(__name__)

SPLITS: dict[str, tuple[Split, ...]] = {"fit": ("train", "dev"), "validate": ("dev",), "test": ("test",)}
GPU_WORKERS = 4
# More of them would only wait for each other.
WORKERS_PER_PROCESSOR = 8


class NERDataModule(LightningDataModule):
    """Documents of a corpus as batches of units and tags.

    Works with any LightningModule: a batch is a :class:`ner.preprocessing.collate.Batch`.

    Args:
        corpus: Where the documents come from; it also names the labels.
        tokenizer: A fast tokenizer: a folder, a name on the hub, or its JSON.
        chunking: What is read as one text: each passage on its own (the default), or all of a document.
        markers: Whether ``[TITLE]`` or ``[ABSTRACT]`` precedes each text.
        window_tokens: Most tokens the encoder reads at once, special tokens included. Longer texts are read in
            overlapping windows; nothing is truncated.
        overlap_tokens: Fewest tokens that neighbouring windows share.
        units: What the CRF tags: all subword tokens, or the first one of each word, so that no entity begins or ends
            inside a word. A word is a token of the corpus, where it has tokens, else what the tokenizer splits at.
        batch_size: Most texts in a training batch.
        batch_tokens: Most tokens in a training batch, padding included, that batches aim at; none by default.
        eval_batch_size: Most texts in a batch of validation, test or prediction.
        eval_batch_tokens: Most tokens in such a batch, padding included; by default what suits the device.
        unlabelled: Files and folders, in the corpus's format, whose texts a training reads beside the corpus, without
            annotation; it then also reads texts of the corpus that have none. For a module that learns from a teacher:
            ``None``, unlike an empty list, trains on annotated text alone.
        predict_split: The split of the corpus that ``predict`` tags.
        predict_path: A file or folder that ``predict`` tags instead; on the command line ``-`` is standard input.
        predict_format: Its format, if that is not the corpus's own.
        num_workers: Processes that make batches beside the main one; by default none, but some for a GPU.
        seed: Decides the order of training batches, together with the epoch.

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
        units: Units = "subwords",
        batch_size: int = 8,
        batch_tokens: int | None = None,
        eval_batch_size: int = BATCH_SIZE,
        eval_batch_tokens: int | None = None,
        unlabelled: list[str] | None = None,
        predict_split: Literal["dev", "test"] = "test",
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
        most = WORKERS_PER_PROCESSOR * (os.cpu_count() or 1)
        if num_workers is not None and num_workers > most:
            raise InputError(f"data.num_workers is {num_workers}; on this machine it should be at most {most}")
        self.corpus = corpus
        self.tokenizer = tokenizer
        self.chunking = chunking or SeparatePassages()
        self.markers = markers
        self.window_tokens = window_tokens
        self.overlap_tokens = overlap_tokens
        self.units: Units = units
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self.eval_batch_size = eval_batch_size
        self.eval_batch_tokens = eval_batch_tokens
        self.unlabelled = unlabelled
        self.predict_split: Split = predict_split
        self.predict_path = predict_path
        self.predict_format = predict_format
        self.num_workers = num_workers
        self.seed = seed
        if not corpus.labels:
            tagging = "to tag files, give their format as --data.predict_format"
            raise InputError(f"data.corpus.labels is empty; name the entity types, as in [gene, disease], or {tagging}")
        self.label_set = LabelSet(corpus.labels)
        self._done: Done | None = None
        self._texts: dict[Split, Texts] = {}

    @property
    def labels(self) -> list[str]:
        """The entity types, in the order that decides the tag ids."""
        return list(self.label_set.labels)

    @cached_property
    def preprocessor(self) -> Preprocessor:
        """The value that turns texts into tensors, the same in every stage."""
        return Preprocessor(
            tokenizer_json(self.tokenizer),
            self.chunking,
            self.markers,
            self.window_tokens,
            self.overlap_tokens,
            self.units,
        )

    @property
    def vocabulary_size(self) -> int:
        """Rows that an encoder's embedding needs for this data, markers included."""
        return self.preprocessor.vocabulary_size

    def prepare_data(self) -> None:
        """Let the corpus fetch what is missing."""
        if self.predict_path is None:
            self.corpus.prepare()

    def setup(self, stage: str) -> None:
        """Read, tokenize and align what a stage needs, once; ``predict`` streams its documents instead.

        Raises:
            InputError: if the corpus cannot be read, or a split to score carries no annotation.
        """
        if stage == "predict":
            if self.predict_path is not None:
                self.format_of_input  # noqa: B018 - refuse before the work, not in it
            return
        for split in SPLITS[stage]:
            if split not in self._texts:
                self._texts[split] = self._encode(split)
        scored = SPLITS[stage][-1]
        if not self._texts[scored].annotated.any():
            raise InputError(
                f"the {scored} split carries no annotation to score; annotate it, or tag it with `predict`"
            )

    def leave_out(self, done: Done) -> None:
        """Let ``predict`` tag none of these documents of this process again."""
        self._done = done

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
        """The format of the files of ``predict_path``, read without annotation.

        Raises:
            InputError: if none is named, and the corpus has none.
        """
        source = self.predict_format or self.corpus.format
        if source is None:
            kind = type(self.corpus).__name__
            raise InputError(f"data.predict_path: {kind} has no file format; name one as --data.predict_format")
        return source.without_annotation()

    @property
    def train_texts(self) -> Texts:
        """The texts of a training.

        Raises:
            InputError: if they should be annotated, and none is.
        """
        texts = self._texts["train"]
        if self.unlabelled is not None:
            return texts
        if not texts.annotated.any():
            raise InputError("the train split carries no annotation to learn from")
        return texts.take(texts.annotated.nonzero()[0])

    def train_dataloader(self) -> DataLoader[int]:
        """The texts of a training, in a new order each epoch; in one order where a few batches are to be overfitted."""
        is_shuffled = not getattr(self.trainer, "overfit_batches", 0)
        return self._loader(self.train_texts, self.batch_size, self.batch_tokens, is_shuffled)

    def val_dataloader(self) -> DataLoader[int]:
        """All texts of the dev split."""
        return self._loader(self._texts["dev"], self.eval_batch_size, self._eval_tokens())

    def test_dataloader(self) -> DataLoader[int]:
        """All texts of the test split."""
        return self._loader(self._texts["test"], self.eval_batch_size, self._eval_tokens())

    def predict_dataloader(self) -> DataLoader[Batch | InputError]:
        """The documents to tag, read as they are needed."""
        stream = DocumentStream(
            self._to_tag,
            self.preprocessor,
            self.eval_batch_size,
            self._eval_tokens(),
            Done(*runtime.rank()) if self._done is None else self._done,
        )
        return DataLoader(
            stream, batch_size=None, num_workers=self._workers(), pin_memory=self._on_gpu(), generator=self._generator()
        )

    def transfer_batch_to_device(self, batch: Batch | InputError, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch, or raise what a worker met in the input."""
        if isinstance(batch, InputError):
            raise batch
        return batch.to(device)

    def state_dict(self) -> dict[str, object]:
        """Return how texts are read, as plain types: what a checkpoint needs to tag new text."""
        return self.preprocessor.to_dict()

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Check that a checkpoint that is resumed read its texts as this data module does.

        Raises:
            InputError: if not; it names what differs.
        """
        own, theirs = self.state_dict(), Preprocessor.from_dict(present_reading(state_dict)).to_dict()
        if differing := [key for key in own if own[key] != theirs[key]]:
            raise InputError(f"the checkpoint read its texts with other settings of: {', '.join(differing)}")

    def _to_tag(self, first: int, step: int) -> Iterator[tuple[int, Document]]:
        """Yield the documents to tag number ``first``, ``first + step``, ... with their numbers."""
        is_empty = True
        for numbered in self._share(first, step):
            is_empty = False
            yield numbered
        if is_empty and first == 0:
            self._refuse_empty(self.predict_split if self.predict_path is None else None)

    def _share(self, first: int, step: int) -> Iterator[tuple[int, Document]]:
        if self.predict_path is None:
            documents = self.corpus.read_share(self.predict_split, first, step)
            return in_one_line(documents, self.corpus, f"the {self.predict_split} split")
        source, path = self.format_of_input, Path(self.predict_path)
        return in_one_line(source.read_share(path, first, step), source, str(path))

    def _refuse_empty(self, split: Split | None) -> None:
        raise InputError(f"{self.predict_path if split is None else f'the {split} split'} holds no documents")

    def _encode(self, split: Split) -> Texts:
        documents = list(self.documents(split))
        if not documents:
            self._refuse_empty(split)
        if split == "train":
            documents += self._unlabelled()
        try:
            texts = self.preprocessor.encode(documents, self.label_set)
        except InputError as error:
            raise InputError(f"the {split} split, {error}") from None
        lost = {
            "share tokens with a longer one": texts.nested.sum(),
            "have a border inside a token": texts.inexact.sum(),
        }
        for what, count in lost.items():
            if count:
                log.warning("%s: entities that %s, so that tags cannot give them back: %d", split, what, count)
        return texts

    def _unlabelled(self) -> Iterator[Document]:
        """Yield the documents without annotation that a training reads."""
        for path in self.unlabelled or []:
            if self.corpus.format is None:
                kind = type(self.corpus).__name__
                raise InputError(f"{path}: {kind} has no file format to read texts without annotation in")
            yield from documents_at(expanded(path), self.corpus.format.without_annotation())

    def _loader(
        self, texts: Texts, batch_size: int, batch_tokens: int | None = None, shuffle: bool = False
    ) -> DataLoader[int]:
        workers = self._workers()
        sampler = LengthBatchSampler(*self.preprocessor.shapes(texts), batch_size, batch_tokens, shuffle, self.seed)
        return DataLoader(
            dataset=range(len(texts)),  # type: ignore[arg-type]  # a range is a map-style data set
            batch_sampler=sampler,
            collate_fn=partial(_batch, texts, self.preprocessor),
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


def _batch(texts: Texts, preprocessor: Preprocessor, indices: list[int]) -> Batch:
    return collate(texts.take(indices), preprocessor)
