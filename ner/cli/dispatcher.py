"""The dispatcher of the verbs: each is a module of ``ner.cli.verbs``, imported only when it is called."""

import ast
import os
import select
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from ner import __version__
from ner.cli.interruption import Interruption
from ner.cli.parser import program
from ner.errors import InputError
from ner.inference.display import visible
from ner.io.files import NO_ROOM

VERBS = Path(__file__).with_name("verbs")
MISTAKE = 2
# The code of a program that SIGPIPE ends.
CLOSED_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb, and turn a user's mistake into one line and exit code 2, and SIGINT or SIGTERM into 130 or 143.

    Args:
        arguments: The verb and its arguments; by default those of the process.
    """
    if sys.stdout is None:  # as after `>&-`
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    verb, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if verb in ("", "-h", "--help"):
        sys.stdout.write(_help())
        return 0 if verb else MISTAKE
    if verb == "--version":
        sys.stdout.write(f"ner {__version__}\n")
        return 0
    if verb not in verbs():
        return _fail(f"unknown verb {verb!r}; one of: {', '.join(verbs())}")
    # Torch's threads, once they have no work, would otherwise keep their cores busy for a while. Beside other processes
    # they then hold up the very thread that they wait for. OpenMP reads this when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return _run(verb, rest)


def _run(verb: str, arguments: Sequence[str]) -> int:
    try:
        with Interruption() as interruption:
            module = import_module(f"ner.cli.verbs.{verb.replace('-', '_')}")
            interruption.hint = getattr(module, "RESUME", "")
            code = int(module.main(arguments))
            sys.stdout.flush()
            return code
    except InputError as error:
        return _fail(str(error))
    except BrokenPipeError:
        if not _is_closed(sys.stdout.fileno()):
            raise
        _leave_output()  # whoever read it has enough, such as `head`
        return CLOSED_PIPE
    except OSError as error:
        if error.errno not in NO_ROOM or error.filename is not None:
            raise
        _leave_output()
        return _fail(f"the output cannot be written ({error.strerror}); free the disk, and start again")
    return interruption.exit_code


def _leave_output() -> None:
    """Let what is left of the output go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_closed(pipe: int) -> bool:
    """Return if nobody reads a pipe any more."""
    watched = select.poll()
    watched.register(pipe, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in watched.poll(0))


def verbs() -> dict[str, Path]:
    """Return the modules of the verbs, by name."""
    return {path.stem.replace("_", "-"): path for path in sorted(VERBS.glob("[!_]*.py"))}


def _help() -> str:
    lines = [f"  {verb:<14}{first_line(path)}" for verb, path in verbs().items()]
    return "\n".join([f"usage: {program()} VERB [arguments]; VERB --help lists its arguments", "", *lines, ""])


def first_line(path: Path) -> str:
    """Return the first line of a module's docstring, without importing the module."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].rstrip(".")


def _fail(message: str) -> int:
    # What a stranger's file says may hold the control characters of a terminal.
    sys.stderr.write(f"error: {visible(message)}\n")
    return MISTAKE
