"""The results of an evaluation as a console shows them."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from ner.metrics.annotation import Annotation
from ner.metrics.bootstrap import compare
from ner.metrics.calibration import calibrate
from ner.metrics.error_analysis import find_errors
from ner.metrics.official import Mention, score
from ner.metrics.semeval import count_outcomes
from ner.reports.console import LONGEST, print_results
from ner.reports.evaluation import Coverage, Results

TEXT = f"{'mice and ' * 20}[b]{' or rats' * 20}"
LONG = Mention(0, 180, "title", TEXT[:180], "animal")
SHORT = Mention(180, 183, "title", "[b]", "food")
GOLD = {"1": [LONG, SHORT]}
FOUND = {"1": [Mention(0, 4, "title", "mice", "animal")]}


def annotation(name: str) -> Annotation:
    return Annotation(Path(name), {}, {}, {})


def shown(**parts: object) -> str:
    console = Console(file=io.StringIO(), width=80)
    legal = ("animal", "food")
    scores = (score(GOLD, FOUND, "final", legal), Coverage(1), count_outcomes(GOLD, FOUND))
    print_results(console, Results(annotation("a.json"), "final", *scores, **parts))  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


TITLES = (
    "official GutBrainIE score (editions 2025 and 2026)",
    "A against B",
    "gold entities by outcome",
    "scores of entities",
)


@pytest.mark.parametrize("part", range(4))
def test_only_what_was_wanted_is_shown_after_the_score(part: int) -> None:
    wanted: list[dict[str, object]] = [
        {},
        {"comparison": compare(GOLD, FOUND, GOLD, "final", 5, 1), "against": annotation("b.json")},
        {"errors": find_errors(GOLD, FOUND, "final", {}, 1)},
        {"calibration": calibrate(GOLD, FOUND, {"1": [0.75]}, "final")},
    ]
    text = shown(**wanted[part])
    assert [place for place, title in enumerate(TITLES) if title in text] == sorted({0, part})


def test_examples_keep_one_line_shorten_mentions_and_take_no_text_for_markup() -> None:
    lines = shown(errors=find_errors(GOLD, FOUND, "final", {"1": {"title": TEXT}}, 1)).splitlines()
    [short] = [line for line in lines if line.startswith("  missed, PMID 1, title: ")]
    assert "[[b]]" in short
    assert short.count("…") == 2
    [long] = [line for line in lines if line.startswith("  too short, PMID 1, title: [")]
    half = LONGEST // 2
    assert f"[{TEXT[:half]}…{TEXT[180 - half : 180]}]" in long
    assert long.endswith(", predicted 'mice'")
