"""The documentation says what was measured: its figures are those of the files that the benchmark has written."""

import json
from pathlib import Path

import pytest

from tests.benchmarks import figures
from tests.benchmarks.figures import BLOCK, BLOCKS, PAGES, REPOSITORY, kept, rewritten


@pytest.mark.parametrize("name", PAGES)
def test_pages_hold_the_figures_that_are_kept(name: str) -> None:
    page = (REPOSITORY / name).read_text(encoding="utf-8")
    assert BLOCK.search(page), f"{name} has no block of figures"
    assert rewritten(page, kept()) == page, "run `python -m tests.benchmarks.figures build/benchmarks`"


def test_another_figure_changes_the_page() -> None:
    other = {number: {**bar, "value": 123.4} for number, bar in kept().items()}
    page = (REPOSITORY / "docs" / "results.md").read_text(encoding="utf-8")
    assert rewritten(page, other) != page
    assert "123" in rewritten(page, other)


def test_bars_that_were_not_measured_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "KEPT", tmp_path / "kept")
    for round_, measured in enumerate([{"10": 1, "8a": 2}, {"10": 3, "9": 4}]):
        (tmp_path / "bars.json").write_text(
            json.dumps(
                {
                    "machine": {"round": round_},
                    "figures": [{"number": number, "value": value} for number, value in measured.items()],
                }
            )
        )
        figures.keep(tmp_path / "bars.json")
    found = json.loads((tmp_path / "kept" / "bars.json").read_text())
    assert [(bar["number"], bar["value"]) for bar in found["figures"]] == [("8a", 2), ("9", 4), ("10", 3)]
    assert found["machine"] == {"round": 1}


def test_every_block_is_somewhere() -> None:
    used = {found[1] for name in PAGES for found in BLOCK.finditer((REPOSITORY / name).read_text(encoding="utf-8"))}
    assert used == set(BLOCKS)
