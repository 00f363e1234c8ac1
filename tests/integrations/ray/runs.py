"""Bulk runs in processes of their own, and the killing of them and of their parts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil

REPOSITORY = Path(__file__).parents[3]
LIMIT_SECONDS = 3000
# The names that Ray gives its processes, by the kind of what is killed.
PROCESSES = {"actor": "ray::TaggingActor", "worker": "ray::Reader", "node": "raylet"}


@dataclass(frozen=True)
class Outcome:
    """A run that has ended: its exit code, negative after a signal, and what it printed."""

    code: int
    text: str


class Run:
    """A run of `bulk`.

    Args:
        arguments: Of the verb.
        log: File for what it prints.
    """

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "ner", "bulk", *arguments],
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                start_new_session=True,
            )

    def wait_for(self, output: Path, parts: int) -> bool:
        """Wait until so many further parts are in the output; return if the run still goes on."""
        before = count_parts(output)
        start = time.monotonic()
        while self._process.poll() is None and count_parts(output) < before + parts:
            assert time.monotonic() < start + LIMIT_SECONDS, self._log.read_text()
            time.sleep(0.02)
        return self._process.poll() is None

    def kill(self, kind: str, random: Random) -> bool:
        """Send SIGKILL to the driver or, once there is one, to a process of the kind; return if that was possible."""
        own = psutil.Process(self._process.pid)
        while self._process.poll() is None:
            victims = [own] if kind == "driver" else processes(own, PROCESSES[kind])
            if victims:
                os.kill(random.choice(victims).pid, signal.SIGKILL)
                return True
            time.sleep(0.02)
        return False

    def signal(self, number: int) -> None:
        """Send a signal to the driver."""
        self._process.send_signal(number)

    def wait(self) -> Outcome:
        """Wait for the end."""
        code = self._process.wait(LIMIT_SECONDS)
        return Outcome(code, self._log.read_text())


def processes(root: psutil.Process, name: str) -> list[psutil.Process]:
    """Return the processes below another whose title begins with a name."""
    found = []
    for process in root.children(recursive=True):
        try:
            title = process.cmdline()[:1] or [process.name()]
        except psutil.Error:
            continue
        if Path(title[0]).name.startswith(name) or title[0].startswith(name):
            found.append(process)
    return found


def count_parts(output: Path) -> int:
    """Return the number of parts in an output folder."""
    return len(list((output / "parts").glob("*.parquet")))
