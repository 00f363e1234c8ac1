"""The verb `check` on one file, without a configuration, and its JSON."""

import json
from pathlib import Path

import pytest

from main import main

REPOSITORY = Path(__file__).parents[3]
SAMPLE = REPOSITORY / "ner" / "corpora" / "sample_data"
TEXT = "1|t|Mice\n1|a|ate.\n1\t0\t4\tMice\tanimal\n1\t5\t8\tate\tverb\n\n2|t|Mice\n2|a|\n2\t0\t4\tMice\tanimal\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


def test_a_file_needs_no_configuration(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", file, "--format", "PubTator"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row for row in rows if row[-1:] and row[-1].isdecimal()] == [
        ["documents", "2"],
        ["without", "annotation", "0"],
        ["entities", "3"],
        ["animal", "2"],
        ["verb", "1"],
    ]


def test_the_json_of_a_file_has_the_same_counts(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", file, "--format=PubTator", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts == {"documents": 2, "unannotated": 0, "entities": {"animal": 2, "verb": 1}}


def test_the_json_of_a_corpus_has_a_report_for_each_split(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["check", "--config", "quickstart", "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert list(reports) == ["train", "dev", "test"]
    assert reports["dev"]["documents"] == len(json.loads((SAMPLE / "dev.json").read_text(encoding="utf-8")))
    assert sum(reports["dev"]["entities"].values()) == 158


def test_a_file_that_cannot_be_read_is_one_line(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text(TEXT.replace("\tMice", "\tMouse"), encoding="utf-8")
    assert main(["check", file, "--format", "PubTator"]) == 2
    assert capsys.readouterr().err.endswith("give --format.on_bad_span skip\n")
    assert main(["check", file, "--format", "PubTator", "--format.on_bad_span", "skip"]) == 0
