"""``threshold``: what it stores is what every way of tagging leaves out."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from main import main
from ner.checkpoints.checkpoint import read_checkpoint, write_min_scores
from ner.corpora.sample import FOLDER, Sample
from ner.documents import Document
from ner.formats.jsonl import JsonLines
from ner.inference.tagger import Tagger

DEV = str(FOLDER / "dev.json")
SURE = 0.6
PATTERN = "checkpoints/quickstart/seed=*/best.ckpt"
# ONNX computes in fp32.
DEV_SPLIT = ["predict", "--data.predict_split", "dev", "--trainer.precision", "32"]
PREDICT = [*DEV_SPLIT, "--predictions.format", "JsonLines", "--predictions.scores", "true"]
GOLD = ["--gold", DEV]


@pytest.fixture(scope="module")
def stored(trained: Path) -> Iterator[Path]:
    """The working folder, in which least scores of the ensemble, of about 0.6, have been stored in its members."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(trained)
        assert main([*PREDICT, "--predictions.path", "whole.jsonl"]) == 0
        JsonLines().write(map(with_sure_entities, read("whole.jsonl")), Path("gold.jsonl"))
        arguments = [
            "--gold",
            "gold.jsonl",
            "--gold_format",
            "JsonLines",
            "--predictions",
            "whole.jsonl",
            "--least_entities",
            "20",
        ]
        assert main(["threshold", *arguments, "--checkpoints", PATTERN]) == 0
        yield trained


def with_sure_entities(document: Document) -> Document:
    passages = (
        replace(passage, spans=tuple(span for span in passage.spans if (span.score or 0) > SURE))
        for passage in document.passages
    )
    return replace(document, passages=tuple(passages))


def spans(documents: list[Document]) -> list[list[tuple[int, int, str]]]:
    passages = (passage for document in documents for passage in document.passages)
    return [[(span.start, span.end, span.label) for span in passage.spans] for passage in passages]


def read(path: str) -> list[Document]:
    return list(JsonLines().read(Path(path)))


def expected(stored: Path) -> list[list[tuple[int, int, str]]]:
    """Filter the whole predictions with what is stored."""
    least = read_checkpoint(stored / "checkpoints/quickstart/seed=11/best.ckpt").min_scores
    assert least.keys() == set(Sample.labels)
    assert max(least.values()) > SURE / 2
    passages = (passage for document in read("whole.jsonl") for passage in document.passages)
    return [
        [(span.start, span.end, span.label) for span in passage.spans if (span.score or 0) >= least[span.label]]
        for passage in passages
    ]


def test_predict_leaves_out_what_scores_lower_and_says_so(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*PREDICT, "--predictions.path", "kept.jsonl"]) == 0
    found = spans(read("kept.jsonl"))
    assert found == expected(stored) != spans(read("whole.jsonl"))
    count = sum(map(len, spans(read("whole.jsonl")))) - sum(map(len, found))
    assert f"min_scores: {count}; --predictions.min_score 0 keeps them" in capsys.readouterr().out


def test_it_can_be_switched_off(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*PREDICT, "--predictions.path", "off.jsonl", "--predictions.min_score", "0"]) == 0
    assert Path("off.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()
    assert "left out" not in capsys.readouterr().out
    off = Tagger.load("checkpoints/quickstart", device="cpu", precision="32", min_score=0)
    assert spans(list(off.tag_documents(Sample().read("dev")))) == spans(read("whole.jsonl"))


def test_validate_measures_what_predict_writes(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*DEV_SPLIT, "--predictions.path", "kept.json"]) == 0
    capsys.readouterr()
    assert main(["score", "--gold", DEV, "--predictions", "kept.json", "--json"]) == 0
    micro = json.loads(capsys.readouterr().out)["micro"]["f1"]
    for option, is_equal in (([], True), (["--predictions.min_score", "0"], False)):
        assert main(["validate", "--trainer.precision", "32", *option]) == 0
        printed = re.findall(r"^ micro .*? ([\d.]+)\s*$", capsys.readouterr().out, re.M)
        assert (float(printed[0]) == pytest.approx(micro, abs=5e-5)) is is_equal


def test_the_api_and_an_export_leave_out_the_same(stored: Path) -> None:
    assert main(["export", "--checkpoints", PATTERN, "--output", "exported"]) == 0
    for path in ("checkpoints/quickstart", "exported"):
        tagger = Tagger.load(path, device="cpu", precision="32")
        assert spans(list(tagger.tag_documents(Sample().read("dev")))) == expected(stored)


