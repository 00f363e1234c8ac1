"""Documents of many requests in one batch."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterable, Sequence

import pytest

from ner.documents import Document, Passage
from ner.integrations.web.batches import BATCH_DOCUMENTS, BATCH_SECONDS, Batches


class Recorder:
    """Marks documents as tagged, each after some seconds, and keeps the batches; the first waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go = threading.Event()
        self.seconds = 0.0

    def __call__(self, documents: Sequence[Document]) -> Iterable[Document]:
        self.batches.append([document.id for document in documents])
        assert self.go.wait(10)
        for document in documents:
            time.sleep(self.seconds)
            if document.id.startswith("poison"):
                raise ValueError(document.id)
            yield Document(f"tagged {document.id}", document.passages)


def documents(name: str, number: int, text: str = "a") -> list[Document]:
    return [Document(f"{name}{place}", (Passage(text),)) for place in range(number)]


def run(recorder: Recorder, *requests: Coroutine) -> list:
    """Let the first request begin alone, then the others wait together."""

    async def all_of() -> list:
        work = asyncio.create_task(recorder.target.run())
        tasks = [asyncio.create_task(requests[0])]
        while not recorder.batches:
            await asyncio.sleep(0.001)
        tasks += [asyncio.create_task(request) for request in requests[1:]]
        await asyncio.sleep(0.01)
        recorder.go.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        work.cancel()
        return outcomes

    return asyncio.run(all_of())


@pytest.fixture
def recorder() -> Recorder:
    recorder = Recorder()
    recorder.target = Batches(recorder)
    return recorder


def test_requests_that_wait_are_tagged_together_and_each_gets_its_own(recorder: Recorder) -> None:
    tag = recorder.target.tag
    answers = run(recorder, tag(documents("a", 1)), tag(documents("b", 2)), tag(documents("c", 1)), tag([]))
    assert recorder.batches == [["a0"], ["b0", "c0", "b1"]]
    assert [[document.id for document in answer] for answer in answers] == [
        ["tagged a0"], ["tagged b0", "tagged b1"], ["tagged c0"], [],
    ]  # fmt: skip


def test_a_large_request_does_not_hold_up_a_small_one(recorder: Recorder) -> None:
    large = recorder.target.tag(documents("large", 10 * BATCH_DOCUMENTS))
    run(recorder, recorder.target.tag(documents("a", 1)), large, recorder.target.tag(documents("small", 1)))
    assert "small0" in recorder.batches[1]
    assert {len(batch) for batch in recorder.batches[1:-1]} == {BATCH_DOCUMENTS}


def test_long_texts_fill_a_batch_sooner(recorder: Recorder) -> None:
    run(recorder, recorder.target.tag(documents("a", 1)), recorder.target.tag(documents("long", 9, 40_000 * "a")))
    assert sum(map(len, recorder.batches)) == 10
    assert max(map(len, recorder.batches)) <= 2


def test_a_slow_model_gets_no_more_in_a_batch_than_it_tags_in_its_time(recorder: Recorder) -> None:
    recorder.seconds = 0.1
    run(recorder, recorder.target.tag(documents("a", 1)), recorder.target.tag(documents("b", 20, 1_000 * "a")))
    most = BATCH_SECONDS / recorder.seconds + 1  # the one that fills it
    assert sum(map(len, recorder.batches)) == 21
    assert max(map(len, recorder.batches)) <= most


def test_who_has_left_is_not_worked_for(recorder: Recorder) -> None:
    async def leaving() -> None:
        async with asyncio.timeout(0.005):
            await recorder.target.tag(documents("left", 3))

    outcomes = run(recorder, recorder.target.tag(documents("a", 1)), leaving(), recorder.target.tag(documents("b", 1)))
    assert isinstance(outcomes[1], TimeoutError)
    assert recorder.batches == [["a0"], ["b0"]]


def test_a_text_that_cannot_be_tagged_fails_for_its_own_request_alone(recorder: Recorder) -> None:
    tag = recorder.target.tag
    outcomes = run(recorder, tag(documents("a", 1)), tag(documents("b", 2)), tag(documents("poison", 2)))
    assert [document.id for document in outcomes[1]] == ["tagged b0", "tagged b1"]
    assert repr(outcomes[2]) == "ValueError('poison0')"
