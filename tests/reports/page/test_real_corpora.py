"""The report on real corpora and on the quickstart, in a browser."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ner.cli.verbs.report import main
from ner.corpora import GutBrainIE
from ner.documents import Document, Span
from ner.formats import JsonLines, PubTator
from tests.browser import Watched

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra `test`)")
expect = sync_api.expect


def disturbed(documents: Iterable[Document], labels: list[str], step: int) -> Iterator[Document]:
    """Documents with mistakes: of each `step` entities one is missing, one is too long, and one has another label."""

    def changed(number: int, span: Span, length: int) -> Iterator[Span]:
        label = labels[(labels.index(span.label) + (number % step == 2)) % len(labels)]
        end = min(span.end + (number % step == 1), length)
        if number % step:
            yield Span(span.start, end, label, (number % 100) / 100)

    for document in documents:
        passages = [
            replace(
                each,
                spans=tuple(new for at, span in enumerate(each.spans) for new in changed(at, span, len(each.text))),
            )
            for each in document.passages
        ]
        yield replace(document, passages=tuple(passages))


def check(watched: Watched, path: Path, documents: int) -> None:
    """Look at what a person would: the worst documents, an error by key, a cell of the matrix, B's own errors."""
    assert path.stat().st_size < 5e6
    page = watched.open(path)
    expect(page.locator("#count")).to_have_text(re.compile(f"^{documents} of {documents} documents, "))
    errors = page.locator("#count").inner_text()
    page.keyboard.press("n")
    expect(page.locator(".part.current").first).to_be_in_viewport()
    page.keyboard.press("n")
    expect(page.locator("#place")).to_have_text(re.compile("^2 of "))
    cell = page.locator(".matrix td:not(.same) button").first
    count = int(cell.inner_text())
    cell.click()
    expect(page.locator("#count")).to_have_text(re.compile(f"documents?, {count} errors?$"))
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#count")).to_have_text(errors)


def reported(folder: Path, gold: list[str], documents: list[Document], labels: list[str]) -> Path:
    """The report on two disturbed copies of a gold standard."""
    for name, step in (("a", 7), ("b", 11)):
        JsonLines().write(disturbed(documents, labels, step), folder / f"{name}.jsonl")
    files = [*gold, "--predictions", str(folder / "a.jsonl"), "--against", str(folder / "b.jsonl")]
    path = folder / "report.html"
    assert main([*files, "--predictions_format", "JsonLines", "--resamples", "200", "--output", str(path)]) == 0
    return path


def test_the_dev_set_of_gutbrainie(watched: Watched, gutbrainie: GutBrainIE, tmp_path: Path) -> None:
    documents = list(gutbrainie.read("dev"))
    JsonLines().write(documents, tmp_path / "gold.jsonl")
    gold = ["--gold", str(tmp_path / "gold.jsonl"), "--gold_format", "JsonLines"]
    check(watched, reported(tmp_path, gold, documents, list(gutbrainie.labels)), len(documents))


def test_bc5cdr(watched: Watched, tmp_path: Path) -> None:
    root = os.environ.get("BC5CDR_ROOT")
    if not root:
        pytest.skip("BC5CDR_ROOT names no folder of BC5CDR in PubTator's format")
    [path] = Path(root).rglob("CDR_TestSet.PubTator.txt")
    documents = list(PubTator().read(path))
    gold = ["--gold", str(path), "--gold_format", "PubTator"]
    labels = sorted({span.label for document in documents for each in document.passages for span in each.spans})
    check(watched, reported(tmp_path, gold, documents, labels), len(documents))


def test_the_quickstart(watched: Watched, quickstart: Path) -> None:
    check(watched, quickstart / "checkpoints" / "quickstart" / "report.html", 12)
