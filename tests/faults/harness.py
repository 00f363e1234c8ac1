"""Commands that are ended by signals at random moments, and what they leave when they are run again.

A command runs in a process of its own, as on the command line; it is forked from one that has imported the libraries,
so that the moments fall into its work and not into imports.
"""

import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from random import Random

import torch

from ner.cli.dispatcher import main

LIBRARIES = ["lightning.pytorch.cli", "transformers", "torchmetrics", "jsonargparse", "rich.progress", "Bio.Entrez"]
# The signals that a process gets, and the exit code that is promised.
SIGNALS = {
    "SIGKILL": ((signal.SIGKILL,), -signal.SIGKILL),
    "SIGTERM": ((signal.SIGTERM,), 143),
    "SIGINT twice": ((signal.SIGINT, signal.SIGINT), 130),
}
BETWEEN_SECONDS = 0.05
LIMIT_SECONDS = 300
HALVINGS = 10
ERRORS = Path("errors.txt")
Contents = dict[str, str]


@dataclass(frozen=True)
class Command:
    """A command that is interrupted.

    Args:
        arguments: The verb and its arguments.
        output: The file or folder that it writes.
        resuming: Further arguments for a run that finds ``last.ckpt``.
        replaces: A second run replaces the output; otherwise it refuses to.
    """

    arguments: tuple[str, ...]
    output: str
    resuming: tuple[str, ...] = ()
    replaces: bool = True


@dataclass(frozen=True)
class Undisturbed:
    """A command, its inputs, and what an undisturbed run of it leaves beside them, after how many seconds."""

    command: Command
    inputs: Path
    contents: Contents
    seconds: float


def run_undisturbed(command: Command, inputs: Path, folder: Path) -> Undisturbed:
    """Run a command on a copy of its inputs."""
    shutil.copytree(inputs, folder)
    code, seconds = _live(folder, command.arguments)
    assert code == 0, _errors(folder)
    return Undisturbed(command, inputs, contents(folder), seconds)


def faults(undisturbed: Undisturbed, kind: str, tries: int, folder: Path) -> list[str]:
    """Interrupt a command at random moments, run it again after each, and return what was not as promised."""
    random = Random(f"{undisturbed.command.arguments[0]} {kind}")
    moments = [random.uniform(0, undisturbed.seconds) for _ in range(tries)]
    return [problem for moment in moments for problem in interrupt(undisturbed, kind, moment, folder)]


def interrupt(undisturbed: Undisturbed, kind: str, moment: float, folder: Path) -> list[str]:
    """Send signals to a run after some seconds, run it again, and return what was not as promised.

    A run that ends before its signal shows nothing: another one gets it after half the time.
    """
    command = undisturbed.command
    signals, promised = SIGNALS[kind]
    for halvings in range(HALVINGS):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(undisturbed.inputs, folder)
        code, _ = _live(folder, command.arguments, signals, moment / 2**halvings)
        if code:
            break
    problems = [] if code == promised else [f"exit code {code}"]
    *_, last = ["", *_errors(folder).splitlines()]
    if kind != "SIGKILL" and ("Traceback" in _errors(folder) or not last.startswith("interrupted")):
        problems.append(f"ends with {_errors(folder)[-500:]!r}")
    if command.replaces or not (folder / command.output).exists():
        resuming = command.resuming if any(folder.rglob("last.ckpt")) else ()
        code, _ = _live(folder, [*command.arguments, *resuming])
        if code:
            problems.append(f"again: exit code {code}, {_errors(folder)[-500:]!r}")
    problems += _differences(undisturbed.contents, contents(folder), is_killed=kind == "SIGKILL")
    return [f"{kind} after {moment:.3f} s: {problem}" for problem in problems]


def contents(folder: Path) -> Contents:
    """Return digests of the files in a folder, by path; a training's logs are left out."""
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {str(name): _digest(path) for name, path in files.items() if name != ERRORS and "logs" not in name.parts}


def _errors(folder: Path) -> str:
    return (folder / ERRORS).read_text(encoding="utf-8")


def _differences(expected: Mapping[str, str], found: Mapping[str, str], is_killed: bool) -> list[str]:
    # A killed process cannot remove what it was writing under a hidden name.
    names = [name for name in found if not (is_killed and _is_hidden(name))]
    return [
        f"{name}: {'missing' if name not in found else 'left over' if name not in expected else 'differs'}"
        for name in sorted(expected.keys() | set(names))
        if expected.get(name) != found.get(name)
    ]


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") and part.endswith(".tmp") for part in Path(name).parts)


def _digest(path: Path) -> str:
    """Return a digest of what a file means to a user; a checkpoint and a configuration also say how they came about."""
    content = path.read_bytes()
    if path.suffix == ".ckpt":
        saved = torch.load(path, weights_only=True)
        state = sorted((name, tensor.numpy().tobytes()) for name, tensor in saved["state_dict"].items())
        content = repr((saved["epoch"], saved["global_step"], state)).encode()
    elif path.name == "config.yaml":
        content = b"\n".join(line for line in content.splitlines() if not line.startswith(b"ckpt_path:"))
    return blake2b(content).hexdigest()


def _live(folder: Path, arguments: Sequence[str], signals: Sequence[int] = (), moment: float = 0) -> tuple[int, float]:
    """Run a command, with signals after some seconds; return its exit code, as of ``subprocess``, and its seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    process = context.Process(target=_run, args=(str(folder), list(arguments)))
    process.start()  # which waits for the libraries
    start = time.monotonic()
    assert process.pid is not None
    if signals:
        while process.is_alive() and not _catches(process.pid, signal.SIGTERM):
            time.sleep(0.001)
        process.join(moment)
        for number in signals:
            if process.is_alive():
                os.kill(process.pid, number)
                process.join(BETWEEN_SECONDS)
    process.join(LIMIT_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode, time.monotonic() - start


def _catches(pid: int, number: int) -> bool:
    """Return whether a process has a handler for a signal: the command line has one from its first line on."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return False
    [mask] = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")] or ["0"]
    return bool(int(mask, 16) & 1 << number - 1)


def _run(folder: str, arguments: list[str]) -> None:
    os.chdir(folder)
    for descriptor, name in ((1, os.devnull), (2, str(ERRORS))):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.argv = ["ner", *arguments]
    sys.exit(main(arguments))
