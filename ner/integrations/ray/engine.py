"""The loop that reads files, has their blocks tagged and joins the parts, whatever dies meanwhile.

The loop holds ranges of documents and references, never documents. A range of a file that is neither done nor on its
way is read again: this one rule resumes a run, and repairs the loss of a reader, a node or a block. Ray itself retries
nothing but merges.
"""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from math import ceil
from typing import cast

import ray
from ray.exceptions import (
    GetTimeoutError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from ner.errors import InputError, one_line
from ner.integrations.ray.merging import FILE_BYTES
from ner.integrations.ray.output import Done, Output, WrittenPart
from ner.integrations.ray.parts import Part, Ranges
from ner.integrations.ray.progress import Progress
from ner.integrations.ray.reading import Block, Header, Report
from ner.integrations.ray.states import Crew, FileState, ReaderState, Reference, TaggerState, Task
from ner.integrations.ray.storage import InputFile

# Blocks that an actor has at once, so that it never waits for the next, and blocks that wait for each actor.
BLOCKS_AT_ONCE = 2
BLOCKS_WAITING = 2
TAGGERS_PER_READER = 8
# A block whose tagger dies so often is halved, and a document in the end given up; a file is, whose reader does.
MOST_DEATHS = 3
MOST_READER_DEATHS = 10
MOST_LOADING_DEATHS = 5
WAIT_SECONDS = 0.5
FETCH_SECONDS = 30
# The ends of a process that a document may have led to.
DEATHS = (RayActorError, WorkerCrashedError, OutOfMemoryError)


class Engine:
    """One run.

    Args:
        inputs: The files.
        done: What the output holds.
        output: The output folder.
        crew: Who does the work.
        progress: Is told of it.
    """

    def __init__(self, inputs: Iterable[InputFile], done: Done, output: Output, crew: Crew, progress: Progress) -> None:
        self.states = {file.key: FileState(file, done.ranges[file.key], done.ends.get(file.key)) for file in inputs}
        self._output = output
        self._crew = crew
        self._progress = progress
        self._queue: deque[Task] = deque()
        self._calls: dict[Reference, Callable[[Reference], None]] = {}
        self._open = [state for state in self.states.values() if not state.is_finished]
        self._unread = deque(self._open)
        self._readers: list[ReaderState] = []
        self._taggers: list[TaggerState] = []
        self._loading_deaths = 0
        self._mergeable: list[WrittenPart] = []
        self._merging = False
        for state in self.states.values():
            if state.end is not None:
                progress.ends(state.file, state.end)
        for written in done.parts:
            if written.part.file in self.states:
                self._take(written)
            elif done.is_whole(written.part.file):  # of a file that this run does not name
                self._mergeable.append(written)

    def run(self) -> None:
        """Tag all files.

        Raises:
            InputError: if the model cannot be used, or the output cannot be written.
        """
        while True:
            self._read_on()
            self._start_taggers()
            self._tag_on()
            self._merge_on()
            if self._is_over():
                return
            assert self._calls  # whatever is left to do, somebody does
            finished, _ = ray.wait(list(self._calls), timeout=WAIT_SECONDS)
            if len(self._calls) > 1 and finished:
                finished, _ = ray.wait(list(self._calls), num_returns=len(self._calls), timeout=0)
            for reference in finished:
                self._calls.pop(reference)(reference)
            ready = sum(tagger.is_ready for tagger in self._taggers)
            self._progress.update(ready, is_working=any(tagger.calls for tagger in self._taggers))

    def _is_over(self) -> bool:
        """Return if nothing is left to do; actors that the cluster has no room for may still wait for it."""
        is_busy = self._queue or self._mergeable or self._merging or any(tagger.calls for tagger in self._taggers)
        return not is_busy and self._is_tagged()

    def _is_tagged(self) -> bool:
        self._open = [state for state in self._open if not state.is_finished]
        return not self._open

    def _read_on(self) -> None:
        most = self._crew.most_taggers()
        wanted = (BLOCKS_AT_ONCE + BLOCKS_WAITING) * most
        coming = sum(tagger.calls for tagger in self._taggers) + len(self._queue)
        coming += sum(reader.is_busy for reader in self._readers)
        for reader in self._readers:
            if coming >= wanted:
                return
            if not reader.is_busy and self._read_next(reader):
                coming += 1
        while coming < wanted and len(self._readers) < ceil(most / TAGGERS_PER_READER) and self._next_file():
            reader = ReaderState(self._crew.start_reader())
            self._readers.append(reader)
            self._read_next(reader)
            coming += 1

    def _next_file(self) -> FileState | None:
        while self._unread and not self._unread[0].has_gaps:
            self._unread.popleft()
        return self._unread[0] if self._unread else None

    def _read_next(self, reader: ReaderState) -> bool:
        """Ask a reader for a block, of the next file if it has none, and return if there is any to ask for."""
        state = reader.state
        if state is None:
            state = reader.state = self._next_file()
            if state is None:
                return False
            state.is_being_read = True
            reader.handle.open.remote(state.file, Ranges([*state.done, *state.flying]))
        header, block = reader.handle.next.options(num_returns=2).remote()
        reader.is_busy = True
        self._calls[header] = partial(self._has_read, reader, state, block)
        return True

    def _has_read(self, reader: ReaderState, state: FileState, block: Reference, reference: Reference) -> None:
        reader.is_busy = False
        try:
            header = cast(Header, ray.get(reference))
        except RayTaskError as error:
            header = Header(broken=one_line(error.cause))
        except RayError:
            self._readers.remove(reader)
            state.deaths += 1
            if state.deaths < MOST_READER_DEATHS:
                self._leave(state)
                return
            header = Header(broken=f"the process that reads it ended {MOST_READER_DEATHS} times")
        if header.part is None:
            reader.state = None
            if header.broken:
                reason = header.broken.removeprefix(f"{state.file.location}: ")
                state.broken = f"broken after {header.documents} documents: {reason}"
                self._progress.warn(f"{state.file.location}: {state.broken}")
            else:
                self._end(state, header.documents)
            self._leave(state)
            return
        state.flying.add(header.part.start, header.part.stop)
        if header.part.is_last:
            self._end(state, header.part.stop)
            if state.broken:
                state.flying.remove(header.part.start, header.part.stop)
                return
        self._queue.append(Task(state, header.part, block))

    def _leave(self, state: FileState) -> None:
        """Note that nobody reads a file; what is missing of it is read again."""
        state.is_being_read = False
        if state.has_gaps:
            self._unread.append(state)

    def _end(self, state: FileState, documents: int) -> None:
        """Note how many documents a file has: its parts can go into files."""
        if state.broken:
            return
        if documents < max((stop for _, stop in state.done), default=0):
            state.broken = "has changed since it was tagged; give the new one another name, and delete the folder parts"
            self._progress.warn(f"{state.file.location}: {state.broken}")
            return
        if state.end is None:
            self._progress.ends(state.file, documents)
        state.end = documents
        self._mergeable += state.parts
        state.parts = []

    def _start_taggers(self) -> None:
        work = len(self._queue) + sum(tagger.calls for tagger in self._taggers)
        for _ in range(min(self._crew.most_taggers(), work) - len(self._taggers)):
            tagger = TaggerState(self._crew.start_tagger())
            self._taggers.append(tagger)
            self._calls[tagger.handle.load.remote()] = partial(self._has_loaded, tagger)

    def _has_loaded(self, tagger: TaggerState, reference: Reference) -> None:
        try:
            self._progress.ready(cast(str, ray.get(reference)))
        except RayTaskError as error:
            raise InputError(one_line(error.cause)) from None
        except RayError as error:
            self._drop(tagger)
            self._loading_deaths += 1
            if self._loading_deaths >= MOST_LOADING_DEATHS:
                fix = "look for what ends it, such as too little memory"
                raise InputError(
                    f"the process that loads the model ended {MOST_LOADING_DEATHS} times; {fix}"
                ) from error
            return
        tagger.is_ready = True
        self._loading_deaths = 0

    def _drop(self, tagger: TaggerState) -> None:
        if tagger in self._taggers:
            self._taggers.remove(tagger)
            self._progress.warn("a tagger has ended; its documents are tagged again")
            with suppress(RayError):
                ray.kill(tagger.handle)

    def _tag_on(self) -> None:
        for calls in range(BLOCKS_AT_ONCE):
            for tagger in self._taggers:
                # A block whose tagger has died has one for itself, so that no other takes the blame.
                if not self._queue or (self._queue[0].deaths and calls):
                    return
                if tagger.is_ready and tagger.calls == calls and not tagger.is_reserved:
                    task = self._queue.popleft()
                    tagger.is_reserved = task.deaths > 0
                    prepare = None if task.deaths else self._crew.prepare
                    block = prepare(task.block) if prepare else task.block
                    tagger.calls += 1
                    self._calls[tagger.handle.tag.remote(block)] = partial(self._has_tagged, tagger, task)

    def _has_tagged(self, tagger: TaggerState, task: Task, reference: Reference) -> None:
        tagger.calls -= 1
        tagger.is_reserved = False
        state, part = task.state, task.part
        try:
            report = cast(Report, ray.get(reference))
        except RayError as error:
            cause = error.cause if isinstance(error, RayTaskError) else error
            if not isinstance(cause, RayError):
                raise InputError(one_line(cause)) from error
            if isinstance(error, RayActorError | OutOfMemoryError):
                self._drop(tagger)
            if isinstance(cause, DEATHS):
                self._again(task)
            else:
                self._lose(task)
        else:
            state.flying.remove(part.start, part.stop)
            state.done.add(part.start, part.stop)
            self._take(WrittenPart(part, report.size))
            self._progress.add(report)

    def _lose(self, task: Task) -> None:
        """Let a block that is lost be read again."""
        task.state.flying.remove(task.part.start, task.part.stop)
        if not task.state.is_being_read:
            self._leave(task.state)

    def _again(self, task: Task) -> None:
        """Let a block whose tagger died wait again, in halves if that came often: a document may be the reason."""
        task.deaths += 1
        if task.deaths < MOST_DEATHS:
            self._queue.appendleft(task)
            return
        try:
            block = cast(Block, ray.get(task.block, timeout=FETCH_SECONDS))
        except (RayError, GetTimeoutError):
            self._lose(task)
            return
        single = block.given_up(f"the process that tagged it ended {MOST_DEATHS} times")
        for part in block.halves() if len(block.part) > 1 else (single,):
            deaths = MOST_DEATHS - 1 if len(part.part) > 1 else 1
            self._queue.appendleft(Task(task.state, part.part, ray.put(part), deaths))

    def _take(self, written: WrittenPart) -> None:
        """Keep a part until it goes into a file, which takes only parts of files that were read to their ends."""
        state = self.states[written.part.file]
        (state.parts if state.end is None else self._mergeable).append(written)

    def _merge_on(self) -> None:
        is_end = not self._queue and not any(tagger.calls for tagger in self._taggers) and self._is_tagged()
        is_much = sum(part.size for part in self._mergeable) >= 2 * FILE_BYTES
        if self._merging or not self._mergeable or not (is_end or is_much):
            return
        self._mergeable.sort(key=self._place)
        chosen, size = [], 0
        while self._mergeable and (not is_much or size < FILE_BYTES):
            chosen.append(self._mergeable.pop(0))
            size += chosen[-1].size
        self._merging = True
        self._calls[self._crew.merge([written.part for written in chosen])] = partial(self._has_merged, chosen)

    def _place(self, written: WrittenPart) -> tuple[str, Part]:
        state = self.states.get(written.part.file)
        return ("" if state is None else state.file.location), written.part

    def _has_merged(self, parts: list[WrittenPart], reference: Reference) -> None:
        self._merging = False
        try:
            temporary = cast(str, ray.get(reference))
        except RayTaskError as error:
            raise InputError(one_line(error.cause)) from error
        except RayError:
            self._mergeable += parts
            return
        self._output.publish(temporary, [written.part for written in parts])
