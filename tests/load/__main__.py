"""Puts the service under load on this machine, and says what holds: ``python -m tests.load --help``."""

import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from tests.load import parts

PARTS: dict[str, Callable[[parts.Setting], list[parts.Figure]]] = {
    "predict": parts.as_predict,
    "overload": parts.overload,
    "malformed": parts.malformed,
    "end": parts.end_under_load,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for, print it, and write it.

    Returns:
        0, or 1 if something does not hold.
    """
    chosen = _arguments(arguments)
    console, figures = Console(soft_wrap=True), []
    with TemporaryDirectory() as folder:
        setting = parts.setting(chosen.checkpoints, chosen.documents, chosen.seconds, chosen.requests, Path(folder))
        for name in chosen.parts:
            start = time.monotonic()
            found = PARTS[name](setting)
            figures += [{"part": name, **figure._asdict(), "holds": figure.holds} for figure in found]
            console.print(_table(f"{name} ({time.monotonic() - start:.0f} s)", found))
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return int(not all(figure["holds"] for figure in figures))


def _arguments(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="python -m tests.load", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--checkpoints", required=True, metavar="PATH", help="as for `serve`, with one model")
    parser.add_argument("--documents", type=Path, required=True, metavar="FILE", help="texts to tag, as JSON Lines")
    parser.add_argument("--seconds", type=int, default=60, help="of load (default: 60)")
    parser.add_argument("--requests", type=int, default=10_000, help="malformed ones, at least (default: 10000)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="only these")
    parser.add_argument("--output", type=Path, default=Path("build/load.json"), help="file for the figures")
    return parser.parse_args(arguments)


def _table(title: str, figures: Sequence[parts.Figure]) -> Table:
    table = Table("what", "figure", "bound", "", title=title)
    for figure in figures:
        table.add_row(
            figure.what, f"{figure.value:,.3f}".rstrip("0").rstrip("."), figure.bound, "" if figure.holds else "!"
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
