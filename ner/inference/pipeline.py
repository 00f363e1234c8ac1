"""Documents in, tagged documents out, in order, whatever their number: memory holds one pool of them.

`Tagger` runs the whole of it. `predict` runs the same steps under Lightning's trainer, which makes the batches in
:class:`ner.training.stream.DocumentStream`, tags them in the module's step and assembles them in a callback.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, islice, pairwise

import numpy as np

from ner.documents import Document
from ner.inference.assembly import Assembler, in_order
from ner.inference.backends import Backend
from ner.preprocessing.bucketing import BATCH_SIZE, length_batches
from ner.preprocessing.preprocessor import Preprocessor
from ner.preprocessing.texts import Texts

# A pool of longer documents has fewer of them.
DOCUMENT_CHARACTERS = 4_000
# Tokens of a document, about, and batches that a pool of documents fills: few in the first pool, so that results come
# soon, and in the largest enough for texts of about the same length to meet.
DOCUMENT_TOKENS = 320
FIRST_POOL_BATCHES = 4
POOL_BATCHES = 80


def tag_documents(
    documents: Iterable[Document], backend: Backend, batch_tokens: int | None = None
) -> Iterator[Document]:
    """Yield documents with the entities that are found in them instead of their own, in order, as they are found.

    Args:
        documents: Any number; they are read as they are needed.
        backend: Tags the batches.
        batch_tokens: Most tokens in a batch, padding included; by default what suits the backend.
    """
    assembler = Assembler()
    pools = _pools(enumerate(documents), backend.preprocessor, batch_tokens or backend.batch_tokens, BATCH_SIZE)
    found = (tagged for batches in pools for tagged in backend.tag_all(list(batches)))
    whole = (numbered for tagged in found for numbered in assembler.add(tagged).items())
    for _, document in in_order(whole):
        yield document


def batches_of(
    numbered: Iterable[tuple[int, Document]],
    preprocessor: Preprocessor,
    batch_tokens: int,
    batch_size: int = BATCH_SIZE,
) -> Iterator[Texts]:
    """Return the texts of documents in batches, pool by pool, the shortest of a pool first.

    Documents are complete only with their longest texts, late in their pool. Pools double in size up to a limit, so
    that a process that is killed loses no more than a share of what it has done.

    Args:
        numbered: Documents and their places in the input.
        preprocessor: How texts are read.
        batch_tokens: Most tokens in a batch, padding included, unless one text has more.
        batch_size: Most texts in a batch.
    """
    return chain.from_iterable(_pools(numbered, preprocessor, batch_tokens, batch_size))


def _pools(
    numbered: Iterable[tuple[int, Document]], preprocessor: Preprocessor, batch_tokens: int, batch_size: int
) -> Iterator[Iterator[Texts]]:
    source = iter(numbered)
    size, largest = (_documents_in(batches, batch_tokens) for batches in (FIRST_POOL_BATCHES, POOL_BATCHES))
    while pool := _next_pool(source, size):
        yield pool_batches(pool, preprocessor, batch_tokens, batch_size)
        size = min(2 * size, largest)


def _next_pool(source: Iterator[tuple[int, Document]], size: int) -> list[tuple[int, Document]]:
    pool, characters = [], 0
    for numbered in islice(source, size):
        pool.append(numbered)
        characters += sum(len(passage.text) for passage in numbered[1].passages)
        if characters >= size * DOCUMENT_CHARACTERS:
            break
    return pool


def pool_batches(
    pool: Sequence[tuple[int, Document]],
    preprocessor: Preprocessor,
    batch_tokens: int,
    batch_size: int = BATCH_SIZE,
) -> Iterator[Texts]:
    """Yield the texts of one pool in batches, the shortest first; arguments as for :func:`batches_of`."""
    texts = preprocessor.encode((document for _, document in pool), numbers=(number for number, _ in pool))
    batches = length_batches(*preprocessor.shapes(texts), batch_size, batch_tokens)
    # The pool is sorted once, and each batch is a part of it.
    texts = texts.take(np.concatenate(batches)) if batches else texts
    for begin, end in pairwise(accumulate(map(len, batches), initial=0)):
        yield texts.part(begin, end)


def _documents_in(batches: int, batch_tokens: int) -> int:
    return max(batches * batch_tokens // DOCUMENT_TOKENS, 1)
