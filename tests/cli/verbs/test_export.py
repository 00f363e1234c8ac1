"""The verb `export`: one folder of what checkpoints hold."""

import re
from pathlib import Path

import numpy as np
import pytest

from main import main
from ner import Tagger
from ner.corpora import Sample, sample

GOLD = Path(sample.__file__).with_name("sample_data") / "dev.json"
TEXT = "Probiotics reduced anxiety in mice."


def test_the_folder_tags_as_its_checkpoints_do(
    quickstart: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, output = quickstart / "checkpoints" / "quickstart", tmp_path / "new" / "exported"
    pattern = str(run / "seed=*" / "best.ckpt")
    assert main(["export", "--checkpoints", pattern, "--output", str(output), "--license", "cc-by-4.0"]) == 0
    assert capsys.readouterr().out == f"2 members: {output}\n"
    assert Tagger.load(output, device="cpu").tag(TEXT) == Tagger.load(run, device="cpu").tag(TEXT) != []
    card = (output / "README.md").read_text(encoding="utf-8")
    assert "# quickstart\n" in card
    assert "Stated at export: `cc-by-4.0`" in card


def test_members_may_be_named_one_by_one_in_their_order(quickstart: Path, tmp_path: Path) -> None:
    run = quickstart / "checkpoints" / "quickstart"
    checkpoints = [str(run / f"seed={seed}" / "best.ckpt") for seed in (42, 11)]
    assert main(["export", "--checkpoints", *checkpoints, "--output", str(tmp_path / "exported")]) == 0
    assert '[\n    "42",\n    "11"\n  ]' in (tmp_path / "exported" / "settings.json").read_text(encoding="utf-8")


def test_int8_is_written_beside_fp32_after_a_trial_on_annotated_documents(
    best: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    arguments = ["export", "--checkpoints", best.name, "--output", "exported", "--int8", "--gold", str(GOLD)]
    assert main([*arguments, "--max_loss", "1"]) == 0
    said, written = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"int8 on .*: micro-F1 0\.\d+, 0\.\d+ in fp32; [\d.]+% of their entities are the same", said)
    assert written == "1 members: exported"
    exact = Tagger.load("exported", device="cpu").tag(TEXT)
    taggers = [Tagger.load("exported", backend="onnx", precision=precision) for precision in ("32", "int8")]
    documents = list(Sample().read("dev"))
    alone = [found for document in documents for found in taggers[1].tag_documents([document])]
    assert list(taggers[1].tag_documents(documents)) == alone
    scores = [[entity.score for entity in tagger.tag(TEXT)] for tagger in taggers]
    assert scores[0] == pytest.approx([entity.score for entity in exact], abs=1e-4)
    assert scores[1] == pytest.approx(scores[0], abs=0.2)
    assert scores[1] != scores[0]
    assert "emissions.int8.onnx" in Path("exported/README.md").read_text(encoding="utf-8")


def test_int8_that_loses_more_than_is_allowed_leaves_nothing(
    best: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write_zeros(graph: Path, path: Path) -> None:
        model = onnx.load(graph)
        for tensor in model.graph.initializer:
            if len(tensor.dims) == 2:
                zeros = np.zeros_like(onnx.numpy_helper.to_array(tensor))
                tensor.CopyFrom(onnx.numpy_helper.from_array(zeros, tensor.name))
        onnx.save(model, path)

    onnx = pytest.importorskip("onnx")
    monkeypatch.setattr("ner.checkpoints.export.write_int8", write_zeros)
    assert main(["export", "--checkpoints", best.name, "--output", "exported", "--int8", "--gold", str(GOLD)]) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(
        r"error: int8 on .*dev\.json: micro-F1 0\.0\d+, 0\.[1-9]\d+ in fp32: it loses more than --max_loss 0\.003; "
        r"export without --int8\n",
        error,
    )
    assert not list(Path().glob("*exported*"))


def test_a_folder_that_exists_is_left_as_it_is(best: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").touch()
    assert main(["export", "--checkpoints", best.name, "--output", "taken"]) == 2
    assert capsys.readouterr().err == "error: taken: exists already; delete it, or choose another folder\n"
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["mine"]


def test_what_is_no_checkpoint_leaves_no_folder(best: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.ckpt").write_bytes(b"x")
    assert main(["export", "--checkpoints", best.name, "other.ckpt", "--output", "new"]) == 2
    assert capsys.readouterr().err.startswith("error: other.ckpt: not a checkpoint, or a damaged one")
    assert not (tmp_path / "new").exists()
