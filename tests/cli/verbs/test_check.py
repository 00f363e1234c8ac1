"""The verb `check`: the report on a corpus, from a configuration alone, and on one file without any."""

import json
import os
import shutil
from pathlib import Path

import pytest

from main import main
from ner.corpora.sample import FOLDER, Sample

REPOSITORY = Path(__file__).parents[3]
QUICKSTART = str(REPOSITORY / "configs" / "quickstart.yaml")
SAMPLE_TEST = FOLDER / "test.json"
TEXT = "1|t|Mice\n1|a|ate.\n1\t0\t4\tMice\tanimal\n1\t5\t8\tate\tverb\n\n2|t|Mice\n2|a|\n2\t0\t4\tMice\tanimal\n"


def test_check_reports_on_the_corpus(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["check", "--config", QUICKSTART]) == 0
    printed = capsys.readouterr().out
    for words in ("train", "dev", "test", "beyond the encoder's limit", "nested", "perfect tagger", *Sample.labels):
        assert words in printed


def test_check_is_not_cut_in_a_pipe_and_names_where_annotation_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = os.environ.get("GUTBRAINIE_ROOT")
    if not root:
        pytest.skip("GUTBRAINIE_ROOT names no folder of the GutBrainIE collection")
    monkeypatch.chdir(tmp_path)
    arguments = ["--model.encoder", "ner/corpora/sample_data/encoder", "--data.corpus", "GutBrainIE"]
    assert main(["check", *arguments, "--data.corpus.tiers", "[platinum, gold, silver, bronze]"]) == 0
    printed = capsys.readouterr().out
    assert "…" not in printed
    assert "platinum" in printed
    assert "train silver: 39299582 abstract, annotated to character 1756 of 7617" in printed


def test_check_reports_on_the_splits_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    dev = tmp_path / "Annotations" / "Dev" / "json_format" / "dev.json"
    dev.parent.mkdir(parents=True)
    shutil.copy(SAMPLE_TEST.with_name("dev.json"), dev)
    corpus = ["--data.corpus", "GutBrainIE", "--data.corpus.root", str(tmp_path)]
    assert main(["check", "--model.encoder", "ner/corpora/sample_data/encoder", *corpus]) == 2
    output = capsys.readouterr()
    assert "dev" in output.out
    assert "no file of tier 'platinum'" in output.err


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
    assert reports["dev"]["documents"] == len(json.loads((FOLDER / "dev.json").read_text(encoding="utf-8")))
    assert sum(reports["dev"]["entities"].values()) == 158


def test_a_file_that_cannot_be_read_is_one_line(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text(TEXT.replace("\tMice", "\tMouse"), encoding="utf-8")
    assert main(["check", file, "--format", "PubTator"]) == 2
    assert capsys.readouterr().err.endswith("give --format.on_bad_span skip\n")
    assert main(["check", file, "--format", "PubTator", "--format.on_bad_span", "skip"]) == 0
