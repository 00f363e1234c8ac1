"""Documents of many requests in one batch.

FastAPI has no such thing. LitServe 0.2.19 has, and was not taken, because: its loop asks a queue of another process
without a pause (79 % of a core while nothing is to do, 14 % with a batch timeout of 10 ms) where the model needs the
cores; SIGTERM ends its first process alone, and its server and workers serve on without it; the requests that may
wait have no bound, and the time of one only while it waits; each worker has one route and one argument, so files and
another shape of answers would each need a copy of the model; and it listens on no address but three.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import torch

from ner.documents import Document

# Enough for texts of about the same length to meet, and few enough that a request that comes now waits no longer than
# this before its turn begins, however slow the model.
BATCH_SECONDS = 1.5
BATCH_DOCUMENTS = 32
# While the texts of one are read or its tags decoded, which one core does, the model works on the other.
BATCHES_AT_ONCE = 2
LEAST_CHARACTERS, MOST_CHARACTERS = 6_000, 60_000

Tag = Callable[[Sequence[Document]], Iterable[Document]]


@dataclass(slots=True, eq=False)
class _Request:
    documents: Sequence[Document]
    answer: asyncio.Future[list[Document]]
    taken: int = 0
    tagged: list[Document] = field(default_factory=list)

    def add(self, outcome: Document | Exception) -> None:
        """Keep the next document's outcome; the last one, or a failure, is the answer."""
        if self.answer.done():
            return
        if isinstance(outcome, Exception):
            self.answer.set_exception(outcome)
            return
        self.tagged.append(outcome)
        if len(self.tagged) == len(self.documents):
            self.answer.set_result(self.tagged)


class Batches:
    """Tags what requests bring, in threads, while the event loop goes on.

    A batch has all cores while it is the only one, and else its share. It takes a document of each request in turn, so
    that a large file does not hold up a short text.

    Args:
        tag: Tags documents, in their order.
    """

    def __init__(self, tag: Tag) -> None:
        self._tag = tag
        self._waiting: deque[_Request] = deque()
        self._has_work = asyncio.Event()
        self._most_characters = LEAST_CHARACTERS
        self._cores = torch.get_num_threads()
        self._under_way = 0

    async def tag(self, documents: Sequence[Document]) -> list[Document]:
        """Return documents with the entities that are found in them. Who is cancelled is not worked for any more."""
        if not documents:
            return []
        request = _Request(documents, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._has_work.set()
        return await request.answer

    async def run(self) -> None:
        """Work until it is cancelled."""
        with ThreadPoolExecutor(min(self._cores, BATCHES_AT_ONCE), "tagger") as threads:
            async with asyncio.TaskGroup() as group:
                for _ in range(BATCHES_AT_ONCE):
                    group.create_task(self._tag_batches(threads))

    async def _tag_batches(self, threads: ThreadPoolExecutor) -> None:
        while True:
            await self._has_work.wait()
            batch = self._next()
            if not batch:
                self._has_work.clear()
                continue
            self._under_way += 1
            cores = max(self._cores // self._under_way, 1)
            documents = [document for _, document in batch]
            outcomes = await asyncio.get_running_loop().run_in_executor(threads, self._tag_on, cores, documents)
            self._under_way -= 1
            for (request, _), outcome in zip(batch, outcomes, strict=True):
                request.add(outcome)

    def _next(self) -> list[tuple[_Request, Document]]:
        batch: list[tuple[_Request, Document]] = []
        characters = 0
        while self._waiting and len(batch) < BATCH_DOCUMENTS and characters < self._most_characters:
            request = self._waiting.popleft()
            if request.answer.done():  # cancelled
                continue
            document = request.documents[request.taken]
            request.taken += 1
            batch.append((request, document))
            characters += _length(document)
            if request.taken < len(request.documents):
                self._waiting.append(request)
        return batch

    def _tag_on(self, cores: int, documents: Sequence[Document]) -> list[Document | Exception]:
        """Tag documents on some cores, and learn how many characters fill the time of a batch."""
        torch.set_num_threads(cores)  # of this thread
        start = time.monotonic()
        outcomes = self._outcomes(documents)
        fitting = int(BATCH_SECONDS * sum(map(_length, documents)) / max(time.monotonic() - start, 1e-3))
        self._most_characters = min(max(fitting, LEAST_CHARACTERS), MOST_CHARACTERS)
        return outcomes

    def _outcomes(self, documents: Sequence[Document]) -> list[Document | Exception]:
        """Tag documents; where that fails, tag each alone, so that it fails for none but the one at fault."""
        try:
            return list(self._tag(documents))
        except Exception as error:  # noqa: BLE001 - it belongs to a request, and ends no other
            if len(documents) == 1:
                return [error]
            return [outcome for document in documents for outcome in self._outcomes([document])]


def _length(document: Document) -> int:
    return sum(len(passage.text) for passage in document.passages)
