"""The configuration of a training, in its folder and in its checkpoints."""

from pathlib import Path
from types import SimpleNamespace

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


def start(callback: RunConfig, *, is_first: bool = True) -> None:
    callback.save_config(None, None, "fit")  # type: ignore[arg-type]
    callback.on_train_start(SimpleNamespace(is_global_zero=is_first), None)  # type: ignore[arg-type]


def test_file_and_checkpoint_hold_the_whole_configuration(tmp_path: Path) -> None:
    saved: dict[str, object] = {}
    own = callback(tmp_path / "new")
    start(own)
    own.on_save_checkpoint(None, None, saved)  # type: ignore[arg-type]
    text = (tmp_path / "new" / "config.yaml").read_text(encoding="utf-8")
    assert saved == {"config": text}
    expected = {"dirpath": str(tmp_path / "new")}
    assert yaml.safe_load(text) == {"checkpoint": expected, "trainer": {"fast_dev_run": False}, "ckpt_path": None}


def test_a_configuration_that_no_checkpoint_can_hold_is_refused_before_the_training(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"^the configuration has 200,\d\d\d characters, and a checkpoint holds 200,000 at most"
    ):
        callback(tmp_path / ("a" * 200_000)).save_config(None, None, "fit")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("arguments", "is_kept"), [([], False), (["--ckpt_path", "last.ckpt"], True)])
def test_only_a_resumed_run_keeps_what_is_there(tmp_path: Path, arguments: list[str], is_kept: bool) -> None:
    left = [tmp_path / name for name in ("best.ckpt", "last.ckpt", "report.html", "report-test.html")]
    for path in left:
        path.touch()
    start(callback(tmp_path, *arguments))
    assert [path.exists() for path in left] == 4 * [is_kept]
    assert "ckpt_path: null" in (tmp_path / "config.yaml").read_text(encoding="utf-8")


def test_until_the_training_starts_the_folder_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").touch()
    own = callback(tmp_path)
    for stage in ("fit", "predict"):
        own.save_config(None, None, stage)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize(("arguments", "is_first"), [([], False), (["--trainer.fast_dev_run", "true"], True)])
def test_a_trial_and_another_process_leave_it_as_it_is_too(
    tmp_path: Path, arguments: list[str], is_first: bool
) -> None:
    (tmp_path / "last.ckpt").touch()
    start(callback(tmp_path, *arguments), is_first=is_first)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
