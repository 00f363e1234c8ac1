"""The verb `submission`: all problems, or a packed run."""

import json
from pathlib import Path

import pytest

from main import main

ARTICLES = {
    "1": {"title": "Mice ate food.", "abstract": "Probiotics help mice."},
    "2": {"title": "Gut", "abstract": ""},
}


def test_nothing_is_written_where_there_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    articles, predictions = tmp_path / "articles.json", tmp_path / "out.json"
    articles.write_text(json.dumps(ARTICLES), encoding="utf-8")
    entity = {"start_idx": 0, "end_idx": 3, "location": "title", "text_span": "Mice", "label": "animal", "score": 0.5}
    command = ["submission", "--predictions", str(predictions), "--articles", str(articles), "--team", "T"]
    command += ["--run", "2", "--description", "d", "--data", "gold", "--output", str(tmp_path / "sent")]
    predictions.write_text(json.dumps({"1": {"entities": [entity, entity]}}), encoding="utf-8")
    assert main(command) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "PMID 2",
        "PMID 1, 'Mice' (animal) at [0, 4) of the title",
        "error",
    ]
    assert not (tmp_path / "sent").exists()
    predictions.write_text(json.dumps({"1": {"entities": [entity]}, "2": {"entities": []}}), encoding="utf-8")
    assert main(command) == 0
    assert "blank in the .meta" in (printed := capsys.readouterr().out)
    assert "--training, --preprocessing, --details, --repository\n" in printed
    written = (tmp_path / "sent" / "T_T61_2_d" / "T_T61_2_d.json").read_text(encoding="utf-8")
    assert "score" not in written
    assert json.loads(written)["1"]["entities"][0]["text_span"] == "Mice"
    assert main([*command, "--edition", "2026"]) == 0
    assert "T_T611_2_d, " in capsys.readouterr().out
    assert (tmp_path / "sent" / "T_GutBrainIE_2026.zip").exists()
