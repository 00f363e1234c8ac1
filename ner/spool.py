"""What is tagged goes to a file at once, document by document, so that a killed run can go on."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from ner.corpora.json_lines import document_of, line_of
from ner.documents import Document
from ner.errors import InputError

Settings = Mapping[str, object]


class Spool:
    """The documents that one process has tagged, in their order, as JSON Lines behind a line on how they were tagged.

    Args:
        path: The file. What a killed run left there is taken over, but for a last line that it did not finish.

    Attributes:
        done: Documents that are in the file.

    Raises:
        InputError: if another process is writing the file, or what is there is something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings: Settings | None = None
        self.done = 0
        self._file: BinaryIO | None = None
        # The system frees it when the process ends, however it ends.
        self._lock = FileLock(path.with_name(f"{path.name}.lock"))
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise InputError(
                f"{path}: another process is writing it; wait for that, or write to another path"
            ) from None
        try:
            with suppress(FileNotFoundError):
                self._take_over()
        except InputError:
            self.close()
            raise

    def _take_over(self) -> None:
        """Count what is there, and cut off what is not whole."""
        end = 0
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    record = json.loads(line)
                    if end:
                        document_of(record)
                        self.done += 1
                    else:
                        self.settings = record["settings"]
                except (ValueError, KeyError, TypeError):
                    raise InputError(f"{self.path}: not what a run that was cut off leaves; remove it") from None
                end += len(line)
        if end < self.path.stat().st_size:
            with self.path.open("r+b") as file:
                file.truncate(end)

    def open(self, settings: Settings) -> None:
        """Begin to write, or go on.

        Raises:
            InputError: if what is there was written with other settings.
        """
        if self.settings is not None and self.settings != settings:
            keys = settings.keys() | self.settings.keys()
            differing = sorted(key for key in keys if settings.get(key) != self.settings.get(key))
            mend = "remove it to start anew, or write to another path"
            raise InputError(f"{self.path}: was begun with another {', '.join(differing)}; {mend}")
        # Unbuffered: what is written survives this process.
        self._file = self.path.open("ab", buffering=0)
        if self.settings is None:
            self._write(json.dumps({"settings": settings}).encode() + b"\n")

    def write(self, documents: Sequence[Document]) -> None:
        """Add documents; all of them or, if the process is killed in the middle, the first of them.

        Raises:
            InputError: if they cannot be written, such as to a full disk.
        """
        self._write("".join(map(line_of, documents)).encode())
        self.done += len(documents)

    def close(self) -> None:
        """End writing."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._lock.is_locked:
            # Still locked, lest somebody locks it and loses it. Windows removes no file that is open.
            with suppress(OSError):
                Path(self._lock.lock_file).unlink()
            self._lock.release()

    def _write(self, content: bytes) -> None:
        assert self._file is not None
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror}") from error


def documents_in(paths: Sequence[Path]) -> Iterator[Document]:
    """The documents of the spools of all processes, which took turns, in the order of the input."""
    files = [path.open("rb") for path in paths]
    try:
        for file in files:
            file.readline()
        while True:
            for file in files:
                line = file.readline()
                if not line:
                    return
                yield document_of(json.loads(line))
    finally:
        for file in files:
            file.close()
