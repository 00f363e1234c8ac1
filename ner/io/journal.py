"""Journals: files in which a run keeps its results as they come, so that it can be resumed after an interruption."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO, Self

from ner.errors import InputError
from ner.io.lock import OutputLock

Settings = Mapping[str, object]
HEADER = b'{"settings": '
# Raised where a line is not JSON, or not the JSON of a record.
DAMAGED = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)


class Journal:
    """An append-only file of JSON Lines: the settings of a run, then its records.

    A run that is started again takes over the records of the interrupted one, and discards a last line that was not
    finished. One process at a time may hold a journal.

    Args:
        path: The file, in a folder that exists.
        take: Called with each record in the file; it raises a ``ValueError``, ``TypeError`` or ``LookupError`` if the
            record is not one of its own.
        is_synced: Wait at each write until the disk has it, so that it survives a crash of the machine too.

    Attributes:
        settings: The settings in the file; ``None`` where it has none yet.

    Raises:
        InputError: if another process holds the journal, or the file is not a journal or is damaged.
    """

    def __init__(self, path: Path, take: Callable[[object], None], is_synced: bool = False) -> None:
        self.path = path
        self.is_synced = is_synced
        self.settings: Settings | None = None
        self._end = 0
        self._file: BinaryIO | None = None
        self._lock = OutputLock(path)
        self._lock.acquire()
        try:
            self._take_over(take)
        except FileNotFoundError:
            pass
        except OSError as error:
            self.close()
            raise InputError(f"{path}: cannot be read ({error.strerror}); choose another path") from None
        except InputError:
            self.close()
            raise

    def open(self, settings: Settings) -> None:
        """Start or resume writing.

        Raises:
            InputError: if the file was started with other settings, or cannot be written.
        """
        if self.settings is not None and self.settings != settings:
            differing = ", ".join(_differing(settings, self.settings))
            raise InputError(
                f"{self.path}: was started with another {differing}; delete it to start over, or choose another path"
            )
        try:
            # Unbuffered, so that records survive the process.
            self._file = self.path.open("ab", buffering=0)
            self._file.truncate(self._end)
        except OSError as error:
            raise self._unwritable(error) from None
        if self.settings is None:
            self.write([{"settings": settings}])

    def write(self, records: Iterable[object]) -> None:
        """Append records; if the process is killed meanwhile, the first of them are kept.

        Raises:
            InputError: if they cannot be written, such as to a full disk, or the file is no longer there.
        """
        assert self._file is not None  # open() comes first
        self.check_there()
        rest = memoryview(b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records))
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
            if self.is_synced:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise self._unwritable(error) from None

    def check_there(self) -> None:
        """Notice that the file was deleted or moved, after which the system goes on to write what nobody can read.

        Raises:
            InputError: if it is so.
        """
        assert self._file is not None  # open() comes first
        try:
            is_there = os.path.samestat(os.fstat(self._file.fileno()), self.path.stat())
        except OSError:
            is_there = False
        if not is_there:
            raise InputError(f"{self.path}: was deleted while it was written; run the same command again to start over")

    def remove(self) -> None:
        """Delete the file, and only then let other processes hold the journal."""
        self._close_file()
        self.path.unlink(missing_ok=True)
        self._lock.release()

    def close(self) -> None:
        """Stop writing, and let other processes hold the journal."""
        self._close_file()
        self._lock.release()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _take_over(self, take: Callable[[object], None]) -> None:
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n") and (number > 1 or HEADER.startswith(line[: len(HEADER)])):
                    return
                try:
                    if number == 1:
                        self.settings = dict(json.loads(line)["settings"])
                    else:
                        take(json.loads(line))
                except DAMAGED:
                    what = f"line {number} is damaged" if number > 1 else "not the journal of an interrupted run"
                    raise InputError(f"{self.path}: {what}; delete it to start over, or choose another path") from None
                self._end += len(line)

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(f"{self.path}: cannot be written ({error.strerror}); free the disk, or choose another path")


def _differing(settings: Settings, others: Settings) -> list[str]:
    return sorted(key for key in settings.keys() | others.keys() if settings.get(key) != others.get(key))
