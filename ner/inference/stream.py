"""Documents in, batches out: what is tagged is never in memory as a whole."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from torch.utils.data import IterableDataset, get_worker_info

from ner import runtime as processes
from ner.documents import Document
from ner.inference.journal import Done
from ner.preprocessing.collate import Batch, Collator, EncodedChunk, length_batches

# Tokens of a document, about, and batches that a pool of documents fills: enough for texts of about the same length
# to meet.
DOCUMENT_TOKENS = 320
POOL_BATCHES = 80
# Tokens in a batch: few keep a CPU's cache, many a GPU busy.
CPU_TOKENS, GPU_TOKENS = 1024, 16384
BATCH_SIZE = 64

Encode = Callable[..., list[EncodedChunk]]


class DocumentStream(IterableDataset[Batch]):
    """Batches of the documents that this process tags: every n-th of n processes, pool by pool, sorted within a pool.

    Loader workers take turns with the pools, so batches of neighbouring pools may come mixed.

    Args:
        read: Opens the documents; each worker reads all of them and encodes its own.
        encode: Makes chunks with tokens of documents and, as ``numbers``, their places in the input.
        collator: Makes the batches.
        batch_size: Most chunks in a batch.
        batch_tokens: Most tokens in a batch, padding included, unless one chunk has more.
        done: Which of this process's documents are tagged already.
    """

    def __init__(
        self,
        read: Callable[[], Iterable[Document]],
        encode: Encode,
        collator: Collator,
        batch_size: int,
        batch_tokens: int,
        done: Done | None = None,
    ) -> None:
        self.read = read
        self.encode = encode
        self.collator = collator
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        # A worker does not know of its process's group.
        self.done = Done(*processes.rank()) if done is None else done
        self.pool = max(POOL_BATCHES * batch_tokens // DOCUMENT_TOKENS, 1)

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        turn, turns = (worker.id, worker.num_workers) if worker else (0, 1)
        due = islice(enumerate(self.read()), self.done.due, None, self.done.step)
        own = (numbered for numbered in due if numbered[0] not in self.done)
        number = 0
        while pool := list(islice(own, self.pool)):
            if number % turns == turn:
                yield from self._batches(pool)
            number += 1

    def _batches(self, pool: Sequence[tuple[int, Document]]) -> Iterator[Batch]:
        # Annotation of the input is not looked at, and need not fit the labels.
        bare = [
            replace(document, passages=tuple(replace(passage, spans=()) for passage in document.passages))
            for _, document in pool
        ]
        chunks = self.encode(bare, numbers=[number for number, _ in pool])
        shapes = [self.collator.shape(chunk) for chunk in chunks]
        for places in length_batches(shapes, self.batch_size, self.batch_tokens):
            yield self.collator([chunks[place] for place in places])
