"""The command line as its users meet it: real files, a tiny encoder, and their mistakes."""

import json
import os
import shutil
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
from ner.corpora import Sample
from ner.training.module import NERModule

REPOSITORY = Path(__file__).parents[2]
QUICKSTART = str(REPOSITORY / "configs" / "quickstart.yaml")
SAMPLE_TEST = REPOSITORY / "ner" / "corpora" / "sample_data" / "test.json"
SHORT = ["--trainer.max_epochs", "4", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
ENTITY_KEYS = ["start_idx", "end_idx", "location", "text_span", "label"]


def fit(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Path:
    """Train the quickstart for four epochs in a folder, and return that of its checkpoints."""
    enter(folder, monkeypatch)
    assert main(["fit", "--config", QUICKSTART, *SHORT, *arguments]) == 0
    return folder / "checkpoints" / "quickstart" / "seed=42"


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    if not (folder / "ner").exists():
        (folder / "ner").symlink_to(REPOSITORY / "ner")  # the quickstart's encoder is relative to the repository


@pytest.fixture(scope="module")
def trained(trained: Path) -> Path:
    """A folder in which the quickstart was trained for four epochs, with one seed."""
    shutil.rmtree(trained / "checkpoints" / "quickstart" / "seed=11")
    return trained


@pytest.fixture
def best(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of its best checkpoint alone, in a folder where nothing else is."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(trained / "checkpoints" / "quickstart" / "seed=42" / "best.ckpt", tmp_path / "moved.ckpt"))


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = torch.load(checkpoint, weights_only=True)["state_dict"]
    return loaded


def test_fit_leaves_two_checkpoints_the_configuration_and_logs(trained: Path) -> None:
    folder = trained / "checkpoints" / "quickstart" / "seed=42"
    assert sorted(path.name for path in folder.iterdir()) == ["best.ckpt", "config.yaml", "last.ckpt", "logs"]
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
    for word in (*Sample.labels, "micro", "macro", "best.ckpt", "last.ckpt", "config.yaml", "metrics.csv"):
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


@pytest.mark.parametrize(("is_fast", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_processor_without_bf16_computes_in_fp32_and_says_so(
    best: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_fast: bool, precision: str
) -> None:
    used: list[str] = []
    monkeypatch.setattr("ner.training.trainer.has_fast_bf16", lambda: is_fast)
    monkeypatch.setattr(NERModule, "on_predict_start", lambda self: used.append(self.trainer.precision))
    options = ["--trainer.precision", "bf16-mixed", "--trainer.accelerator", "cpu"]
    assert main(["predict", "--ckpt_path", best.name, *options]) == 0
    assert used == [precision]
    assert ("has no instructions for bf16" in caplog.text) is not is_fast


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = 0
    original = NERModule.training_step

    def breaking(self: NERModule, batch: object) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps > 16:  # in the second of four epochs of twelve steps
            raise RuntimeError("cut off")
        return original(self, batch)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(NERModule, "training_step", breaking)
        with pytest.raises(RuntimeError, match="cut off"):
            fit(tmp_path, monkeypatch)
    capsys.readouterr()
    folder = fit(tmp_path, monkeypatch, "--ckpt_path", "last")
    assert "(the best)" in capsys.readouterr().out
    resumed, whole = weights(folder / "last.ckpt"), weights(trained / "checkpoints/quickstart/seed=42/last.ckpt")
    assert resumed.keys() == whole.keys()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


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


def test_a_seed_that_is_asked_for_is_the_seed_that_predicts(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained / "checkpoints", tmp_path / "checkpoints")
    run = tmp_path / "checkpoints" / "quickstart"
    shutil.copytree(run / "seed=42", run / "seed=7")
    os.utime(run / "seed=7" / "best.ckpt", (1, 1))
    enter(tmp_path, monkeypatch)
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


def test_a_run_is_named_by_its_last_key_or_its_last_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    enter(tmp_path, monkeypatch)
    (tmp_path / "named.yaml").write_text("run: mine\n", encoding="utf-8")
    (tmp_path / "short.yaml").write_text("trainer: {max_epochs: 1}\n", encoding="utf-8")
    configs = ["--config", QUICKSTART, "--config", "named.yaml", "--config", "short.yaml"]
    assert main(["fit", *configs, *SHORT[2:]]) == 0
    assert (tmp_path / "checkpoints" / "mine" / "seed=42" / "best.ckpt").is_file()
    assert main(["predict", *configs]) == 0
    assert main(["predict", *configs, "--run", "mine", "--run", "other"]) == 2
    assert "checkpoints/other/" in capsys.readouterr().err


def test_the_last_checkpoint_is_that_of_the_last_epoch_also_when_another_is_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No epoch scores lower than the first, which finds nothing.
    folder = fit(tmp_path, monkeypatch, "--checkpoint.mode", "min")
    epochs = {name: torch.load(folder / f"{name}.ckpt", weights_only=True)["epoch"] for name in ("best", "last")}
    assert epochs == {"best": 0, "last": 3}
    assert not any(torch.equal(a, b) for a, b in zip(*(_crf(folder / f"{name}.ckpt") for name in epochs), strict=True))


def _crf(checkpoint: Path) -> list[torch.Tensor]:
    return [tensor for name, tensor in weights(checkpoint).items() if "crf" in name]


def test_a_bare_predict_tags_the_test_set_beside_the_newest_checkpoint(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    assert main(["predict"]) == 0
    path = trained / "checkpoints" / "quickstart" / "seed=42" / "predictions.json"
    assert "checkpoints/quickstart/seed=42/predictions.json" in capsys.readouterr().out
    predictions = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
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


def test_a_checkpoint_loads_safely_and_holds_plain_types(best: Path) -> None:
    checkpoint = torch.load(best, weights_only=True)
    assert checkpoint["hyper_parameters"]["labels"] == list(Sample.labels)
    assert checkpoint["hyper_parameters"]["encoder_config"]["model_type"] == "bert"
    assert json.loads(checkpoint["NERDataModule"]["tokenizer"])["model"]["type"] == "WordPiece"
    assert yaml.safe_load(checkpoint["config"])["trainer"]["max_epochs"] == 4


def test_validate_names_its_two_scores(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    assert main(["validate", "--config", QUICKSTART, "--ckpt_path", "best"]) == 0
    printed = capsys.readouterr().out
    assert "dev: official GutBrainIE score" in printed
    assert "dev: seqeval, strict IOB2" in printed


def test_what_validate_prints_is_what_score_computes(best: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dev = SAMPLE_TEST.with_name("dev.json")
    arguments = ["--ckpt_path", best.name, "--data.predict_path", str(dev), "--predictions.path", "dev.json"]
    assert main(["validate", "--ckpt_path", best.name]) == 0
    printed = capsys.readouterr().out
    assert main(["predict", *arguments]) == 0
    capsys.readouterr()
    assert main(["score", "--gold", str(dev), "--predictions", "dev.json", "--json"]) == 0
    micro = json.loads(capsys.readouterr().out)["micro"]
    line = next(line for line in printed.splitlines() if line.startswith(" micro "))
    assert [f"{micro[key]:.4f}" for key in ("p", "r", "f1")] == line.split()[-3:]


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


def test_check_reports_on_the_corpus(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["check", "--config", QUICKSTART]) == 0
    printed = capsys.readouterr().out
    for words in ("train", "dev", "test", "beyond the encoder's limit", "nested", "perfect tagger", *Sample.labels):
        assert words in printed


def test_check_is_not_cut_in_a_pipe_and_names_where_annotation_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = os.environ.get("GUTBRAINIE_ROOT")
    if not root:
        pytest.skip("GUTBRAINIE_ROOT names no folder of the GutBrainIE collection")
    enter(tmp_path, monkeypatch)
    arguments = ["--model.encoder", "ner/corpora/sample_data/encoder", "--data.corpus", "GutBrainIE"]
    assert main(["check", *arguments, "--data.corpus.tiers", "[platinum, gold, silver, bronze]"]) == 0
    printed = capsys.readouterr().out
    assert "…" not in printed
    assert "platinum" in printed
    assert "train silver: 39299582 abstract, annotated to character 1756 of 7617" in printed


def test_check_reports_on_the_splits_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    enter(tmp_path, monkeypatch)
    dev = tmp_path / "Annotations" / "Dev" / "json_format" / "dev.json"
    dev.parent.mkdir(parents=True)
    shutil.copy(SAMPLE_TEST.with_name("dev.json"), dev)
    corpus = ["--data.corpus", "GutBrainIE", "--data.corpus.root", str(tmp_path)]
    assert main(["check", "--model.encoder", "ner/corpora/sample_data/encoder", *corpus]) == 2
    output = capsys.readouterr()
    assert "dev" in output.out
    assert "no file of tier 'platinum'" in output.err


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
        (["fit", "--config", QUICKSTART, "--ckpt_path", "ner"], "a folder, not a checkpoint"),
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
        (["fit", "--config", QUICKSTART, "--model.encodr", "x"], "do you mean model.encoder?"),
        (["fit", "--config", QUICKSTART, "--zzz", "1"], "fit --help lists"),
        (["fit", "--config", "ner"], "ner: cannot be read (Is a directory)"),
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
    enter(tmp_path, monkeypatch)
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert printed.startswith("error: ")


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


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"state_dict": {}}, "its weights are not those of its configuration"),
        ({"state_dict": [1]}, "a damaged checkpoint"),
        ({"hyper_parameters": [1]}, "a damaged checkpoint"),
        ({"hyper_parameters": {"labels": list(Sample.labels), "encoder_config": {}}}, "cannot build the encoder"),
        ({"config": "a: b: c"}, "a damaged checkpoint"),
        ({"NERDataModule": {"tokenizer": "{"}}, "the tokenizer's JSON is damaged"),
        ({"NERDataModule": {"chunking": {"class_path": "no.Where", "init_args": {}}}}, "no.Where"),
        ({"NERDataModule": {"letters": 3}}, "does not know: letters"),
    ],
)
def test_a_checkpoint_with_damaged_insides_is_one_line(
    best: Path, capsys: pytest.CaptureFixture[str], damage: dict[str, object], message: str
) -> None:
    checkpoint = torch.load(best, weights_only=True)
    for key, value in damage.items():
        is_update = key == "NERDataModule" and isinstance(value, dict)
        checkpoint[key] = {**checkpoint[key], **value} if is_update else value
    torch.save(checkpoint, best)
    assert main(["predict", "--ckpt_path", best.name]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert [line[:7] for line in printed.splitlines() if "toy" not in line] == ["error: "]


@pytest.mark.parametrize("content", [{}, {"state_dict": {}}, [1, 2]])
def test_a_foreign_checkpoint_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: object) -> None:
    torch.save(content, tmp_path / "foreign.ckpt")
    assert main(["predict", "--ckpt_path", str(tmp_path / "foreign.ckpt")]) == 2
    assert "not a checkpoint of this project" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["score", "--help"]])
def test_light_help_answers_in_a_second(arguments: list[str]) -> None:
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, REPOSITORY / "main.py", *arguments], check=True, capture_output=True)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(3)) < 1


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


def test_an_interrupted_fit_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(tmp_path, monkeypatch)
    command = [sys.executable, str(REPOSITORY / "main.py"), "fit", "--config", QUICKSTART, *SHORT]
    command[command.index("4")] = "500"
    # A shell that starts the tests in the background has them ignore SIGINT, and children inherit that.
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    last = tmp_path / "checkpoints" / "quickstart" / "seed=42" / "last.ckpt"
    until = time.monotonic() + 120
    while not last.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "--ckpt_path last" in errors
