"""The command line as its users meet it: real files, a tiny encoder, and their mistakes."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from jsonargparse import Namespace

from main import main
from ner.cli.lightning import is_finished

REPOSITORY = Path(__file__).parents[2]
QUICKSTART = str(REPOSITORY / "configs" / "quickstart.yaml")
SAMPLE_TEST = REPOSITORY / "ner" / "corpora" / "sample_data" / "test.json"
SHORT = ["--trainer.max_epochs", "4", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]


def test_a_run_is_named_by_its_last_key_or_its_last_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "named.yaml").write_text("run: mine\n", encoding="utf-8")
    (tmp_path / "short.yaml").write_text("trainer: {max_epochs: 1}\n", encoding="utf-8")
    configs = ["--config", QUICKSTART, "--config", "named.yaml", "--config", "short.yaml"]
    assert main(["fit", *configs, *SHORT[2:]]) == 0
    assert (tmp_path / "checkpoints" / "mine" / "seed=42" / "best.ckpt").is_file()
    assert main(["predict", *configs]) == 0
    assert main(["predict", *configs, "--run", "mine", "--run", "other"]) == 2
    assert "checkpoints/other/" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("epochs", "steps", "is_stopped", "expected"),
    [(3, 36, False, True), (2, 24, False, False), (2, 24, True, True), (2, 100, False, True)],
)
def test_a_training_is_finished_by_epochs_by_steps_or_when_it_stopped(
    epochs: int, steps: int, is_stopped: bool, expected: bool
) -> None:
    checkpoint = SimpleNamespace(epochs=epochs, steps=steps, is_stopped=is_stopped)
    assert is_finished(checkpoint, Namespace(max_epochs=3, max_steps=100)) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "unknown verb 'frobnicate'"),
        (["fit", "--config", "missing.yaml"], "missing.yaml"),
        (["fit", "--config", QUICKSTART, "--model.drop", "0.2"], "model.drop"),
        (["fit", "--config", QUICKSTART, "--model.dropout", "much"], "model.dropout"),
        (["fit", "--config", QUICKSTART, "--data.corpus", "Nowhere"], "Nowhere"),
        (["fit", "--config", QUICKSTART, "--data.corpus", "GutBrainIE", "--data.corpus.root", "x"], "no folder x"),
        (["fit", "--config", QUICKSTART, "--data.window_tokens", "512"], "the encoder reads 128 tokens at most"),
        (["fit", "--config", QUICKSTART, "--data.overlap_tokens", "126"], "overlap_tokens smaller"),
        (["fit", "--config", QUICKSTART, "--model.encoder", "./no/such"], "no such folder"),
        (["fit", "--config", QUICKSTART, "--model.encoder", "no/such"], "HF_HUB_OFFLINE forbids to ask"),
        (["fit", "--config", QUICKSTART, "--run", "new", "--ckpt_path", "last"], "last.ckpt: no such checkpoint"),
        (["fit", "--config", QUICKSTART, "--ckpt_path", "."], "a folder, not a checkpoint"),
        (["fit", "--config", QUICKSTART, "--data.batch_size", "0"], "data.batch_size is 0"),
        (["fit", "--config", QUICKSTART, "--data.num_workers", "-1"], "data.num_workers is -1"),
        (["fit", "--config", QUICKSTART, "--model.dropout", "2"], "model.dropout is 2.0"),
        (["fit", "--config", QUICKSTART, "--seed_everything", "-1"], "seed_everything"),
        (["fit", "--config", QUICKSTART, "--trainer.max_epochs", "-1"], "trainer.max_epochs should be at least 1"),
        (["fit", "--config", QUICKSTART, "--trainer.strategy", "nope"], "nope"),
        (["fit", "--config", QUICKSTART, "--trainer.val_check_interval", "0"], "val_check_interval"),
        (["fit", "--config", QUICKSTART, "--trainer.precision", "16-true"], "weights are trained in fp32"),
        (["fit", "--config", QUICKSTART, "--run", "../x"], "plain name of a folder"),
        (["fit", "--config", QUICKSTART, "--run", ""], "plain name of a folder"),
        (["fit"], "give --config"),
        (["check"], "give --config"),
        (["fit", "--config", QUICKSTART, "--trainer.devices", "0"], "devices"),
        (["fit", "--config", QUICKSTART, "--model.encodr", "x"], "do you mean --model.encoder?"),
        (["fit", "--config", QUICKSTART, "--zzz", "1"], "fit --help lists"),
        (["fit", "--config", "."], ".: cannot be read (Is a directory)"),
        (["fit", "--config", str(REPOSITORY / "LICENSE")], "LICENSE: cannot be read as YAML"),
        (["predict"], "no checkpoint at"),
        (["predict", "--ckpt_path", "missing.ckpt"], "missing.ckpt: no such checkpoint"),
        (["predict", "--ckpt_path", str(SAMPLE_TEST)], "not a checkpoint"),
        (["check", "--config", "missing.yaml"], "missing.yaml: cannot be read"),
        (["check", "--config", QUICKSTART, "--data.corpsu", "Sample"], "data.corpsu"),
        (["score", "--gold", "missing.json", "--predictions", "missing.json"], "missing.json"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert printed.startswith("error: ")
