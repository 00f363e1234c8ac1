"""Documents of many requests in one batch."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from ner.documents import Document, Passage
from ner.integrations.web.batches import BATCH_DOCUMENTS, BATCH_SECONDS, BATCHES_AT_ONCE, Batches


class Recorder:
    """Marks documents as tagged, each after some seconds, and keeps the batches; the first wait to be let go."""

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
    """Let all threads be busy with requests of their own, then have these wait together; forget the first batches."""

    async def all_of() -> list:
        work = asyncio.create_task(recorder.target.run())
        first = []
        for number in range(BATCHES_AT_ONCE):
            first.append(asyncio.create_task(recorder.target.tag(documents(f"first{number}", 1))))
            while len(recorder.batches) <= number:
                await asyncio.sleep(0.001)
        tasks = [asyncio.create_task(request) for request in requests]
        await asyncio.sleep(0.01)
        recorder.go.set()
        await asyncio.gather(*first)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        work.cancel()
        return outcomes

    # A browser of other tests keeps an event loop in this thread.
    with ThreadPoolExecutor(1) as own:
        outcomes = own.submit(asyncio.run, all_of()).result()
    del recorder.batches[:BATCHES_AT_ONCE]
    return outcomes


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setattr("torch.get_num_threads", lambda: BATCHES_AT_ONCE)
    recorder = Recorder()
    recorder.target = Batches(recorder)
    return recorder


def test_requests_that_wait_are_tagged_together_and_each_gets_its_own(recorder: Recorder) -> None:
    tag = recorder.target.tag
    answers = run(recorder, tag(documents("b", 2)), tag(documents("c", 1)), tag([]))
    assert recorder.batches == [["b0", "c0", "b1"]]
    assert [[document.id for document in answer] for answer in answers] == [
        ["tagged b0", "tagged b1"], ["tagged c0"], [],
    ]  # fmt: skip


def test_a_large_request_does_not_hold_up_a_small_one(recorder: Recorder) -> None:
    large = recorder.target.tag(documents("large", 10 * BATCH_DOCUMENTS))
    run(recorder, large, recorder.target.tag(documents("small", 1)))
    assert "small0" in recorder.batches[0]
    assert {len(batch) for batch in recorder.batches[:-1]} == {BATCH_DOCUMENTS}


def test_long_texts_fill_a_batch_sooner(recorder: Recorder) -> None:
    run(recorder, recorder.target.tag(documents("long", 9, 40_000 * "a")))
    assert sum(map(len, recorder.batches)) == 9
    assert max(map(len, recorder.batches)) <= 2


def test_a_slow_model_gets_no_more_in_a_batch_than_it_tags_in_its_time(recorder: Recorder) -> None:
    recorder.seconds = 0.1
    run(recorder, recorder.target.tag(documents("b", 40, 1_000 * "a")))
    most = BATCH_SECONDS / recorder.seconds + 1  # the one that fills it
    assert sum(map(len, recorder.batches)) == 40
    assert max(map(len, recorder.batches)) <= most


def test_who_has_left_is_not_worked_for(recorder: Recorder) -> None:
    async def leaving() -> None:
        async with asyncio.timeout(0.005):
            await recorder.target.tag(documents("left", 3))

    outcomes = run(recorder, leaving(), recorder.target.tag(documents("b", 1)))
    assert isinstance(outcomes[0], TimeoutError)
    assert recorder.batches == [["b0"]]


def test_a_text_that_cannot_be_tagged_fails_for_its_own_request_alone(recorder: Recorder) -> None:
    tag = recorder.target.tag
    outcomes = run(recorder, tag(documents("b", 2)), tag(documents("poison", 2)))
    assert [document.id for document in outcomes[0]] == ["tagged b0", "tagged b1"]
    assert repr(outcomes[1]) == "ValueError('poison0')"


def test_a_batch_alone_has_all_cores_and_two_share_them(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr("torch.set_num_threads", given.append)

    async def after_all() -> None:
        await recorder.target.tag(documents("b", 1))
        await recorder.target.tag(documents("c", 1))

    run(recorder, after_all())
    assert given[:BATCHES_AT_ONCE] == [BATCHES_AT_ONCE, 1]
    assert given[-1] == BATCHES_AT_ONCE
