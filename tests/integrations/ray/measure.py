"""The cost of `bulk`: against `predict`, of one actor and two, and with files of unequal size.

    python -m tests.integrations.ray.measure --checkpoint best.ckpt --folder /tmp/measured --documents 1000

Prints JSON. Start-up is not counted: what a run with a few documents takes is taken off. CPU seconds are those of all
processes of a command; unlike documents/s they say something on a machine that does other things too.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.integrations.ray.documents import write_inputs
from tests.integrations.ray.runs import REPOSITORY

BLOCK = 100
# A block for each actor, so that all of them start.
FEW = [BLOCK] * 2
SMALL_FILES = 10
# Looking through all processes takes time from those that are measured.
SAMPLE_SECONDS = 2.0


@dataclass
class Cost:
    """The seconds of a command, and the CPU seconds of its processes."""

    seconds: float
    cpu: float
    summary: dict[str, float]


def main() -> None:
    """Measure, and print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--only", type=str, default="predict,one,two,skew")
    chosen = parser.parse_args()
    shutil.rmtree(chosen.folder, ignore_errors=True)
    total = chosen.documents
    equal = [BLOCK] * (total // BLOCK)
    skewed = [total - total // 100 * SMALL_FILES, *[total // 100] * SMALL_FILES]
    measured: dict[str, dict[str, float]] = {}
    for name in chosen.only.split(","):
        few, many = (
            _predict(chosen.checkpoint, chosen.folder / f"{name}{sum(sizes)}", sum(sizes))
            if name == "predict"
            else _bulk(chosen.checkpoint, chosen.folder / f"{name}{sum(sizes)}", sizes, 1 if name == "one" else 2)
            for sizes in (FEW, skewed if name == "skew" else equal)
        )
        measured[name] = {
            "documents/s": round((total - sum(FEW)) / (many.seconds - few.seconds), 3),
            "CPU seconds/document": round((many.cpu - few.cpu) / (total - sum(FEW)), 4),
            **many.summary,
        }
        sys.stderr.write(f"{name}: {measured[name]}\n")
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")


def _predict(checkpoint: Path, folder: Path, count: int) -> Cost:
    [path] = write_inputs(folder, [count])
    arguments = ["--ckpt_path", str(checkpoint), "--data.predict_path", str(path), "--data.predict_format", "JsonLines"]
    arguments += ["--predictions.path", str(folder / "out.jsonl"), "--predictions.scores", "true"]
    return _cost("predict", *arguments, "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false")


def _bulk(checkpoint: Path, folder: Path, sizes: list[int], actors: int) -> Cost:
    write_inputs(folder / "in", sizes)
    arguments = ["--checkpoints", str(checkpoint), "--input", str(folder / "in"), "--format", "JsonLines"]
    cost = _cost("bulk", *arguments, "--output", str(folder / "out"), "--actors", str(actors))
    summary = json.loads((folder / "out" / "summary.json").read_text())
    cost.summary = {key: summary[key] for key in ("busy_share", "start_seconds", "documents_per_second")}
    return cost


def _cost(*arguments: str) -> Cost:
    # As many threads as there are cores.
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    start = time.monotonic()
    process = psutil.Popen(
        [sys.executable, "-P", "-m", "ner", *arguments],
        stdout=subprocess.DEVNULL,
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
    )
    seconds: dict[int, float] = {}
    while process.poll() is None:
        with suppress(psutil.Error):
            for part in [process, *process.children(recursive=True)]:
                with suppress(psutil.Error):
                    times = part.cpu_times()
                    seconds[part.pid] = times.user + times.system
        time.sleep(SAMPLE_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return Cost(time.monotonic() - start, sum(seconds.values()), {})


if __name__ == "__main__":
    main()
