"""Two real processes over gloo, started as a user starts them, beside one; seeds."""

import os
import re
import subprocess
import sys
from itertools import islice, product
from pathlib import Path

import pytest
import torch

from ner.corpora import Sample
from ner.formats.jsonl import JsonLines
from ner.preprocessing.collate import collate
from ner.runtime import mixed_seed
from tests.first_step import build

REPOSITORY = Path(__file__).parents[1]
QUICKSTART = str(REPOSITORY / "configs" / "quickstart.yaml")
# In bf16 rounding depends on the batches, which are not those of one process.
QUIET = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false", "--trainer.precision", "32"]
TWO = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]


def run(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    outcome = subprocess.run(
        [sys.executable, str(REPOSITORY / "main.py"), *arguments, *QUIET],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "sync_dist" not in outcome.stderr  # advice to developers
    return outcome.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two processes trained the quickstart."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "ner").symlink_to(REPOSITORY / "ner")
    printed = run(folder, "fit", "--config", QUICKSTART, "--trainer.max_epochs", "3", *TWO)
    assert printed.count("wrote") == 5
    return folder


@pytest.mark.parametrize("count", [7, 1])
def test_two_processes_write_the_predictions_of_one(trained: Path, count: int) -> None:
    JsonLines().write(islice(Sample().read("test"), count), trained / "in.jsonl")
    files = ["--data.predict_path", "in.jsonl", "--data.predict_format", "JsonLines", "--predictions.path", "out.jsonl"]
    found = []
    for options in ([], TWO):
        printed = run(trained, "predict", *files, *options)
        assert len(re.findall(rf"{count} documents, \d+ entities: out\.jsonl", printed)) == 1
        found.append((trained / "out.jsonl").read_bytes())
    assert found[0].count(b"\n") == count
    assert found[0] == found[1]


def test_two_processes_score_as_one(trained: Path) -> None:
    # Five batches, which two processes cannot share evenly.
    alone, both = (run(trained, "validate", "--data.eval_batch_size", "5", *options) for options in ([], TWO))
    assert "micro" in alone
    assert both == alone


def test_the_first_gradient_of_two_processes_is_that_of_one_with_both_batches(tmp_path: Path) -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.first_step", "2", str(tmp_path / "found")]
    subprocess.run(command, cwd=REPOSITORY, env=environment, check=True, timeout=300, capture_output=True)
    found = [torch.load(tmp_path / f"found.{number}") for number in range(2)]
    module, data = build()
    data.setup("fit")
    first, second = islice(data.train_dataloader(), 2)
    chunks = [*first.texts.chunks, *second.texts.chunks]
    texts = data.preprocessor.encode(data.documents("train"), data.label_set)
    places = [(chunk.document.id, chunk.pieces) for chunk in texts.chunks]
    chosen = [places.index((chunk.document.id, chunk.pieces)) for chunk in chunks]
    both = collate(texts.take(chosen), data.preprocessor)
    assert first.annotated.sum() != second.annotated.sum()
    loss = module.loss(module(both), both)
    loss.backward()
    for process in found:
        torch.testing.assert_close(process["loss"], loss.detach(), rtol=1e-5, atol=0)
        for name, parameter in module.named_parameters():
            # Below that is what rounding leaves of gradients that are zero, as that of the keys' bias is.
            torch.testing.assert_close(process["gradients"][name], parameter.grad, rtol=1e-4, atol=1e-9)


def test_runs_whose_seeds_and_epochs_have_equal_sums_draw_differently() -> None:
    seeds = {mixed_seed(seed, epoch, rank) for seed, epoch, rank in product(range(50), range(20), range(4))}
    assert len(seeds) == 50 * 20 * 4


def test_a_seed_is_always_the_same_and_fits_every_generator() -> None:
    assert mixed_seed(42, 0) == 826291246 < 2**32
