"""The report that most tests look at."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ner.cli.verbs.report import main
from ner.documents import Document, Passage, Span
from ner.formats import JsonLines
from tests.browser import Watched

if TYPE_CHECKING:
    from playwright import sync_api as playwright

TEXTS = {
    "one": "🐁 Butyrate lowers TNF in mice",
    "two": "gut microbiota of patients",
    "three": "TNF <script>alert(1)</script>",
}
GOLD = {
    "three": [("TNF", "gene")],
    "one": [("Butyrate", "chemical"), ("TNF", "gene"), ("mice", "animal")],
    "two": [("gut", "anatomical location"), ("gut microbiota", "microbiome")],
}
A = {
    "three": [("TNF", "gene", 0.7)],
    "one": [("Butyrate", "drug", 0.9), ("TNF", "gene", 0.8)],
    "two": [("gut microbiota", "microbiome", 0.95), ("microbiota of", "microbiome", 0.3)],
}
B = {**GOLD, "two": [("microbiota", "microbiome")]}


def write(path: Path, entities: dict[str, list[tuple[str, ...]]]) -> Path:
    documents = []
    for name, listed in entities.items():
        places = [(TEXTS[name].index(mention), mention, *rest) for mention, *rest in listed]
        spans = tuple(Span(start, start + len(mention), *rest) for start, mention, *rest in places)
        documents.append(Document(name, (Passage(TEXTS[name], spans=spans),)))
    JsonLines().write(documents, path)
    return path


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on A against B, in JSON Lines."""
    folder = tmp_path_factory.mktemp("report")
    files = [write(folder / f"{name}.jsonl", side) for name, side in (("gold", GOLD), ("a", A), ("b", B))]
    log = folder / "toy" / "seed=11" / "logs" / "version_0" / "metrics.csv"
    log.parent.mkdir(parents=True)
    log.write_text(
        "epoch,step,train/loss,val/micro_f1,lr-AdamW/crf\n0,9,2.5,,\n0,11,,0.25,\n,19,,,0.001\n1,23,1.5,0.5,\n"
    )
    options = ["--gold", "--predictions", "--against"]
    arguments = [text for option, file in zip(options, files, strict=True) for text in (option, str(file))]
    arguments += ["--format", "JsonLines", "--run", str(folder / "toy"), "--resamples", "200"]
    assert main([*arguments, "--output", str(folder / "report.html")]) == 0
    return folder / "report.html"


@pytest.fixture
def page(watched: Watched, report: Path) -> "playwright.Page":
    """The report, opened."""
    return watched.open(report)
