"""The report on a corpus, from a configuration alone."""

import os
import shutil
from pathlib import Path

import pytest

from main import main
from ner.corpora.sample import FOLDER, Sample

REPOSITORY = Path(__file__).parents[3]
QUICKSTART = str(REPOSITORY / "configs" / "quickstart.yaml")
SAMPLE_TEST = FOLDER / "test.json"


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
