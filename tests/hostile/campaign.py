"""Opens files of strangers by every way in, in one process under an audit hook and a bound of memory.

    python -m tests.hostile.campaign FOLDER TEXTS <cases >outcomes

A case is a line of JSON: its name, its path, and whether it has graphs. So is an outcome: the name, the way in, the
exit code, what was written to standard error, the seconds, and what was done that no file may cause.
"""

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from main import main
from ner.corpora import Sample
from ner.errors import InputError
from ner.inference.tagger import Tagger

SECONDS = 15
# Harmless cases that come first.
WARM_UP = 2
MEMORY = 2 * 2**30
PROCESSES = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "pty.spawn",
)
NAMED = ("evil", "antigravity")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """An audit hook that notes what no file may cause.

    Args:
        folder: The only folder in which files may be written; nothing in its ``canary`` may be opened.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.canary = str(folder / "canary")
        self.noted: list[str] | None = None
        sys.addaudithook(self.note)

    def note(self, event: str, arguments: tuple[object, ...]) -> None:
        """Note an event while something is watched."""
        if self.noted is not None and self._is_forbidden(event, arguments):
            self.noted.append(f"{event} {arguments!r:.200}")

    def _is_forbidden(self, event: str, arguments: tuple[object, ...]) -> bool:
        if event == "import":
            return str(arguments[0]).startswith(NAMED)
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path, flags = os.path.abspath(os.fsdecode(arguments[0])), arguments[2]  # noqa: PTH100 - no path is resolved
            is_written = isinstance(flags, int) and bool(flags & WRITING)
            return self._is_in(path, self.canary) or (is_written and not self._is_in(path, self.folder, "/dev/null"))
        if event == "os.mkdir":
            return not self._is_in(os.path.abspath(os.fsdecode(str(arguments[0]))), self.folder)  # noqa: PTH100
        return event.startswith("socket.") or event in PROCESSES

    def _is_in(self, path: str, *folders: str) -> bool:
        return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def ways(path: str, texts: str, output: str, has_graphs: bool) -> dict[str, Callable[[], int]]:
    """Return the ways in to a file."""
    tagged = [
        "--data.predict_path",
        texts,
        "--predictions.path",
        f"{output}.json",
        "--data.predict_format",
        "GutBrainIE",
    ]
    quiet = ["--trainer.enable_progress_bar", "false", "--trainer.accelerator", "cpu"]
    labelled = ["--input", texts, "--output", f"{output}.labelled.json"]
    # The sample's own test split is not annotated.
    annotated = ["--data.corpus", "FileCorpus", "--data.corpus.format", "GutBrainIE"]
    annotated += ["--data.corpus.labels", json.dumps(Sample.labels)]
    annotated += ["--data.corpus.test", str(Path(texts).with_name("dev.json"))]

    def load(backend: str) -> int:
        Tagger.load(path, backend=backend, device="cpu").tag("Mice ate kimchi.")
        return 0

    found: dict[str, Callable[[], int]] = {
        "predict": lambda: main(["predict", "--ckpt_path", path, *tagged, *quiet]),
        "validate": lambda: main(["validate", "--ckpt_path", path, *quiet]),
        "test": lambda: main(["test", "--ckpt_path", path, *annotated, *quiet]),
        "pseudo-label": lambda: main(["pseudo-label", "--checkpoints", path, *labelled, *quiet]),
        "export": lambda: main(["export", "--checkpoints", path, "--output", f"{output}.export"]),
        "Tagger.load": lambda: load("torch"),
    }
    return found | ({"onnx": lambda: load("onnx")} if has_graphs else {})


class _TooLongError(BaseException):
    pass


def _stop(number: int, frame: object) -> None:
    raise _TooLongError


def observe(call: Callable[[], int], watch: Watch, errors: Path, limit: int) -> dict[str, object]:
    """Return what a call does; one without a limit may take its time."""
    with errors.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 2)
    start, watch.noted = time.monotonic(), []
    signal.alarm(limit)
    try:
        code = call()
    except InputError as error:
        code = 2
        sys.stderr.write(f"error: {error}\n")
    except BaseException as error:  # noqa: BLE001 - what is looked for
        code = -1
        sys.stderr.write(f"{type(error).__name__}: {error!s:.500}\n")
    finally:
        signal.alarm(0)
        noted, watch.noted = watch.noted, None
    seconds = time.monotonic() - start
    return {"code": code, "errors": errors.read_text(encoding="utf-8"), "seconds": seconds, "noted": noted}


def run(folder: Path, texts: str) -> None:
    """Observe the cases on standard input, the first of which are harmless."""
    outcomes = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    signal.signal(signal.SIGALRM, _stop)
    watch = Watch(folder)
    for number, line in enumerate(sys.stdin):
        case = json.loads(line)
        is_first = number < WARM_UP
        if number == WARM_UP:
            # Beside what torch and the packages have taken for themselves.
            used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        output = str(folder / f"{os.getpid()}-{number}.out")
        for way, call in ways(case["path"], texts, output, case["has_graphs"]).items():
            outcome = observe(call, watch, folder / f"{os.getpid()}.err", 0 if is_first else SECONDS)
            if is_first:
                # Packages are imported now, and make their caches.
                outcome["noted"] = []
            outcomes.write(json.dumps({"name": case["name"], "way": way, **outcome}) + "\n")
            outcomes.flush()


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2])
