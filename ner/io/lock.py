"""Locks: one process at a time writes an output."""

from contextlib import suppress
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from ner.errors import InputError


class OutputLock:
    """The right to write a file or folder, held as a file beside it that ends in ``.lock``.

    The system releases it when the process ends, however it ends; the file may stay then. Folders that were made for it
    are removed if they are empty at the end.

    Args:
        output: What is written.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self._lock = FileLock(output.with_name(f"{output.name}.lock"))
        self._made: list[Path] = []

    def acquire(self) -> None:
        """Take the lock, without waiting for it.

        Raises:
            InputError: if another process holds it, or its file cannot be written.
        """
        self._made = [folder for folder in self.output.absolute().parents if not folder.exists()]
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise InputError(
                f"{self.output}: another process is writing it; wait until it has finished, or choose another path"
            ) from None
        except OSError as error:
            raise InputError(f"{self.output}: cannot be written ({error.strerror}); choose another path") from None

    def release(self) -> None:
        """Let other processes have it; nothing happens if this one does not hold it."""
        if self._lock.is_locked:
            # Deleted before the release, after which it may be another process's. Windows deletes no open file.
            with suppress(OSError):
                Path(self._lock.lock_file).unlink()
            self._lock.release()
            with suppress(OSError):
                for folder in self._made:
                    folder.rmdir()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()
