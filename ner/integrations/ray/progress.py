"""The progress of a bulk run: a line on the terminal, and its course for the summary."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from ner.integrations.ray.storage import InputFile

# Seconds between points of the course, which get fewer when they are many, and between lines where is no terminal.
EVERY_SECONDS = 1.0
MOST_POINTS = 1000
LINE_SECONDS = 30.0
RECENT_SECONDS = 30.0


class Tagged(Protocol):
    """A block that is tagged: its documents, those with an error, and the seconds that an actor was busy with it."""

    @property
    def documents(self) -> int: ...

    @property
    def errors(self) -> int: ...

    @property
    def seconds(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Point:
    """A moment of a run: its seconds since the start, and the documents that were tagged until then."""

    seconds: float
    documents: int


class Progress:
    """What a run has done so far.

    Args:
        inputs: The files to tag.
        before: Documents that an earlier run has tagged.
        console: Where to show it.
    """

    def __init__(self, inputs: Iterable[InputFile], before: int, console: Console) -> None:
        self.documents = self.errors = 0
        self.start_seconds = 0.0
        self.busy_seconds = self.actor_seconds = 0.0
        self.course: list[Point] = []
        self.warnings: list[str] = []
        self.backend = ""
        self._bytes = sum(file.size for file in inputs)
        self._before = before
        self._known_bytes = self._known_documents = 0
        self._actors = 0
        self._every = EVERY_SECONDS
        self._start = self._updated = self._shown = time.monotonic()
        self._console = console
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        self._bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("starts")

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self._start

    @property
    def tagging_seconds(self) -> float:
        """Time since the first actor was ready, until the last document was tagged."""
        return self.course[-1].seconds - self.start_seconds if self.course else 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def ready(self, backend: str) -> None:
        """Note that an actor has loaded the model."""
        if not self.backend:
            self.backend, self.start_seconds = backend, self.seconds
            self.course.append(Point(self.seconds, 0))

    def ends(self, file: InputFile, documents: int) -> None:
        """Note how many documents a file has."""
        self._known_bytes += file.size
        self._known_documents += documents

    def add(self, report: Tagged) -> None:
        """Note that a block is tagged."""
        self.documents += report.documents
        self.errors += report.errors
        self.busy_seconds += report.seconds
        self._sample()

    def warn(self, line: str) -> None:
        """Show a line that stays, and keep it for the summary."""
        self.warnings.append(line)
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def update(self, actors: int, is_working: bool) -> None:
        """Show how things are.

        Args:
            actors: Those that are ready.
            is_working: Some of them have something to do.
        """
        now = time.monotonic()
        if is_working:
            self.actor_seconds += self._actors * (now - self._updated)
        self._actors, self._updated = actors, now
        self._bar.update(self._task, description=self.line())
        if not self._console.is_terminal and now - self._shown >= LINE_SECONDS:
            self._shown = now
            self._console.print(self.line(), markup=False, highlight=False, soft_wrap=True)

    def line(self) -> str:
        """Return the state in a line."""
        rate = self._recent_rate()
        parts = [f"{self._before + self.documents:,} documents", f"{rate:,.1f}/s"]
        parts.append(f"{self._actors} actors" + (f", busy {self.busy_share:.0%}" if self.actor_seconds else ""))
        if (left := self._documents_left()) is not None and rate:
            parts.append(f"{timedelta(seconds=round(left / rate))} left")
        return ", ".join(parts) + (f", {self.errors:,} errors" if self.errors else "")

    @property
    def busy_share(self) -> float:
        """The share of the actors' time in which they had something to do."""
        return min(self.busy_seconds / self.actor_seconds, 1.0) if self.actor_seconds else 0.0

    def _documents_left(self) -> int | None:
        """Estimate the documents left by the bytes of files that were read; ``None`` before one was."""
        if not self._known_bytes:
            return None
        expected = self._bytes / self._known_bytes * self._known_documents
        return max(round(expected) - self._before - self.documents, 0)

    def _recent_rate(self) -> float:
        if len(self.course) < 2:
            return 0.0
        last = self.course[-1]
        first = next(point for point in self.course if point.seconds >= last.seconds - RECENT_SECONDS)
        first = self.course[-2] if first is last else first
        return (last.documents - first.documents) / max(last.seconds - first.seconds, 1e-9)

    def _sample(self) -> None:
        point = Point(self.seconds, self.documents)
        if len(self.course) > 1 and point.seconds - self.course[-2].seconds < self._every:
            self.course[-1] = point
            return
        self.course.append(point)
        if len(self.course) > MOST_POINTS:
            self.course = [*self.course[:-1:2], self.course[-1]]
            self._every *= 2
