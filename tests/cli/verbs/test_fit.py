"""``fit``: what it leaves, and how an interrupted run resumes."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from main import main
from ner.checkpoints.checkpoint import read_checkpoint
from ner.cli.lightning import CommandLine
from ner.cli.selection import read_selection, with_named_checkpoints
from ner.corpora import Sample
from ner.io.lock import OutputLock
from ner.training.module import NERModule

REPOSITORY = Path(__file__).parents[3]
QUICKSTART = str(REPOSITORY / "configs" / "quickstart.yaml")
SHORT = ["--trainer.max_epochs", "4", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]


def fit(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Path:
    """Train the quickstart for four epochs in a folder, and return that of its checkpoints."""
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    assert main(["fit", "--config", QUICKSTART, *SHORT, *arguments]) == 0
    return folder / "checkpoints" / "quickstart" / "seed=42"


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = torch.load(checkpoint, weights_only=True)["state_dict"]
    return loaded


def test_fit_leaves_two_checkpoints_the_configuration_and_logs(trained: Path) -> None:
    folder = trained / "checkpoints" / "quickstart" / "seed=42"
    assert sorted(path.name for path in folder.iterdir()) == [
        "best.ckpt",
        "config.yaml",
        "last.ckpt",
        "logs",
        "report.html",
    ]
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    assert config["data"]["corpus"]["class_path"] == "ner.corpora.Sample"
    header = (folder / "logs" / "version_0" / "metrics.csv").read_text(encoding="utf-8").splitlines()[0]
    for name in ("lr-AdamW/encoder", "lr-AdamW/emissions", "lr-AdamW/crf", "train/loss", "val/micro_f1", "val/f1/gene"):
        assert name in header.split(",")


def test_a_second_fit_replaces_the_first(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = trained / "checkpoints" / "quickstart" / "seed=42"
    before = (folder / "best.ckpt").stat().st_mtime_ns
    fit(trained, monkeypatch)
    assert sorted(path.name for path in folder.glob("*.ckpt")) == ["best.ckpt", "last.ckpt"]
    assert (folder / "best.ckpt").stat().st_mtime_ns > before


def test_fit_ends_with_the_dev_scores_and_what_it_wrote(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = fit(tmp_path, monkeypatch)
    printed = capsys.readouterr().out
    assert "official GutBrainIE score" in printed
    for word in (
        *Sample.labels,
        "micro",
        "macro",
        "best.ckpt",
        "last.ckpt",
        "config.yaml",
        "metrics.csv",
        "report.html",
    ):
        assert word in printed
    assert str(folder / "best.ckpt") in printed
    assert "are those of a toy" in caplog.text


def test_bf16_with_clipped_gradients_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--trainer.precision", "bf16-mixed", "--trainer.gradient_clip_val", "0.5", "--trainer.max_steps", "2"]
    folder = fit(tmp_path, monkeypatch, *arguments)
    assert all(
        values.dtype == torch.float32 and values.isfinite().all() for values in weights(folder / "last.ckpt").values()
    )


def test_gradients_of_several_bf16_batches_make_a_step(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = read_checkpoint(trained / "checkpoints" / "quickstart" / "seed=42" / "last.ckpt").steps // 4
    arguments = ["--trainer.precision", "bf16-mixed", "--trainer.accumulate_grad_batches", "2"]
    folder = fit(tmp_path, monkeypatch, *arguments, "--trainer.max_epochs", "1")
    assert read_checkpoint(folder / "last.ckpt").steps == -(-batches // 2)


def interrupted(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> None:
    """Train in a folder, but not to the end of the second of four epochs of twelve steps."""
    steps = 0
    original = NERModule.training_step

    def breaking(self: NERModule, batch: object) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps > 16:
            raise RuntimeError("cut off")
        return original(self, batch)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(NERModule, "training_step", breaking)
        with pytest.raises(RuntimeError, match="cut off"):
            fit(folder, monkeypatch, *arguments)


def test_a_training_whose_time_is_over_finishes_its_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fit(tmp_path, monkeypatch, "--trainer.max_epochs", "1000", "--trainer.max_time", "00:00:00:02")
    found = read_checkpoint(folder / "last.ckpt")
    assert 0 < found.epochs < 1000
    assert found.steps == 12 * found.epochs


def test_a_training_for_steps_is_not_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(monkeypatch, tmp_path, "--trainer.max_steps", "40")
    arguments = ["--config", QUICKSTART, *SHORT, "--trainer.max_steps", "40", "--ckpt_path", "last"]
    assert main(["fit", *arguments]) == 2
    assert "last.ckpt: a training for trainer.max_steps cannot be resumed; train anew" in capsys.readouterr().err


def test_a_second_checkpoint_of_the_same_settings_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "--config", QUICKSTART, "--trainer.callbacks+=ModelCheckpoint"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: two ModelCheckpoint have the same settings")


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(monkeypatch, tmp_path)
    capsys.readouterr()
    folder = fit(tmp_path, monkeypatch, "--ckpt_path", "last")
    assert "(the best)" in capsys.readouterr().out
    resumed, whole = weights(folder / "last.ckpt"), weights(trained / "checkpoints/quickstart/seed=42/last.ckpt")
    assert resumed.keys() == whole.keys()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_with_a_teacher_averages_and_rates_by_layer_it_does_so_too(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--teacher", str(trained / "checkpoints/quickstart/seed=*/last.ckpt"), "--ema_decay", "0.9"]
    options += ["--model.encoder_lr_decay", "0.8", "--model.dropout_samples", "2"]
    folder = fit(tmp_path / "whole", monkeypatch, *options)
    interrupted(monkeypatch, tmp_path / "resumed", *options)
    fit(tmp_path / "resumed", monkeypatch, *options, "--ckpt_path", "last")
    resumed = weights(tmp_path / "resumed" / "checkpoints" / "quickstart" / "seed=42" / "last.ckpt")
    whole = weights(folder / "last.ckpt")
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_the_average_of_the_weights_is_what_is_scored_and_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: list[torch.Tensor] = []

    def kept(self: NERModule, optimizer: object) -> None:
        steps.append(self.model.crf.transitions.detach().clone())

    with monkeypatch.context() as patch:
        patch.setattr(NERModule, "on_before_zero_grad", kept)
        folder = fit(tmp_path, monkeypatch, "--ema_decay", "0.9", "--trainer.max_epochs", "2")
    content = torch.load(folder / "last.ckpt", weights_only=True)
    # Weights after each step; Lightning zeroes gradients before a step, so that the last ones are only in the file.
    after = [*steps[1:], content["current_model_state"]["model.crf.transitions"]]
    expected = after[0]
    for transitions in after[1:]:
        expected = 0.9 * expected + 0.1 * transitions
    torch.testing.assert_close(content["state_dict"]["model.crf.transitions"], expected)
    metrics = (folder / "logs" / "version_0" / "metrics.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(metrics.splitlines()))
    *_, last = (row["val/loss"] for row in rows if row["val/loss"])
    line = CommandLine(
        "validate", with_named_checkpoints(read_selection(["--ckpt_path", str(folder / "last.ckpt")]), is_fit=False)
    )
    assert float(line.trainer.callback_metrics["val/loss"]) == pytest.approx(float(last), rel=1e-5)


def test_a_new_run_does_not_leave_the_last_checkpoint_of_an_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fit(tmp_path, monkeypatch, "--trainer.max_epochs", "1")

    def breaking(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(NERModule, "training_step", breaking)
        assert main(["fit", "--config", QUICKSTART, *SHORT]) == 130
    assert not (folder / "last.ckpt").exists()
    assert main(["fit", "--config", QUICKSTART, *SHORT, "--ckpt_path", "last"]) == 2
    assert "last.ckpt: no such checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["fit"], ["fit-seeds", "--seeds", "42"]])
def test_two_trainings_never_write_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("checkpoints") / "quickstart" / "seed=42"
    with OutputLock(folder):
        assert main([*verb, "--config", QUICKSTART, *SHORT]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {folder}: another process is writing it")
    assert not folder.exists()


def test_only_the_training_that_was_begun_is_resumed(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    other = ["--model.crf_lr", "0.5", "--trainer.max_epochs", "5", "--data.num_workers", "0"]
    assert main(["fit", "--config", QUICKSTART, *SHORT, *other, "--ckpt_path", "last"]) == 2
    assert "was trained with another model.crf_lr, trainer.max_epochs;" in capsys.readouterr().err


def test_early_stopping_ends_a_run_that_does_not_improve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    still = ["--early_stopping", "1", "--model.encoder_lr", "0", "--model.emissions_lr", "0", "--model.crf_lr", "0"]
    folder = fit(tmp_path, monkeypatch, *still)
    assert torch.load(folder / "last.ckpt", weights_only=True)["epoch"] == 1
    assert read_checkpoint(folder / "last.ckpt").is_stopped
    assert (folder / "report.html").is_file()


def test_the_last_checkpoint_is_that_of_the_last_epoch_also_when_another_is_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing of this label is found in three epochs, so that none is better than the first.
    rare = ["--checkpoint.monitor", "val/f1/statistical technique", "--trainer.max_epochs", "3"]
    folder = fit(tmp_path, monkeypatch, *rare)
    epochs = {name: torch.load(folder / f"{name}.ckpt", weights_only=True)["epoch"] for name in ("best", "last")}
    assert epochs == {"best": 0, "last": 2}
    assert not any(torch.equal(a, b) for a, b in zip(*(_crf(folder / f"{name}.ckpt") for name in epochs), strict=True))


def _crf(checkpoint: Path) -> list[torch.Tensor]:
    return [tensor for name, tensor in weights(checkpoint).items() if "crf" in name]


def test_an_unreachable_hub_is_one_line_within_fifteen_seconds(tmp_path: Path) -> None:
    # A port of this machine that nothing listens on stands for a network without a hub.
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    config = str(REPOSITORY / "configs" / "pubmedbert_crf.yaml")
    arguments = ["fit", "--config", config, "--data.corpus", "Sample"]
    start = time.perf_counter()
    outcome = subprocess.run(
        [sys.executable, REPOSITORY / "main.py", *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert time.perf_counter() - start < 15
    assert outcome.returncode == 2
    [line] = outcome.stderr.splitlines()
    assert line.startswith("error: microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract-fulltext: ")
    assert "does not answer" in line


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_fit_says_how_to_go_on(
    number: signal.Signals, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, str(REPOSITORY / "main.py"), "fit", "--config", QUICKSTART, *SHORT]
    command[command.index("4")] = "500"
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    last = tmp_path / "checkpoints" / "quickstart" / "seed=42" / "last.ckpt"
    until = time.monotonic() + 120
    while not last.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.2)
    process.send_signal(number)
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code
    assert "Traceback" not in errors
    assert "--ckpt_path last" in errors