def test_an_export_as_onnx_leaves_out_the_same(stored: Path) -> None:
    pytest.importorskip("onnxruntime")
    assert main(["export", "--checkpoints", PATTERN, "--output", "graphs", "--onnx"]) == 0
    found = list(Tagger.load("graphs", backend="onnx").tag_documents(Sample().read("dev")))
    assert spans(found) == expected(stored)
    scores = {
        (document.id, number, span.start): span.score
        for document in read("whole.jsonl")
        for number, passage in enumerate(document.passages)
        for span in passage.spans
    }
    for document in found:
        for number, passage in enumerate(document.passages):
            for span in passage.spans:
                assert span.score == pytest.approx(scores[document.id, number, span.start], abs=1e-4)


def test_a_line_warns_of_predictions_without_the_improbable_ones(
    stored: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert main([*PREDICT, "--predictions.path", "cut.jsonl"]) == 0
    for predictions, keeps_all, is_told in (
        ("cut.jsonl", False, True),
        ("cut.jsonl", True, False),
        ("whole.jsonl", False, False),
    ):
        copy = Path(shutil.copy(stored / "checkpoints/quickstart/seed=11/best.ckpt", tmp_path))
        if keeps_all:
            write_min_scores(copy, dict.fromkeys(Sample.labels, 0.0))
        caplog.clear()
        assert main(["threshold", *GOLD, "--predictions", predictions, "--checkpoints", str(copy)]) == 0
        assert ("nothing of what the checkpoints leave out now" in caplog.text) is is_told


def test_pseudo_labels_follow_their_own_least_score(stored: Path) -> None:
    assert main(["pseudo-label", "--checkpoints", PATTERN, "--input", DEV, "--output", "labelled.json"]) == 0
    found = list(Sample.format.read(Path("labelled.json")))
    assert spans(found) == spans(read("whole.jsonl"))


def test_an_ensemble_has_the_means_of_its_members(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    paths = [trained / f"checkpoints/quickstart/seed={seed}/best.ckpt" for seed in (11, 42)]
    for name, path, least in (("a", paths[0], {"DDF": 0.5}), ("b", paths[1], {"DDF": 0.25, "gene": 0.5})):
        content = torch.load(path, weights_only=True)
        content["hyper_parameters"]["min_scores"] = least
        (tmp_path / f"seed={name}").mkdir()
        torch.save(content, tmp_path / f"seed={name}" / "best.ckpt")
    assert Tagger.load(tmp_path, device="cpu", precision="32").backend.min_scores == {"DDF": 0.375, "gene": 0.25}


def test_checkpoints_with_other_labels_are_refused_before_any_is_written(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [stored / f"checkpoints/quickstart/seed={seed}/best.ckpt" for seed in (11, 42)]
    content = torch.load(paths[1], weights_only=True)
    content["hyper_parameters"]["labels"][0] = "other"
    content["hyper_parameters"]["min_scores"] = None
    other = tmp_path / "other.ckpt"
    torch.save(content, other)
    before = paths[0].read_bytes()
    arguments = ["--predictions", "whole.jsonl", "--checkpoints", str(paths[0]), str(other)]
    assert main(["threshold", *GOLD, *arguments]) == 2
    assert "do not fit together: they differ in labels" in capsys.readouterr().err
    assert paths[0].read_bytes() == before


def test_a_training_is_resumed_from_a_checkpoint_with_stored_scores(stored: Path) -> None:
    last = stored / "checkpoints/quickstart/seed=11/last.ckpt"
    assert main(["threshold", *GOLD, "--predictions", "whole.jsonl", "--checkpoints", str(last)]) == 0
    arguments = ["--config", "quickstart", "--run", "quickstart", "--trainer.max_epochs", "4"]
    arguments += ["--seed_everything", "11", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
    assert main(["fit", *arguments, "--ckpt_path", "last"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*GOLD, "--predictions", "none.jsonl"], "none.jsonl"),
        ([*GOLD, "--predictions", "empty.jsonl"], "no entity in the predictions, so nothing"),
        ([*GOLD, "--predictions", DEV, "--predictions_format", "GutBrainIE"], "an entity has no score"),
        ([*GOLD, "--predictions", DEV, "--checkpoints", "none/*.ckpt"], "no checkpoint matches"),
        ([*GOLD, "--predictions", DEV, "--checkpoints", "settings.json"], "settings.json: "),
        ([*GOLD, "--predictions", DEV, "--checkpoints", "folder"], "name its checkpoints, and export them anew"),
        ([*GOLD, "--predictions", DEV, "--least_entities", "many"], "should be a whole number"),
        ([*GOLD, "--predictions", DEV, "--predictions_format", "Jsonlines"], "do you mean JsonLines?"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for path in ("folder/settings.json", "settings.json"):
        Path(path).write_text("{}", encoding="utf-8")
    Path("empty.jsonl").touch()
    assert main(["threshold", *arguments]) == 2
    printed = capsys.readouterr().err
    assert printed.splitlines()[-1].startswith("error: ")
    assert message in printed
