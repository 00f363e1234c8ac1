"""What a user waits for before any work is done, beside the import of the libraries alone: bar 18."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from ner.formats.jsonl import JsonLines
from tests.benchmarks.growth import QUIET, REPOSITORY, train_toy
from tests.benchmarks.measuring import Bar, Seconds, at_most, interleaved
from tests.benchmarks.texts import Setting

DOCUMENTS = 12
MAIN = str(REPOSITORY / "main.py")


def bars(setting: Setting) -> Iterator[Bar]:
    """The import of the API, and `predict` of one small file with the toy encoder."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        train_toy(folder)
        JsonLines().write(islice(setting.data.documents("dev"), DOCUMENTS), folder / "in.jsonl")
        given = ("--data.predict_path", "in.jsonl", "--data.predict_format", "JsonLines")
        variants: dict[str, Callable[[], Seconds]] = {
            "api": partial(run, folder, "-c", "from ner import Tagger"),
            "two": partial(run, folder, "-c", "import torch, transformers"),
            "predict": partial(run, folder, MAIN, "predict", *given, "--predictions.path", "out.jsonl", *QUIET),
            "three": partial(run, folder, "-c", "import torch, transformers, lightning"),
        }
        times = interleaved(variants)
    yield at_most("18a", "from ner import Tagger; import torch, transformers", times["api"], times["two"], 0.5)
    what = f"predict of {DOCUMENTS} documents, toy encoder; import torch, transformers, lightning"
    yield at_most("18b", what, times["predict"], times["three"], 1.25)


def run(folder: Path, *arguments: str) -> Seconds:
    """The time of a process of its own."""
    before, wall = os.times(), time.perf_counter()
    environ = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environ, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Seconds(cpu, time.perf_counter() - wall)
