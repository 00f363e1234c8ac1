"""Configurations with the names of earlier versions; a checkpoint and an export of one find what they found."""

import os
from pathlib import Path

import pytest

from main import main
from ner.checkpoints.checkpoint import read_checkpoint
from ner.checkpoints.renames import present, present_reading, present_record

SPLITS = {"labels": ["gene"], "train": "a.txt", "dev": None, "test": "b.txt"}
NAMES = ["BioCJSON", "BioCXML", "Brat", "CoNLL", "JsonLines", "PlainText", "PubTator"]


def corpus(value: object) -> object:
    data = present({"data": {"corpus": value}})["data"]
    assert isinstance(data, dict)
    return data["corpus"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("package", ["", "ner.corpora.", "ner.corpora.some_module."])
def test_a_corpus_of_files_is_a_format_with_splits(package: str, name: str) -> None:
    kind = f"ner.formats.{name}"
    assert corpus({"class_path": package + name, "init_args": {**SPLITS, "on_bad_span": "skip"}}) == {
        "class_path": "ner.corpora.FileCorpus",
        "init_args": {"format": {"class_path": kind, "init_args": {"on_bad_span": "skip"}}, **SPLITS},
    }
    bare = {"class_path": "ner.corpora.FileCorpus", "init_args": {"format": {"class_path": kind}}}
    assert corpus(package + name) == corpus({"class_path": package + name}) == bare


def test_corpora_that_have_moved_are_found_and_others_stay() -> None:
    assert corpus("ner.corpora.sample.Sample") == "ner.corpora.Sample"
    moved = {"class_path": "ner.corpora.gutbrainie.GutBrainIE", "init_args": {"tiers": ["gold"]}}
    assert corpus(moved) == {"class_path": "ner.corpora.GutBrainIE", "init_args": {"tiers": ["gold"]}}
    for own in ("Sample", "mine.PubTator", {"class_path": "mine.Sample"}, {"init_args": {"tiers": ["gold"]}}, None, 3):
        assert corpus(own) == own


def test_formats_of_input_and_output_were_corpora() -> None:
    for old, of_input, of_output in (
        (None, None, None),
        ("Brat", {"class_path": "ner.formats.Brat"}, {"class_path": "ner.formats.Brat"}),
        ("Sample", {"class_path": "ner.formats.GutBrainIE"}, {"class_path": "ner.formats.GutBrainIESubmission"}),
        ("mine.Format", "mine.Format", "mine.Format"),
    ):
        assert present({"data": {"predict_corpus": old}, "predictions": {"writer": old, "scores": True}}) == {
            "data": {"predict_format": of_input},
            "predictions": {"format": of_output, "scores": True},
        }
    options = {"class_path": "ner.corpora.brat.Brat", "init_args": {"labels": ["gene"], "title_line": True}}
    assert present({"data": {"predict_corpus": options}}) == {
        "data": {"predict_format": {"class_path": "ner.formats.Brat", "init_args": {"title_line": True}}}
    }


def test_chunking_has_moved() -> None:
    old = {"class_path": "ner.chunking.joint.JointPassages", "init_args": {"separator": " "}}
    new = {"class_path": "ner.preprocessing.chunking.JointPassages", "init_args": {"separator": " "}}
    assert present_reading({"chunking": old, "markers": True}) == {"chunking": new, "markers": True}
    assert present({"data": {"chunking": "ner.chunking.SeparatePassages"}}) == {
        "data": {"chunking": "ner.preprocessing.chunking.SeparatePassages"}
    }
    for own in (None, "SeparatePassages", {"class_path": "mine.chunking.JointPassages"}):
        assert present_reading({"chunking": own}) == {"chunking": own}
    assert present_reading({"markers": True}) == {"markers": True}


def test_a_record_says_what_was_done_before_there_was_a_setting_for_it() -> None:
    added = {"model": {"dropout_samples": 1, "encoder_lr_decay": 1.0}, "distillation": {"weight": 0.5}}
    assert present_record({"data": {"markers": True}}) == {"data": {"units": "subwords", "markers": True}, **added}
    today = {"data": {"units": "words"}, "model": {"dropout_samples": 4}, "distillation": {"weight": 0.1}}
    assert present_record(today) == {**today, "model": {"dropout_samples": 4, "encoder_lr_decay": 1.0}}
    assert present_record({}) == {}


def test_a_record_has_the_arguments_that_corpora_and_formats_got_later() -> None:
    options = {"on_bad_span": "error"}
    of_then = {"format": {"class_path": "ner.formats.PubTator", "init_args": options}, "train": "a.txt"}
    options_now = {**options, "annotation": True, "on_duplicate": "error"}
    of_now = {"format": {"class_path": "ner.formats.PubTator", "init_args": options_now}, "train": "a.txt"}
    for then, now in (
        (
            {"class_path": "ner.corpora.GutBrainIE", "init_args": {"tiers": ["gold"]}},
            {"class_path": "ner.corpora.GutBrainIE", "init_args": {"tiers": ["gold"], "folds": 5, "fold_seed": 42}},
        ),
        (
            {"class_path": "ner.corpora.FileCorpus", "init_args": of_then},
            {"class_path": "ner.corpora.FileCorpus", "init_args": of_now},
        ),
        ({"class_path": "mine.Corpus", "init_args": {"a": 1}}, {"class_path": "mine.Corpus", "init_args": {"a": 1}}),
        ("mine.Corpus", "mine.Corpus"),
        (None, None),
    ):
        data = present_record({"data": {"corpus": then}})["data"]
        assert isinstance(data, dict)
        assert data["corpus"] == now
        again = present_record({"data": data})["data"]
        assert again == data


def test_what_has_no_old_name_stays_as_it_is() -> None:
    config = {"run": "x", "data": None, "model": {"encoder": "a"}, "predictions": {"format": "Brat"}}
    assert present(config) == config
    today = {"data": {"corpus": corpus("Brat"), "predict_format": {"class_path": "ner.formats.Brat"}}}
    assert present(today) == today


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with files of an earlier version, and an empty one to work in."""
    root = os.environ.get("OLD_CHECKPOINTS_ROOT")
    if not root:
        pytest.skip("OLD_CHECKPOINTS_ROOT names no folder with a checkpoint and an export of an earlier version")
    monkeypatch.chdir(tmp_path)
    return Path(root)


def test_a_training_of_an_earlier_version_is_resumed(old: Path) -> None:
    checkpoint = old / "quickstart_seed42.ckpt"
    arguments = ["--ckpt_path", str(checkpoint), "--trainer.enable_progress_bar", "false"]
    assert main(["fit", "--config", "quickstart", *arguments]) == 0
    resumed = read_checkpoint(Path("checkpoints/quickstart/seed=42/last.ckpt"))
    assert resumed.epochs == 12 > read_checkpoint(checkpoint).epochs


@pytest.mark.parametrize("name", ["quickstart_seed42.ckpt", "export"])
def test_a_checkpoint_and_an_export_of_an_earlier_version_find_the_same(name: str, old: Path) -> None:
    dev = Path(__file__).parents[2] / "ner" / "corpora" / "sample_data" / "dev.json"
    arguments = ["--ckpt_path", str(old / name), "--data.predict_path", str(dev), "--predictions.path", "found.json"]
    assert main(["predict", *arguments, "--trainer.precision", "32"]) == 0
    assert Path("found.json").read_bytes() == (old / "predictions_sample_dev.json").read_bytes()
