"""``validate``: the scores of a checkpoint on dev, which are those of its predictions."""

import json
from pathlib import Path

import pytest
import torch

from main import main
from ner.corpora.sample import FOLDER, Sample

REPOSITORY = Path(__file__).parents[3]
QUICKSTART = str(REPOSITORY / "configs" / "quickstart.yaml")


def test_validate_names_its_two_scores(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    assert main(["validate", "--config", QUICKSTART, "--ckpt_path", "best"]) == 0
    printed = capsys.readouterr().out
    assert "dev: official GutBrainIE score" in printed
    assert "dev: seqeval, strict IOB2" in printed


def test_what_validate_prints_is_what_score_computes(best: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dev = FOLDER / "dev.json"
    # In bf16 rounding depends on the batches, which are not the same.
    common = ["--ckpt_path", best.name, "--trainer.precision", "32"]
    arguments = [*common, "--data.predict_path", str(dev), "--predictions.path", "dev.json"]
    assert main(["validate", *common]) == 0
    printed = capsys.readouterr().out
    assert main(["predict", *arguments]) == 0
    capsys.readouterr()
    assert main(["score", "--gold", str(dev), "--predictions", "dev.json", "--json"]) == 0
    micro = json.loads(capsys.readouterr().out)["micro"]
    line = next(line for line in printed.splitlines() if line.startswith(" micro "))
    assert [f"{micro[key]:.4f}" for key in ("p", "r", "f1")] == line.split()[-3:]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("labels", list(reversed(Sample.labels)), "stand in another order"),
        ("labels", ["gene"], "missing, unknown or of another shape"),
    ],
)
def test_a_checkpoint_of_other_labels_is_refused(
    best: Path, capsys: pytest.CaptureFixture[str], key: str, value: list[str], message: str
) -> None:
    checkpoint = torch.load(best, weights_only=True)
    checkpoint["hyper_parameters"][key] = value
    torch.save(checkpoint, best)
    assert main(["validate", "--ckpt_path", best.name]) == 2
    assert message in capsys.readouterr().err
