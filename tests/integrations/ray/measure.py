"""The cost of `bulk`: against `predict`, of one actor and two, with files of unequal size, and its driver's memory.

    python -m tests.integrations.ray.measure --checkpoint best.ckpt --folder /tmp/measured --documents 1000

Prints JSON. Start-up is not counted: of `predict`, whose time with a few documents is taken off, nor of `bulk`, whose
summary begins when its first actor is ready. `--memory 1000,100000` needs a toy; it measures nothing else.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path

import psutil

from tests.integrations.ray.documents import write_inputs
from tests.integrations.ray.runs import REPOSITORY

FEW = 20
EQUAL, SKEWED = 10, 11


def main() -> None:
    """Measure, and print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--memory", type=str, default="")
    chosen = parser.parse_args()
    shutil.rmtree(chosen.folder, ignore_errors=True)
    if chosen.memory:
        measured: dict[str, object] = {
            f"driver's memory, {count} documents, MB": _bulk(chosen.checkpoint, chosen.folder / count, [int(count)])[1]
            for count in chosen.memory.split(",")
        }
    else:
        measured = _costs(chosen.checkpoint, chosen.folder, chosen.documents)
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")


def _costs(checkpoint: Path, folder: Path, total: int) -> dict[str, object]:
    few, many = (_predict(checkpoint, folder / f"predict{count}", count) for count in (FEW, FEW + total))
    equal = [total // EQUAL] * EQUAL
    skewed = [total - total // 100 * (SKEWED - 1), *[total // 100] * (SKEWED - 1)]
    summaries = {
        "two actors": _bulk(checkpoint, folder / "two", equal)[0],
        "one actor": _bulk(checkpoint, folder / "one", equal, "--actors", "1")[0],
        "two actors, a file of 90 %": _bulk(checkpoint, folder / "skew", skewed)[0],
    }
    rates = {name: summary["documents_per_second"] for name, summary in summaries.items()}
    return {
        "documents": total,
        "predict, documents/s": round(total / (many - few), 2),
        **{f"{name}, documents/s": rate for name, rate in rates.items()},
        **{f"{name}, busy": summary["busy_share"] for name, summary in summaries.items()},
        "bulk over predict": round(rates["two actors"] * (many - few) / total, 3),
        "two actors over one": round(rates["two actors"] / rates["one actor"], 3),
        "start-up, s": summaries["two actors"]["start_seconds"],
    }


def _predict(checkpoint: Path, folder: Path, count: int) -> float:
    """Return the seconds of `predict` with all cores."""
    [path] = write_inputs(folder, [count])
    arguments = ["--ckpt_path", str(checkpoint), "--data.predict_path", str(path), "--data.predict_format", "JsonLines"]
    arguments += ["--predictions.path", str(folder / "out.jsonl"), "--predictions.scores", "true"]
    start = time.monotonic()
    _call(
        "predict", *arguments, "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"
    ).check_returncode()
    return time.monotonic() - start


def _bulk(checkpoint: Path, folder: Path, sizes: list[int], *further: str) -> tuple[dict[str, float], float]:
    """Return the summary of a run, and the most memory of its driver, in MB."""
    write_inputs(folder / "in", sizes)
    arguments = ["--checkpoints", str(checkpoint), "--input", str(folder / "in"), "--format", "JsonLines"]
    arguments += ["--output", str(folder / "out"), *further]
    outcome = _call("bulk", *arguments)
    outcome.check_returncode()
    return json.loads((folder / "out" / "summary.json").read_text()), outcome.memory


class _Ended(subprocess.CompletedProcess[str]):
    """A process that has ended, and the most memory that it took, in MB."""

    memory: float = 0.0


def _call(*arguments: str) -> _Ended:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "ner", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
    )
    most = 0
    while process.poll() is None:
        # Of the driver alone, which the others are no part of.
        with_shared = psutil.Process(process.pid).memory_full_info() if process.poll() is None else None
        most = max(most, with_shared.uss if with_shared else 0)
        time.sleep(0.2)
    text = process.communicate()[0]
    if process.returncode:
        sys.stderr.write(text)
    ended = _Ended(arguments, process.returncode, text)
    ended.memory = round(most / 1e6, 1)
    return ended


if __name__ == "__main__":
    main()
