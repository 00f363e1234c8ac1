"""Writes measured figures into the documentation: ``python -m tests.benchmarks.figures build/benchmarks``.

`docs/figures/` keeps what `python -m tests.benchmarks` and `--peers` have written. Between the lines
``<!-- figures: NAME -->`` and ``<!-- end of figures -->`` a page holds what is made of it, and nothing else.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import place

REPOSITORY = Path(__file__).parents[2]
KEPT = REPOSITORY / "docs" / "figures"
FILES = "bars.json", "peers.json"
PAGES = "README.md", "docs/performance.md", "docs/results.md"
BLOCK = re.compile(r"(?<=<!-- figures: )(\w+)( -->\n)(.*?)(?=<!-- end of figures -->)", re.DOTALL)

Bars = Mapping[str, Mapping[str, Any]]


def bars_table(bars: Bars) -> str:
    """All bars, as they were printed."""
    rows = (
        (
            number,
            bar["what"],
            bar["ours"],
            bar["theirs"],
            f"{bar['value']:.3g}",
            "" if bar["wall"] is None else f"{bar['wall']:.2f}",
            f"{'>=' if bar['is_least'] else '<='} {bar['bound']:g}",
            "yes" if bar["holds"] else "**no**",
        )
        for number, bar in bars.items()
    )
    return table(("bar", "what", "ours", "theirs", "ratio", "in wall time", "bar", "holds"), rows)


def tagging_table(bars: Bars) -> str:
    """What a reader of the performance page compares."""
    what = {
        "8a": "one model, beside transformers' pipeline, one text at a time",
        "8b": "one model, beside transformers' pipeline, batches of 8",
        "7": "an ensemble of 3, beside the winner's procedure",
    }
    what |= {
        number: f"one model, beside {bar['what'].partition('; ')[2]}"
        for number, bar in bars.items()
        if number.startswith("15")
    }
    rows = [
        (text, bars[number]["ours"], bars[number]["theirs"], f"{bars[number]['value']:.2f} times as fast")
        for number, text in what.items()
    ]
    ensemble = bars["10"]
    time = f"{ensemble['value']:.2f} times the time"
    rows.append(("an ensemble of 3, beside one model", ensemble["ours"], ensemble["theirs"], time))
    return table(("CPU time on one thread", "this project", "the other", ""), rows)


def training_sentence(bars: Bars) -> str:
    """What the steps of a training are beside the winner's."""
    step, crf, error = bars["6"], bars["1"], bars["2"]
    return (
        f"A step of training takes {1 / step['value']:.2f} of the time that it takes with all texts padded to 512\n"
        f"tokens and pytorch-crf ({step['ours']} against {step['theirs']} for 32 texts). The CRF's loss and gradient\n"
        f"alone are {crf['value']:.1f} times as fast as pytorch-crf's, with an error of {error['ours']} against\n"
        f"{error['theirs']} at 512 tokens.\n"
    )


def ensemble_sentence(bars: Bars) -> str:
    """The README's."""
    faster = f"{bars['7']['value']:.2f}"
    return (
        f"An ensemble of three tags texts {faster} times as fast as the winner's procedure "
        "([docs/performance.md](docs/performance.md)).\n"
    )


BLOCKS: dict[str, Callable[[Bars], str]] = {
    "bars": bars_table,
    "tagging": tagging_table,
    "training": training_sentence,
    "ensemble": ensemble_sentence,
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def kept() -> Bars:
    """The bars whose figures the documentation holds, by number."""
    found = (json.loads((KEPT / name).read_text(encoding="utf-8")) for name in FILES)
    return {bar["number"]: bar for one in found for bar in one["figures"]}


def rewritten(page: str, bars: Bars) -> str:
    """The text of a page with today's figures in its blocks."""
    return BLOCK.sub(lambda found: f"{found[1]}{found[2]}{BLOCKS[found[1]](bars)}", page)


def keep(measured: Path) -> None:
    """Take over the bars of a file; those that were not measured this time stay."""
    new = json.loads(measured.read_text(encoding="utf-8"))
    path = KEPT / measured.name
    old = json.loads(path.read_text(encoding="utf-8"))["figures"] if path.exists() else []
    bars = {bar["number"]: bar for bar in [*old, *new["figures"]]}
    figures = sorted(bars.values(), key=lambda bar: place(bar["number"]))
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"machine": new["machine"], "figures": figures}, indent=2) + "\n", encoding="utf-8")


def main(measured: Path) -> None:
    """Keep what was measured, and write it into the pages."""
    for name in FILES:
        if (measured / name).exists():
            keep(measured / name)
    bars = kept()
    for name in PAGES:
        path = REPOSITORY / name
        path.write_text(rewritten(path.read_text(encoding="utf-8"), bars), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
