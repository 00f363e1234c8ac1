"""Batches of the documents that one process tags, for Lightning's `predict`."""

from collections.abc import Iterator
from typing import Protocol

from torch.utils.data import IterableDataset, get_worker_info

from ner.documents import Document
from ner.errors import InputError
from ner.inference.journal import Done, checksum
from ner.inference.pipeline import batches_of
from ner.preprocessing.collate import Batch, collate
from ner.preprocessing.preprocessor import Preprocessor

CHANGED = "the input has changed: write to another path, or delete the journal beside the output to start over"


class Source(Protocol):
    """Documents that are read from the start each time, of which each process parses only its share."""

    def __call__(self, first: int, step: int) -> Iterator[tuple[int, Document]]:
        """Yield the documents number ``first``, ``first + step``, ... of the input with their numbers."""


class DocumentStream(IterableDataset[Batch | InputError]):
    """Batches of the documents of this process: every n-th of n processes, pool by pool, sorted within a pool.

    Workers of a data loader share these documents in the same way, so that each document is parsed once. An error in
    the input is the last value, and not raised: a data loader would hide its line in a worker's traceback.

    Args:
        source: The input.
        preprocessor: How texts are read.
        batch_size: Most texts in a batch.
        batch_tokens: Most tokens in a batch, padding included, unless one text has more.
        done: The documents of this process that are tagged already.
    """

    def __init__(
        self, source: Source, preprocessor: Preprocessor, batch_size: int, batch_tokens: int, done: Done
    ) -> None:
        self.source = source
        self.preprocessor = preprocessor
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self.done = done

    def __iter__(self) -> Iterator[Batch | InputError]:
        worker = get_worker_info()
        number, count = (worker.id, worker.num_workers) if worker else (0, 1)
        first, step = self.done.first + number * self.done.step, self.done.step * count
        try:
            for texts in batches_of(self._due(first, step), self.preprocessor, self.batch_tokens, self.batch_size):
                yield collate(texts, self.preprocessor)
        except InputError as error:
            yield error

    def _due(self, first: int, step: int) -> Iterator[tuple[int, Document]]:
        place = first - step
        for place, document in self.source(first, step):
            if place not in self.done:
                yield place, document
            elif self.done.checksum(place) != checksum(document):
                raise InputError(f"document {document.id!r:.100} is not what an interrupted run has tagged; {CHANGED}")
        if self.done.last >= place + step:
            raise InputError(f"the input ends before what an interrupted run has tagged; {CHANGED}")
