"""Several seeds in one command, however often it is cut off, and what their ensemble does."""

import io
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from ray.cluster_utils import Cluster
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from main import main
from ner.checkpoints.checkpoint import read_checkpoint

REPOSITORY = Path(__file__).parents[3]
QUICKSTART = str(REPOSITORY / "configs" / "quickstart.yaml")
SAMPLE = REPOSITORY / "ner" / "corpora" / "sample_data"
EPOCHS = 4
COMMAND = ["fit-seeds", "--config", QUICKSTART, "--seeds", "11,42", "--trainer.max_epochs", str(EPOCHS)]
COMMAND += ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
RUN = Path("checkpoints") / "quickstart"


@pytest.fixture
def copied(quickstart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the quickstart's checkpoints, to work in and to damage."""
    shutil.copytree(quickstart / "checkpoints", tmp_path / "checkpoints")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights(folder: Path, seed: int) -> dict[str, torch.Tensor]:
    return dict(read_checkpoint(folder / RUN / f"seed={seed}" / "last.ckpt").read_weights())


def predicted(*arguments: str) -> object:
    out = Path("out.json")
    dev = ["--data.predict_path", str(SAMPLE / "dev.json"), "--predictions.path", str(out)]
    assert main(["predict", *arguments, *dev]) == 0
    return json.loads(out.read_text(encoding="utf-8"))


def test_finished_seeds_are_skipped_and_scored(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = [path.stat().st_mtime_ns for path in sorted(copied.glob("checkpoints/*/*/*.ckpt"))]
    assert main(COMMAND) == 0
    assert [path.stat().st_mtime_ns for path in sorted(copied.glob("checkpoints/*/*/*.ckpt"))] == before
    printed = capsys.readouterr().out
    for words in ("seed=11: finished, skipped", "seed=42: finished, skipped", "mean", "standard deviation", "ensemble"):
        assert words in printed


def test_a_run_that_was_killed_ends_with_the_weights_of_an_undisturbed_one(quickstart: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "main.py"), *COMMAND],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    last = tmp_path / RUN / "seed=42" / "last.ckpt"
    until = time.monotonic() + 120
    while not last.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)  # in the second seed's second epoch
    assert process.wait() == -signal.SIGKILL
    assert 0 < read_checkpoint(last).epochs < EPOCHS
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(tmp_path)
        assert main(COMMAND) == 0
    for seed in (11, 42):
        torch.testing.assert_close(weights(tmp_path, seed), weights(quickstart, seed), rtol=0, atol=0)


def test_seeds_on_a_cluster_are_those_that_are_trained_one_after_the_other(
    quickstart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # As many threads a seed as the others were trained with.
    cores = 2 * torch.get_num_threads()
    cluster = Cluster(
        True, head_node_args={"num_cpus": cores, "object_store_memory": 10**8, "include_dashboard": False}
    )
    try:
        assert main([*COMMAND, "--ray.address", cluster.address]) == 0
    finally:
        cluster.shutdown()
    printed = capsys.readouterr().out
    for seed in (11, 42):
        torch.testing.assert_close(weights(tmp_path, seed), weights(quickstart, seed), rtol=0, atol=0)
        assert printed.count(f"quickstart, seed {seed}") == 1
        assert printed.index(f"quickstart, seed {seed}") < printed.index("standard deviation")
    assert "seed=42/last.ckpt" in printed


def test_an_interruption_ends_all_seeds_on_a_cluster(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            str(REPOSITORY / "main.py"),
            *COMMAND,
            "--ray.address",
            "local",
            "--trainer.max_epochs",
            "999",
        ],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    last = tmp_path / RUN / "seed=42" / "last.ckpt"
    until = time.monotonic() + 240
    while not last.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGINT, errors
    assert errors.splitlines()[-1] == "interrupted; the same command resumes after the last finished epoch"
    epochs = read_checkpoint(last).epochs
    time.sleep(2)
    assert read_checkpoint(last).epochs == epochs


def test_without_ray_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ner.cli.verbs.fit_seeds.find_spec", lambda _: None)
    assert main([*COMMAND, "--ray.address", "auto"]) == 2
    line = "--ray.address needs ray, the extra `bulk`: pip install -c constraints.txt -e '.[bulk]'"
    assert line in capsys.readouterr().err


def test_a_seed_that_was_trained_otherwise_is_an_error_that_names_the_key(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*COMMAND, "--model.crf_lr", "0.5"]) == 2
    assert "seed=11/last.ckpt: was trained with another model.crf_lr;" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "1,two"], "should be numbers separated by commas"),
        (["--seeds", "1,1"], "named twice"),
        (["--seeds", "1,-1"], "a seed lies between 0 and 4294967295"),
        (["--seeds", "1,4294967296"], "a seed lies between 0 and 4294967295"),
        (["--init_from", "nowhere/seed={seed}/best.ckpt"], "nowhere/seed=42/best.ckpt: no checkpoint matches"),
        (["--seed_everything", "3"], "takes no --seed_everything"),
        (["--ckpt_path", "last"], "takes no --ckpt_path"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fit-seeds", "--config", QUICKSTART, *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", [["--checkpoint.filename", "x"], ["--checkpoint.save_top_k", "0"], ["--trainer.fast_dev_run", "1"]]
)
def test_seeds_without_the_checkpoints_to_score_are_refused_before_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fit-seeds", "--config", QUICKSTART, "--seeds", "1,2", *option]) == 2
    assert "fit-seeds scores best.ckpt and last.ckpt of each seed; leave out" in capsys.readouterr().err
    assert not list(tmp_path.glob("**/*.ckpt"))


