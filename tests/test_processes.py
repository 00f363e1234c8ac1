"""Two real processes over gloo, started as a user starts them, beside one."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
QUICKSTART = str(REPOSITORY / "configs" / "quickstart.yaml")
QUIET = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
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
    return outcome.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two processes trained the quickstart."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "ner").symlink_to(REPOSITORY / "ner")
    printed = run(folder, "fit", "--config", QUICKSTART, "--trainer.max_epochs", "3", *TWO)
    assert printed.count("wrote") == 4
    return folder


def test_two_processes_write_the_predictions_of_one(trained: Path) -> None:
    found = []
    for options in ([], TWO):
        printed = run(trained, "predict", "--predictions.path", "out.json", *options)
        assert len(re.findall(r"8 documents, \d+ entities: out\.json", printed)) == 1
        found.append(json.loads((trained / "out.json").read_text(encoding="utf-8")))
    assert list(found[0]) == list(found[1])
    assert found[0] == found[1]


def test_two_processes_score_as_one(trained: Path) -> None:
    alone, both = (run(trained, "validate", *options) for options in ([], TWO))
    assert "micro" in alone
    assert both == alone
