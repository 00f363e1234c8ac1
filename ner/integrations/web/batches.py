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

from ner.documents import Document

# Enough for texts of about the same length to meet, and few enough that a request that comes now waits no longer than
# this before its turn begins, however slow the model.
BATCH_SECONDS = 0.8
BATCH_DOCUMENTS = 32
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
    """Tags what requests bring, in a thread, while the event loop goes on.

    A batch takes a document of each request in turn, so that a large file does not hold up a short text.

    Args:
        tag: Tags documents, in their order.
    """

    def __init__(self, tag: Tag) -> None:
        self._tag = tag
        self._waiting: deque[_Request] = deque()
        self._has_work = asyncio.Event()
        self._most_characters = LEAST_CHARACTERS

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
        # One thread: torch keeps threads of its own for each that calls it.
        with ThreadPoolExecutor(1, "tagger") as thread:
            while True:
                await self._has_work.wait()
                batch = self._next()
                if not batch:
                    self._has_work.clear()
                    continue
                documents = [document for _, document in batch]
                start = time.monotonic()
                outcomes = await asyncio.get_running_loop().run_in_executor(thread, self._outcomes, documents)
                self._learn_speed(sum(map(_length, documents)), time.monotonic() - start)
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

    def _learn_speed(self, characters: int, seconds: float) -> None:
        fitting = int(BATCH_SECONDS * characters / max(seconds, 1e-3))
        self._most_characters = min(max(fitting, LEAST_CHARACTERS), MOST_CHARACTERS)

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
