"""The configuration of a training, in its folder and in its checkpoints."""

from pathlib import Path

import pytest
import yaml
from jsonargparse import ArgumentParser, Namespace

from ner.errors import InputError
from ner.training.callbacks.run_config import RunConfig


def parser() -> ArgumentParser:
    found = ArgumentParser(exit_on_error=False)
    found.add_argument("--checkpoint.dirpath", type=str)
    found.add_argument("--trainer.fast_dev_run", type=bool, default=False)
    found.add_argument("--ckpt_path", type=str | None, default=None)
    return found


def callback(folder: Path, *arguments: str) -> RunConfig:
    config: Namespace = parser().parse_args(["--checkpoint.dirpath", str(folder), *arguments])
    return RunConfig(parser(), config, save_to_log_dir=False)  # type: ignore[arg-type]


def save(callback: RunConfig, stage: str = "fit") -> None:
    callback.save_config(None, None, stage)  # type: ignore[arg-type]


def test_file_and_checkpoint_hold_the_whole_configuration(tmp_path: Path) -> None:
    saved: dict[str, object] = {}
    own = callback(tmp_path / "new")
    save(own)
    own.on_save_checkpoint(None, None, saved)  # type: ignore[arg-type]
    text = (tmp_path / "new" / "config.yaml").read_text(encoding="utf-8")
    assert saved == {"config": text}
    expected = {"dirpath": str(tmp_path / "new")}
    assert yaml.safe_load(text) == {"checkpoint": expected, "trainer": {"fast_dev_run": False}, "ckpt_path": None}


def test_a_configuration_that_no_checkpoint_can_hold_is_refused_before_the_training(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"^the configuration has 200,\d\d\d characters, and a checkpoint holds 200,000 at most"
    ):
        save(callback(tmp_path / ("a" * 200_000)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("arguments", "is_kept"), [([], False), (["--ckpt_path", "last.ckpt"], True)])
def test_only_a_resumed_run_keeps_what_is_there(tmp_path: Path, arguments: list[str], is_kept: bool) -> None:
    left = [tmp_path / name for name in ("best.ckpt", "last.ckpt", "report.html", "report-test.html")]
    for path in left:
        path.touch()
    save(callback(tmp_path, *arguments))
    assert [path.exists() for path in left] == 4 * [is_kept]
    assert "ckpt_path: null" in (tmp_path / "config.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(("arguments", "stage"), [([], "predict"), (["--trainer.fast_dev_run", "true"], "fit")])
def test_an_evaluation_and_a_trial_leave_the_folder_as_it_is(tmp_path: Path, arguments: list[str], stage: str) -> None:
    (tmp_path / "last.ckpt").touch()
    save(callback(tmp_path, *arguments), stage)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
