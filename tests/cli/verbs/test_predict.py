"""``predict``: which checkpoint it takes, what it tags, and where it writes."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from main import main
from ner.corpora.sample import FOLDER
from ner.formats import JsonLines, Parquet
from tests.formats import pubmed_files

SAMPLE_TEST = FOLDER / "test.json"
REPOSITORY = Path(__file__).parents[3]
QUICKSTART = str(REPOSITORY / "configs" / "quickstart.yaml")
ENTITY_KEYS = ["start_idx", "end_idx", "location", "text_span", "label"]


def test_a_seed_that_is_asked_for_is_the_seed_that_predicts(
    quickstart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(quickstart / "checkpoints", tmp_path / "checkpoints")
    run = tmp_path / "checkpoints" / "quickstart"
    shutil.copytree(run / "seed=42", run / "seed=7")
    os.utime(run / "seed=7" / "best.ckpt", (1, 1))
    monkeypatch.chdir(tmp_path)
    for options, seed in (([], 42), (["--seed_everything", "7"], 7)):
        assert main(["predict", "--config", QUICKSTART, *options, "--ckpt_path", "best"]) == 0
        assert f"seed={seed}/predictions.json" in capsys.readouterr().out
    assert main(["predict", "--config", QUICKSTART, "--seed_everything", "8"]) == 2
    assert "seed=8" in capsys.readouterr().err


def test_settings_of_a_prediction_may_stand_in_a_file(best: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {"ckpt_path": best.name, "predictions": {"path": "from_file.json"}}
    Path("settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    assert main(["predict", "--config", "settings.yaml"]) == 0
    assert "from_file.json" in capsys.readouterr().out
    assert main(["predict", "--ckpt_path", best.name, "--predictions", '{"path": "nested.json"}']) == 0
    assert Path("nested.json").exists()


def test_an_option_that_the_checkpoint_overrides_is_named(best: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert main(["predict", "--ckpt_path", best.name, "--data.window_tokens", "64", "--data.eval_batch_size", "3"]) == 0
    assert "not what the arguments say: data.window_tokens" in caplog.text
    assert "data.eval_batch_size" not in caplog.text


@pytest.mark.parametrize("path", ["moved.ckpt/out.json", "x" * 300, "", "."])
def test_a_path_that_cannot_be_written_is_refused_before_anything_is_tagged(
    best: Path, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    assert main(["predict", "--ckpt_path", best.name, "--predictions.path", path]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_bare_predict_tags_the_test_set_beside_the_newest_checkpoint(
    quickstart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "checkpoints" / "quickstart" / "seed=42"
    shutil.copytree(quickstart / "checkpoints" / "quickstart" / "seed=42", folder)
    monkeypatch.chdir(tmp_path)
    assert main(["predict"]) == 0
    path = folder / "predictions.json"
    assert "checkpoints/quickstart/seed=42/predictions.json" in capsys.readouterr().out
    predictions = json.loads(path.read_text(encoding="utf-8"))
    articles = json.loads(SAMPLE_TEST.read_text(encoding="utf-8"))
    assert list(predictions) == list(articles)
    entities = [(pmid, entity) for pmid, found in predictions.items() for entity in found["entities"]]
    assert entities
    for pmid, entity in entities:
        assert list(entity) == ENTITY_KEYS
        text = articles[pmid][entity["location"]]
        assert text[entity["start_idx"] : entity["end_idx"] + 1] == entity["text_span"]


def test_a_moved_checkpoint_predicts_alone(best: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "--ckpt_path",
        best.name,
        "--data.predict_path",
        str(SAMPLE_TEST),
        "--predictions.path",
        "new/out.json",
    ]
    assert main(["predict", *arguments]) == 0
    assert "new/out.json" in capsys.readouterr().out
    assert len(json.loads(Path("new/out.json").read_text(encoding="utf-8"))) == 8


def test_the_real_test_set_is_tagged_with_exact_offsets(best: Path) -> None:
    root = os.environ.get("GUTBRAINIE_ROOT")
    if not root:
        pytest.skip("GUTBRAINIE_ROOT names no folder of the GutBrainIE collection")
    articles_path = Path(root) / "TestData" / "articles_test.json"
    arguments = ["--data.predict_path", str(articles_path), "--predictions.path", "out.json"]
    assert main(["predict", "--ckpt_path", best.name, *arguments]) == 0
    articles = json.loads(articles_path.read_text(encoding="utf-8"))
    predictions = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert list(predictions) == list(articles)
    assert len(predictions) == 40
    entities = [(articles[pmid], entity) for pmid, found in predictions.items() for entity in found["entities"]]
    assert entities
    for article, entity in entities:
        text = article[entity["location"]]
        assert text[entity["start_idx"] : entity["end_idx"] + 1] == entity["text_span"]


def test_the_dev_split_is_tagged_on_request(best: Path) -> None:
    common = ["predict", "--ckpt_path", best.name, "--predictions.format", "JsonLines", "--predictions.path"]
    assert main([*common, "split.jsonl", "--data.predict_split", "dev"]) == 0
    assert main([*common, "path.jsonl", "--data.predict_path", str(FOLDER / "dev.json")]) == 0
    assert Path("split.jsonl").read_bytes() == Path("path.jsonl").read_bytes()


def test_a_compressed_file_of_pubmed_is_tagged_into_parquet(best: Path) -> None:
    articles = [pubmed_files.article(1, "Kimchi lowers cortisol.", year=1999), pubmed_files.article(2, "Mice ate.")]
    pubmed_files.write_set(Path("in.xml.gz"), articles)
    given = ["--data.predict_path", "in.xml.gz", "--data.predict_format", "PubMedXML", "--predictions.scores", "true"]
    for kind, path in (("Parquet", "out.parquet"), ("JsonLines", "out.jsonl")):
        command = ["predict", "--ckpt_path", best.name, *given, "--predictions.format", kind]
        assert main([*command, "--predictions.path", path]) == 0
    found = list(Parquet().read(Path("out.parquet")))
    assert [(document.id, document.year) for document in found] == [("1", 1999), ("2", 2021)]
    assert found == list(JsonLines().read(Path("out.jsonl")))
    assert any(passage.spans for document in found for passage in document.passages)


def test_annotation_of_the_input_stops_nothing(best: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = "1|t|Kimchi lowers cortisol in mice.\n1|a|Probiotics reduced anxiety.\n"
    found = []
    for name, annotation in (("bare", ""), ("misquoted", "1\t0\t4\tMice\tnovel label\n1\t7\n")):
        Path(f"{name}.txt").write_text(texts + annotation, encoding="utf-8")
        options = ["--data.predict_format", "PubTator", "--predictions.format", "JsonLines"]
        paths = ["--data.predict_path", f"{name}.txt", "--predictions.path", f"{name}.jsonl"]
        assert main(["predict", "--ckpt_path", best.name, *options, *paths]) == 0
        found.append(Path(f"{name}.jsonl").read_text(encoding="utf-8"))
    assert found[0] == found[1]


def test_advice_names_the_options_of_the_input_and_of_the_output(
    best: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in.txt").write_text("1|t|Mice\n1|a|ate.\n\n1|t|Mice\n1|a|ate.\n", encoding="utf-8")
    command = ["predict", "--ckpt_path", best.name, "--data.predict_format", "PubTator", "--data.predict_path"]
    assert main([*command, "in.txt", "--predictions.path", "out.json"]) == 2
    assert "give --data.predict_format.on_duplicate skip" in capsys.readouterr().err
    command = ["predict", "--ckpt_path", best.name, "--predictions.path", "out.json", "--predictions.format"]
    assert main([*command, "GutBrainIE", "--predictions.format.labels", "[x]"]) == 2
    assert "labels that are not in --predictions.format.labels: " in capsys.readouterr().err
