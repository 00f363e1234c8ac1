"""The parts of the load test. Each starts a service of its own; wrk and schemathesis have to be installed."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from itertools import cycle, islice
from operator import ge, le
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import mean
from typing import NamedTuple

from tests.serving import REPOSITORY, Client, Process

CLIENTS = 64
WRK = Path(__file__).with_name("requests.lua")
SAMPLED_SECONDS = 0.2
# For the answers to 64 clients on a slow machine.
LONGEST_SECONDS = 600
ENDS = 5
# Until texts of most lengths were tagged: what is kept for them has been taken then.
WARM_SECONDS = 30


class Figure(NamedTuple):
    """A figure and its bound, such as ``>= 0.85``; empty where there is none."""

    what: str
    value: float
    bound: str = ""

    @property
    def holds(self) -> bool:
        """The figure is within its bound."""
        if not self.bound:
            return True
        sign, number = self.bound.split()
        return bool({">=": ge, "<=": le}[sign](self.value, float(number)))


class Setting(NamedTuple):
    """What is served, to whom and for how long."""

    checkpoints: str
    records: list[dict]
    seconds: int
    requests: int
    folder: Path
    bodies: Path


def setting(checkpoints: str, documents: Path, seconds: int, requests: int, folder: Path) -> Setting:
    """Read the documents, and write the bodies that wrk sends: one document each."""
    records = [json.loads(line) for line in documents.read_text(encoding="utf-8").splitlines()]
    bodies = folder / "bodies.txt"
    bodies.write_text("".join(json.dumps({"documents": [record]}) + "\n" for record in records), encoding="utf-8")
    return Setting(str(Path(checkpoints).absolute()), records, seconds, requests, folder, bodies)


def as_predict(setting: Setting) -> list[Figure]:
    """64 clients with one abstract a request: the answers and the speed of `predict`."""
    before_load, predicted = _predict_cost(setting)
    with _service(setting) as process:
        tagged = _tagged(process.port, setting.records[: len(predicted)])
        before = process.cpu_seconds()
        load = _wrk(process.port, setting, CLIENTS)
        cpu = process.cpu_seconds() - before
        speed = load["answers"] / load["seconds"]
        failed = sum(line["status"] != 200 for line in process.log)
    # Before and after it, since a machine may be slower at times.
    wall, predict_cpu = map(mean, zip(before_load, _predict_cost(setting)[0], strict=True))
    different = sum(_differ(*pair) for pair in zip(tagged, predicted, strict=True))
    return [
        Figure("answers that are not predict's", different, "<= 0"),
        Figure("documents compared", len(predicted)),
        Figure("requests under load", load["answers"]),
        Figure("failed or refused", load["failed"] + load["refused"], "<= 0"),
        Figure("in the log: not answered 200, those that wrk leaves at its end included", failed, f"<= {CLIENTS}"),
        Figure("documents/s", speed),
        Figure("documents/s of predict", 1 / wall),
        Figure("their ratio", speed * wall, ">= 0.85"),
        Figure("CPU ms a document", 1000 * cpu / load["answers"]),
        Figure("CPU ms a document of predict", 1000 * predict_cpu),
        Figure("p50, s", load["p50"]),
        Figure("p95, s", load["p95"]),
    ]


def _predict_cost(setting: Setting) -> tuple[tuple[float, float], list[dict]]:
    """Return the seconds and CPU seconds that `predict` takes for a document, and what it finds."""
    half = len(setting.records) // 2
    # What starting costs falls out of the difference.
    (small_wall, small_cpu, _), (wall, cpu, predicted) = (_predict(setting, number) for number in (half, 2 * half))
    return ((wall - small_wall) / half, (cpu - small_cpu) / half), predicted


def overload(setting: Setting) -> list[Figure]:
    """Four times the clients that may wait: some are sent away, memory does not grow, and it recovers."""
    with _service(setting) as process:
        _wrk(process.port, setting, CLIENTS, WARM_SECONDS)
        before = process.memory()
        with _sampled(process) as memory:
            load = _wrk(process.port, setting, 4 * 128)
            start = time.monotonic()
            status = _tag(Client(process.port), setting.records[0])[0]
            recovery = time.monotonic() - start
        statuses = Counter(line["status"] for line in process.log)
        after = process.memory()
    return [
        Figure("answered", statuses[200]),
        Figure("sent away with 503", statuses[503], ">= 1"),
        Figure("other statuses", sum(statuses[status] for status in statuses.keys() - {200, 503, 499}), "<= 0"),
        Figure("connections that failed", load["failed"], "<= 0"),
        Figure("most memory over that before, MB", (max(memory) - before) / 1e6, "<= 100"),
        Figure("memory afterwards over that before, MB", (after - before) / 1e6, "<= 100"),
        Figure("status of the next request", status, "<= 200"),
        Figure("seconds until it was answered", recovery, "<= 2"),
    ]


def malformed(setting: Setting) -> list[Figure]:
    """Requests that schemathesis makes of the service's own description, most of them wrong."""
    script = Path(sys.executable).with_name("schemathesis")
    with _service(setting) as process:
        address = f"http://127.0.0.1:{process.port}/openapi.json"
        options = ["--checks", "not_a_server_error", "--mode", "all", "--phases", "coverage,fuzzing", "--no-color"]
        options += ["--max-examples", str(setting.requests // 3 + 1), "--suppress-health-check", "all", "--seed", "1"]
        outcome = subprocess.run([script, "run", address, *options], cwd=setting.folder, check=False)
        statuses = Counter(line["status"] for line in process.log)
    return [
        Figure("requests", sum(statuses.values()), f">= {setting.requests}"),
        Figure("refused with 4xx", sum(count for status, count in statuses.items() if 400 <= status < 499)),
        Figure("answered with 5xx", sum(count for status, count in statuses.items() if status >= 500), "<= 0"),
        Figure("exit code of schemathesis", outcome.returncode, "<= 0"),
    ]


def end_under_load(setting: Setting) -> list[Figure]:
    """SIGTERM under load, some times: what the service took it answered."""
    answered = lost = others = 0
    codes = set()
    for number in range(ENDS):
        with _service(setting) as process, ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(_until_the_end, process.port, setting.records, first) for first in range(CLIENTS)]
            time.sleep(1 + number)
            codes.add(process.end(LONGEST_SECONDS))
            received = sum(client.result() for client in clients)
            statuses = Counter(line["status"] for line in process.log if line["path"] == "/tag")
        answered += received
        lost += abs(statuses[200] - received)
        others += sum(statuses.values()) - statuses[200]
    return [
        Figure("times", ENDS),
        Figure("answers that clients got", answered, ">= 1"),
        Figure("requests that were taken and lost", lost + others, "<= 0"),
        Figure("worst exit code", max(map(abs, codes)), "<= 0"),
    ]


@contextmanager
def _service(setting: Setting) -> Iterator[Process]:
    arguments = ["--checkpoints", setting.checkpoints, "--seconds", str(LONGEST_SECONDS)]
    with Process(arguments, setting.folder) as process:
        yield process


def _predict(setting: Setting, number: int) -> tuple[float, float, list[dict]]:
    """Tag the first documents with `predict`; return wall and CPU seconds, and what it wrote."""
    source, output = setting.folder / "source.jsonl", setting.folder / f"predicted{number}.jsonl"
    source.write_text("".join(f"{json.dumps(record)}\n" for record in setting.records[:number]), encoding="utf-8")
    command = [sys.executable, "-P", "-m", "ner", "predict", "--ckpt_path", setting.checkpoints]
    command += ["--data.predict_path", str(source), "--data.predict_format", "JsonLines"]
    command += ["--predictions.path", str(output), "--predictions.format", "JsonLines", "--predictions.scores", "true"]
    command += ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    start, before = time.monotonic(), getrusage(RUSAGE_CHILDREN)
    subprocess.run(command, cwd=setting.folder, env=environment, check=True, capture_output=True)
    after = getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lines = output.read_text(encoding="utf-8").splitlines()
    return time.monotonic() - start, cpu, [json.loads(line) for line in lines]


def _wrk(port: int, setting: Setting, clients: int, seconds: int | None = None) -> dict[str, float]:
    address, duration = f"http://127.0.0.1:{port}", f"{seconds or setting.seconds}s"
    command = [
        "wrk",
        "-t1",
        f"-c{clients}",
        f"-d{duration}",
        "--timeout",
        f"{LONGEST_SECONDS}s",
        "-s",
        str(WRK),
        address,
        "--",
    ]
    outcome = subprocess.run([*command, str(setting.bodies)], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(outcome.stdout.splitlines()[-1])
    return found


def _tag(client: Client, record: dict) -> tuple[int, list[dict]]:
    answer = client.post("/tag", {"documents": [record]})
    return answer.status, answer.json["results"][0]["entities"] if answer.status == 200 else []


def _tagged(port: int, records: Sequence[dict]) -> list[list[dict]]:
    """Tag each document in a request of its own, many at once."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda record: _tag(Client(port), record), records))
    assert {status for status, _ in answers} == {200}
    return [entities for _, entities in answers]


def _differ(entities: Sequence[dict], predicted: dict) -> bool:
    spans = [(span, place) for place, passage in enumerate(predicted["passages"]) for span in passage["spans"]]
    places = [(entity["start"], entity["end"], entity["label"], entity["passage"]) for entity in entities]
    return places != [(span["start"], span["end"], span["label"], place) for span, place in spans] or any(
        abs(entity["score"] - span["score"]) > 1e-4 for entity, (span, _) in zip(entities, spans, strict=True)
    )


def _until_the_end(port: int, records: Sequence[dict], first: int) -> int:
    """Send documents over one connection until it breaks; return the number of answers."""
    client = Client(port, keeps=True)
    for number, record in enumerate(islice(cycle(records), first, None)):
        try:
            _tag(client, record)
        except (OSError, HTTPException):
            return number
    return 0


@contextmanager
def _sampled(process: Process) -> Iterator[list[int]]:
    """Yield a list that gets the memory of a process, again and again."""
    memory, stop = [process.memory()], threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLED_SECONDS):
            memory.append(process.memory())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield memory
    finally:
        stop.set()
        thread.join()
