"""SIGINT and SIGTERM as an exception, so that a verb closes its files before it ends."""

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """A block that the first SIGINT or SIGTERM ends with one line, whatever the interrupted code makes of it.

    The second signal is ignored, because it may be a copy of the first, and files are being closed. The third one ends
    the process at once. A signal that the parent process ignores, as nohup does, stays ignored.

    Attributes:
        hint: How to resume, for the line.
        exit_code: The shell's code for the signal: 130 or 143.
    """

    def __init__(self) -> None:
        self.hint = ""
        self.exit_code = 128 + signal.SIGINT
        self._count = 0
        self._before = {
            number: signal.getsignal(number)
            for number in SIGNALS
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
            and threading.current_thread() is threading.main_thread()
        }

    def __enter__(self) -> Self:
        for number in self._before:
            signal.signal(number, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        # Lightning turns the exception into an exit, and an import that is interrupted in C into an ImportError.
        is_interrupted = exception is not None and (self._count > 0 or isinstance(exception, KeyboardInterrupt))
        if is_interrupted:
            sys.stderr.write(f"interrupted{'; ' * bool(self.hint)}{self.hint}\n")
        for number, handler in self._before.items():
            signal.signal(number, handler)
        return is_interrupted

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        if self._count == 1:
            self.exit_code = 128 + number
            raise KeyboardInterrupt
        for other in self._before:
            signal.signal(other, signal.SIG_DFL)
