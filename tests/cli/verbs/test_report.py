"""``report``: a page that needs nothing else, from files in any format."""

import json
import re
from html import unescape
from pathlib import Path

import pytest

from main import main
from ner.cli.verbs.report import main as report
from ner.documents import Document, Passage, Span
from ner.formats import JsonLines
from ner.formats.pubtator import PubTator
from tests.submissions import entity, write

DEV = str(Path(__file__).parents[3] / "ner" / "corpora" / "sample_data" / "dev.json")


def written(page: Path) -> dict[str, object]:
    """Return the data of a page's script, its blocks of documents as one list."""
    index, *blocks = re.findall('<script type="application/json" .*?>(.*?)</script>', page.read_text(encoding="utf-8"))
    content = json.loads(index)
    assert isinstance(content, dict)
    documents = [document for block in blocks for document in json.loads(block)]
    assert [each[0] for each in documents] == [each[0] for each in content["documents"]]
    return {**content, "documents": documents}


def test_the_page_names_no_place_but_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "new" / "report.html"
    assert report(["--gold", DEV, "--predictions", DEV, "--output", str(page), "--resamples", "50"]) == 0
    assert capsys.readouterr().out == f"wrote {page}\n"
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"https?://|//cdn|@import|url\(|<iframe|<object", text)
    assert re.findall(r'(?:src|href)="([^#][^"]*)"', text) == ["data:,"]
    assert "default-src 'none'; script-src 'sha256-" in unescape(text)
    assert str(Path(DEV).parents[3]) not in text


def test_files_of_different_formats_give_the_same_documents(tmp_path: Path) -> None:
    assert main(["convert", "--from", "GutBrainIE", "--to", "PubTator", DEV, str(tmp_path / "dev.txt")]) == 0
    pages = []
    for number, options in enumerate(([DEV], [str(tmp_path / "dev.txt"), "--predictions_format", PubTator.__name__])):
        pages.append(tmp_path / f"{number}.html")
        assert report(["--gold", DEV, "--predictions", *options, "--output", str(pages[-1]), "--resamples", "50"]) == 0
    first, second = map(written, pages)
    assert first == second
    assert len(first["documents"]) == len(json.loads(Path(DEV).read_text()))  # type: ignore[arg-type]


def test_entities_without_texts_are_listed_as_the_file_quotes_them(
    gold: Path, predictions: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    options = ["--against", str(gold), "--output", str(page), "--resamples", "50"]
    assert report(["--gold", str(gold), "--predictions", str(predictions), *options]) == 0
    [document] = written(page)["documents"]  # type: ignore[misc]
    name, texts, listed, *_ = document
    assert (name, texts) == ("1", [])
    assert [each[0] for each in listed] == [-1, -1]


def test_a_file_without_scores_has_no_calibration(gold: Path, tmp_path: Path) -> None:
    scored = write(tmp_path / "scored.json", {"1": {"entities": [{**entity(0, 3, "gene"), "score": 0.5}]}})
    for predictions, has_section in ((gold, False), (scored, True)):
        page = tmp_path / "report.html"
        files = ["--gold", str(gold), "--predictions", str(predictions)]
        assert report([*files, "--output", str(page), "--resamples", "50"]) == 0
        assert ('id="scores"' in page.read_text(encoding="utf-8")) == has_section


def test_gold_beyond_the_annotation_counts_no_more_than_in_the_score(tmp_path: Path) -> None:
    text = "mice and rats and pigs"
    gold = [
        Document(str(number), (Passage(text, "abstract", (Span(0, 4, "animal"), Span(9, 13, "animal")), 4),))
        for number in range(5)
    ]
    found = [Document(str(number), (Passage(text, "abstract", (Span(0, 4, "animal", 0.9),)),)) for number in range(5)]
    for name, documents in (("gold", gold), ("found", found)):
        JsonLines().write(documents, tmp_path / f"{name}.jsonl")
    page = tmp_path / "report.html"
    files = ["--gold", str(tmp_path / "gold.jsonl"), "--predictions", str(tmp_path / "found.jsonl")]
    assert report([*files, "--format", "JsonLines", "--output", str(page), "--resamples", "50"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "1.0000 to 1.0000" in text
    assert "The best micro F1 on these documents, 1.0000" in text


def test_scores_of_entities_that_do_not_count_are_no_calibration(tmp_path: Path) -> None:
    spans = (Span(0, 4, "animal"), Span(9, 13, "animal", 0.5))
    for name, known, found in (("gold", 4, spans[:1]), ("found", None, spans)):
        documents = [Document("1", (Passage("mice and rats", "abstract", found, known),))]
        JsonLines().write(documents, tmp_path / f"{name}.jsonl")
    page = tmp_path / "report.html"
    files = ["--gold", str(tmp_path / "gold.jsonl"), "--predictions", str(tmp_path / "found.jsonl")]
    assert report([*files, "--format", "JsonLines", "--output", str(page), "--resamples", "50"]) == 0
    assert "calibration" not in page.read_text(encoding="utf-8").partition("<script")[0]
