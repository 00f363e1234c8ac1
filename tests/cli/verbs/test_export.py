"""The verb `export`: one folder of what checkpoints hold."""

from pathlib import Path

import pytest

from main import main
from ner import Tagger

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