def test_a_bare_predict_uses_all_seeds_and_a_checkpoint_alone_never_does(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict"]) == 0
    printed = capsys.readouterr().err
    assert (
        "ensemble of 2: checkpoints/quickstart/seed=11/best.ckpt, checkpoints/quickstart/seed=42/best.ckpt" in printed
    )
    assert (copied / RUN / "predictions.json").is_file()
    for single in (["--ckpt_path", str(RUN / "seed=11" / "best.ckpt")], ["--ckpt_path", "best"]):
        assert main(["predict", *single]) == 0
        assert "ensemble" not in "".join(capsys.readouterr())
    assert main(["predict", "--config", QUICKSTART, "--seed_everything", "42"]) == 0
    assert "seed=42/predictions.json" in capsys.readouterr().out


def test_standard_output_has_the_predictions_of_an_ensemble_and_nothing_else(
    copied: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["predict", "--predictions.path", "-", "--predictions.format", "JsonLines"]) == 0
    lines = capfdbinary.readouterr().out.splitlines()
    assert lines
    assert all("passages" in json.loads(line) for line in lines)


def test_a_pattern_of_checkpoints_is_an_ensemble_too(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pattern = str(RUN / "seed=*" / "best.ckpt")
    assert predicted("--ckpt_path", pattern) == predicted("--ensemble.checkpoints", pattern)
    assert capsys.readouterr().err.count("ensemble of 2: ") == 2
    assert main(["predict", "--ckpt_path", "no/seed=*/best.ckpt"]) == 2
    assert "no checkpoint matches" in capsys.readouterr().err


def test_an_evaluation_opens_each_configuration_and_each_checkpoint_once(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = copied / "own.yaml"
    config.write_text("run: quickstart\npredictions: {path: opened_once.json}\n", encoding="utf-8")
    checkpoints, files, parsed = Counter[str](), Counter[str](), Counter[str]()
    for module, name, calls in ((torch, "load", checkpoints), (io, "open", files), (yaml, "load", parsed)):
        monkeypatch.setattr(module, name, counting(getattr(module, name), calls))
    assert main(["predict", "--config", config.name]) == 0
    assert Path("opened_once.json").is_file()
    assert checkpoints == {str(RUN / f"seed={seed}" / "best.ckpt"): 1 for seed in (11, 42)}
    assert files[config.name] == 1
    assert parsed[config.read_text(encoding="utf-8")] == 1


def counting(function: Callable[..., object], calls: Counter[str]) -> Callable[..., object]:
    """A function that also counts its calls by their first argument."""

    def call(first: object, *arguments: object, **keywords: object) -> object:
        calls[str(first)] += 1
        return function(first, *arguments, **keywords)

    return call


def test_what_validate_measures_is_what_predict_writes(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--trainer.precision", "32"]) == 0
    printed = capsys.readouterr().out
    predicted("--trainer.precision", "32")
    capsys.readouterr()
    assert main(["score", "--gold", str(SAMPLE / "dev.json"), "--predictions", "out.json", "--json"]) == 0
    micro = json.loads(capsys.readouterr().out)["micro"]
    line = next(line for line in printed.splitlines() if line.startswith(" micro "))
    assert [f"{micro[key]:.4f}" for key in ("p", "r", "f1")] == line.split()[-3:]


def test_checkpoints_an_export_and_members_one_at_a_time_give_identical_entities(copied: Path) -> None:
    pattern = str(RUN / "seed=*" / "best.ckpt")
    assert main(["export", "--checkpoints", pattern, "--output", "exported"]) == 0
    expected = predicted("--ensemble.checkpoints", pattern, "--predictions.scores", "true")
    assert predicted("--ckpt_path", "exported", "--predictions.scores", "true") == expected
    assert (
        predicted("--ensemble.checkpoints", pattern, "--ensemble.one_at_a_time", "true")
        == [without_scores(document) for document in [expected]].pop()
    )
    single = predicted("--ckpt_path", str(RUN / "seed=11" / "best.ckpt"))
    assert main(["export", "--checkpoints", str(RUN / "seed=11" / "best.ckpt"), "--output", "one"]) == 0
    assert predicted("--ckpt_path", "one") == single != without_scores(expected)


def without_scores(predictions: object) -> object:
    assert isinstance(predictions, dict)
    return {
        pmid: {"entities": [{key: value for key, value in entity.items() if key != "score"} for entity in entities]}
        for pmid, document in predictions.items()
        for entities in [document["entities"]]
    }


def test_scores_are_probabilities_and_the_least_of_them_filters(copied: Path) -> None:
    everything = predicted("--predictions.scores", "true")
    assert isinstance(everything, dict)
    scores = [entity["score"] for document in everything.values() for entity in document["entities"]]
    assert all(0 <= score <= 1 for score in scores)
    least = sorted(scores)[len(scores) // 2]
    kept = predicted("--predictions.min_score", str(least))
    assert isinstance(kept, dict)
    found = [entity for document in kept.values() for entity in document["entities"]]
    assert len(found) == sum(score >= least for score in scores)
    assert not any("score" in entity for entity in found)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("labels", ["gene"], "labels"),
        ("markers", False, "markers"),
        ("tokenizer", Tokenizer(WordLevel({"[UNK]": 0}, "[UNK]")).to_str(), "tokenizer"),
    ],
)
def test_members_that_disagree_are_refused_by_name(
    copied: Path, capsys: pytest.CaptureFixture[str], key: str, value: object, named: str
) -> None:
    path = copied / RUN / "seed=42" / "best.ckpt"
    content = torch.load(path, weights_only=True)
    content["hyper_parameters" if key == "labels" else "NERDataModule"][key] = value
    torch.save(content, path)
    assert main(["validate"]) == 2
    printed = capsys.readouterr().err
    assert "seed=42/best.ckpt and checkpoints/quickstart/seed=11/best.ckpt do not fit together" in printed
    assert f"they differ in {named}" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ensemble.checkpoints", "no/*.ckpt"], "no checkpoint matches"),
        (["--ensemble.checkpoints", "[]"], "none is named"),
        (["--ensemble.checkpoints", "a.ckpt", "--ckpt_path", "b.ckpt"], "needs only the latter"),
        (["--predictions.min_score", "2"], "min_score"),
        (["--ckpt_path", str(RUN)], "a folder, not a checkpoint"),
    ],
)
def test_a_mistaken_ensemble_is_one_line(
    copied: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["predict", *arguments]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.splitlines()[-1].startswith("error: ")


def test_a_second_stage_starts_from_the_first_ones_weights(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    still = ["--model.encoder_lr", "0", "--model.emissions_lr", "0", "--model.crf_lr", "0", "--trainer.max_epochs", "1"]
    source = str(RUN / "seed={seed}" / "last.ckpt")
    stage = ["fit", *COMMAND[1:3], *COMMAND[-4:], *still, "--init_from", source, "--run", "second"]
    assert main([*stage, "--seed_everything", "42"]) == 0
    second = read_checkpoint(Path("checkpoints/second/seed=42/last.ckpt"))
    first = weights(copied, 42)
    assert second.steps < read_checkpoint(RUN / "seed=42" / "last.ckpt").steps
    assert all(torch.equal(tensor, first[name]) for name, tensor in second.read_weights().items())
    assert main(["export", "--checkpoints", str(RUN / "seed=*" / "last.ckpt"), "--output", "exported"]) == 0
    assert main([*stage[:-4], "--init_from", "exported", "--run", "third", "--seed_everything", "11"]) == 0
    capsys.readouterr()
    assert main([*stage[:-4], "--init_from", "exported", "--run", "third", "--seed_everything", "3"]) == 2
    assert "none of them seed 3" in capsys.readouterr().err
    assert main([*stage[:-2], "--seed_everything", "42"]) == 2
    assert "lies where this run would write" in capsys.readouterr().err
    assert main([*stage, "--data.markers", "false", "--seed_everything", "42"]) == 2
    assert "differ in markers" in capsys.readouterr().err


def test_a_training_for_steps_is_skipped_once_it_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["fit-seeds", "--config", QUICKSTART, "--seeds", "11", "--trainer.max_steps", "16"]
    command += ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
    assert main(command) == 0
    before = (tmp_path / RUN / "seed=11" / "last.ckpt").stat().st_mtime_ns
    assert main(command) == 0
    assert (tmp_path / RUN / "seed=11" / "last.ckpt").stat().st_mtime_ns == before
