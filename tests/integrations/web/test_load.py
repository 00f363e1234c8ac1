"""Many clients, too many clients, malformed requests and the end, in small; `python -m tests.load` has the whole."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from itertools import cycle, islice
from pathlib import Path

import pytest

from ner.formats.gutbrainie import GutBrainIE
from ner.formats.jsonl import record_of
from ner.integrations.web.documents import entities_of
from ner.integrations.web.model import ServedModel
from tests.serving import REPOSITORY, Client, Process

DEV = REPOSITORY / "ner" / "corpora" / "sample_data" / "dev.json"
CLIENTS, ROUNDS, WAITING = 16, 8, 20
DOCUMENTS = list(GutBrainIE().without_annotation().read(DEV))
GROWTH_BYTES = 40_000_000
# `python -m tests.load` asks for 2; here other tests may keep the machine busy.
RECOVERY_SECONDS = 10


@pytest.fixture(scope="module")
def process(quickstart: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    arguments = ["--checkpoints", str(quickstart / "checkpoints" / "quickstart"), "--waiting", str(WAITING)]
    with Process(arguments, tmp_path_factory.mktemp("service")) as process:
        yield process


def tag(client: Client, number: int) -> tuple[int, int, object]:
    """Send a document; return its number, the status, and what was answered."""
    answer = client.post("/tag", {"documents": [record_of(DOCUMENTS[number])]})
    return number, answer.status, answer.json["results"][0]["entities"] if answer.status == 200 else answer.json


def tag_some(port: int, first: int, rounds: int) -> list[tuple[int, int, object]]:
    client = Client(port, keeps=True)
    return [tag(client, number) for number in islice(cycle(range(len(DOCUMENTS))), first, first + rounds)]


def test_many_clients_get_what_the_tagger_finds_each_for_its_own_text(process: Process, served: ServedModel) -> None:
    tagged = served.tagger.tag_documents(DOCUMENTS)
    expected = [entities_of(document, served.labels) for document in tagged]
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(tag_some, process.port, first, ROUNDS) for first in range(CLIENTS)]
        answers = [answer for client in clients for answer in client.result()]
    assert len(answers) == CLIENTS * ROUNDS
    for number, status, entities in answers:
        assert status == 200
        assert entities == [
            {**entity, "score": pytest.approx(entity["score"], abs=1e-5)} for entity in expected[number]
        ]


def test_too_many_clients_are_sent_away_and_leave_no_trace(process: Process) -> None:
    before = process.memory()
    with ThreadPoolExecutor(4 * WAITING) as pool:
        clients = [pool.submit(tag_some, process.port, first, ROUNDS) for first in range(4 * WAITING)]
        statuses = Counter(status for client in clients for _, status, _ in client.result())
    assert statuses.keys() == {200, 503}
    start = time.monotonic()
    assert tag(Client(process.port), 0)[1] == 200
    assert time.monotonic() - start < RECOVERY_SECONDS
    assert process.memory() - before < GROWTH_BYTES


def test_malformed_requests_break_nothing(process: Process, tmp_path: Path) -> None:
    before = len(process.log)
    command = ["run", f"http://127.0.0.1:{process.port}/openapi.json", "--checks", "not_a_server_error"]
    command += ["--mode", "all", "--phases", "coverage", "--generation-deterministic", "--no-color"]
    script = Path(sys.executable).with_name("schemathesis")
    outcome = subprocess.run([script, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout
    statuses = [line["status"] for line in process.log[before:]]
    assert len(statuses) > 200
    assert max(statuses) < 499
    assert process.process.poll() is None


def test_what_was_taken_before_the_end_is_answered(process: Process) -> None:
    before = len(process.log)

    def until_the_end(first: int) -> Counter[str]:
        outcomes = Counter[str]()
        client = Client(process.port, keeps=True)
        for number in islice(cycle(range(len(DOCUMENTS))), first, None):
            try:
                outcomes[str(tag(client, number)[1])] += 1
            except (OSError, HTTPException) as error:
                return outcomes + Counter([type(error).__name__])
        raise AssertionError

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(until_the_end, first) for first in range(CLIENTS)]
        time.sleep(0.5)
        assert process.end() == 0
        outcomes = sum((client.result() for client in clients), Counter[str]())
    statuses = Counter(line["status"] for line in process.log[before:])
    # Those that failed had come too late: the service took none that it did not answer.
    assert statuses == {200: outcomes["200"]}
    assert outcomes["200"] > 0
    assert process.errors.splitlines()[1:] == []
