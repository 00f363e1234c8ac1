"""The service in a thread or a process of its own, and a client of it."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ner.integrations.web.bounds import Bounds

REPOSITORY = Path(__file__).parents[1]
START_SECONDS = 120
DEFAULTS = Bounds()
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What the service answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The one line of a refusal."""
        assert self.json.keys() == {"error"}
        [line] = self.json["error"].splitlines()
        return line


class Client:
    """A client of a service.

    Args:
        port: Where the service listens.
        keeps: Send all requests over one connection, which the service closes when it is idle for some seconds.
    """

    def __init__(self, port: int, keeps: bool = False) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        self.keeps = keeps

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, None, headers)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        """Send JSON, or bytes as a file."""
        if isinstance(body, bytes):
            return self.send("POST", path, body, {"Content-Type": "application/octet-stream", **headers})
        return self.send("POST", path, json.dumps(body).encode(), {**JSON, **headers})

    def send(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Answer:
        if not self.keeps:
            self.connection.close()
        self.connection.request(method, path, body, dict(headers))
        response = self.connection.getresponse()
        return Answer(response.status, response.headers, response.read())


@contextmanager
def in_thread(
    model: object, bounds: Bounds = DEFAULTS, token: str | None = None, is_local: bool = True
) -> Iterator[int]:
    """Serve a model in a thread of this process, and yield the port."""
    from ner.integrations.web.app import create_app
    from ner.integrations.web.server import bind, server_of

    bound = bind("127.0.0.1", 0)
    hosts = ("127.0.0.1", "localhost", "::1") if is_local else None
    server = server_of(create_app(model, bounds, token, hosts), bounds)
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    try:
        _wait_until(lambda: server.started)
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


class Process:
    """`ner serve` in a process; its log goes to a file.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, **variables: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}
        self._log, self._errors = folder / "log.jsonl", folder / "errors.txt"
        with self._log.open("wb") as log, self._errors.open("wb") as errors:
            command = [sys.executable, "-P", "-m", "ner", "serve", "--port", "0", *arguments]
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=errors)
        try:
            _wait_until(lambda: "(end with" in self.errors or self.process.poll() is not None)
            self.port = int(self.errors.partition("http://")[2].split()[0].rpartition(":")[2])
            _wait_until(self._is_up)
        except BaseException:
            self.process.kill()
            raise

    @property
    def errors(self) -> str:
        """What it wrote on standard error."""
        return self._errors.read_text(encoding="utf-8")

    @property
    def log(self) -> list[dict]:
        """The lines of its log."""
        return [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]

    def memory(self) -> int:
        """Return the bytes of its resident memory."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="utf-8").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """Return the processor time that it has taken."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self, seconds: float = START_SECONDS) -> int:
        """Send SIGTERM, and return the exit code."""
        self.process.terminate()
        return self.process.wait(seconds)

    def _is_up(self) -> bool:
        try:
            return Client(self.port).get("/health").status == 200
        except ConnectionRefusedError:
            return False

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _wait_until(is_so: object) -> None:
    end = time.monotonic() + START_SECONDS
    while not is_so():
        if time.monotonic() > end:
            pytest.fail("the service does not start")
        time.sleep(0.02)
