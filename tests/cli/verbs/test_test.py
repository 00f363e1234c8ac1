"""``test``: the scores of a checkpoint on an annotated test split."""

import json
from pathlib import Path

import pytest

from main import main
from ner.corpora.sample import FOLDER, Sample


def test_its_scores_are_those_of_validate_on_the_same_documents(best: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dev = str(FOLDER / "dev.json")
    corpus = ["--data.corpus", "FileCorpus", "--data.corpus.format", "GutBrainIE"]
    corpus += ["--data.corpus.labels", json.dumps(Sample.labels), "--data.corpus.dev", dev, "--data.corpus.test", dev]
    tables = []
    for verb, split in (("test", "test"), ("validate", "dev")):
        assert main([verb, "--ckpt_path", best.name, *corpus]) == 0
        printed = capsys.readouterr().out
        assert f"{split}: strict spans of characters" in printed
        assert f"{split}: seqeval, strict IOB2" in printed
        tables.append([line for line in printed.splitlines() if line.startswith((" micro ", " macro "))])
    assert tables[0] == tables[1]
    assert len(tables[0]) == 4
    assert f"{tables[0][0].split()[-1]}</p>" in best.with_name("report-test.html").read_text(encoding="utf-8")


def test_a_split_without_annotation_points_to_predict(best: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--ckpt_path", best.name]) == 2
    [error] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "the test split carries no annotation to score" in error
    assert "`predict`" in error
