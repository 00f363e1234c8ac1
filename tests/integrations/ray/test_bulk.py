"""The verb as a user calls it, with a Ray of its own, killed and interrupted."""

import json
import signal
import time
from pathlib import Path
from random import Random

import pytest

from main import main
from ner.io.lock import OutputLock
from tests.integrations.ray.documents import Found, differences, expected, write_inputs
from tests.integrations.ray.runs import Run

TOTAL = 420
SIZES = (360, 60)


@pytest.fixture(scope="module")
def folder(quickstart: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with inputs, and the checkpoint of a toy."""
    folder = tmp_path_factory.mktemp("bulk")
    write_inputs(folder / "in", SIZES)
    (folder / "best.ckpt").symlink_to(quickstart / "checkpoints" / "quickstart" / "seed=42" / "best.ckpt")
    return folder


@pytest.fixture(scope="module")
def right(folder: Path) -> Found:
    return expected(folder / "best.ckpt", TOTAL)


def _arguments(folder: Path, output: Path) -> list[str]:
    checkpoint, inputs = str(folder / "best.ckpt"), str(folder / "in" / "*.jsonl")
    return ["--checkpoints", checkpoint, "--input", inputs, "--output", str(output)]


def test_a_run_whose_actor_and_driver_are_killed_ends_with_what_a_tagger_finds(
    folder: Path, right: Found, tmp_path: Path
) -> None:
    arguments, random = _arguments(folder, tmp_path / "out"), Random(0)
    first = Run(arguments, tmp_path / "first.log")
    assert first.wait_for(tmp_path / "out", 1)
    assert first.kill("actor", random)
    assert first.wait_for(tmp_path / "out", 1), "it goes on without its actor"
    assert first.kill("driver", random)
    assert first.wait().code == -signal.SIGKILL
    second = Run(arguments, tmp_path / "second.log").wait()
    assert second.code == 0, second.text
    assert differences(tmp_path / "out", right) == []
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["documents"], summary["errors"], summary["missing"]) == (TOTAL, 0, {})
    assert 0 < summary["documents_now"] < TOTAL
    assert (tmp_path / "out" / "throughput.png").read_bytes().startswith(b"\x89PNG")
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".parquet", ".json", ".png"}


def test_an_interrupted_run_says_how_to_resume_it(folder: Path, tmp_path: Path) -> None:
    run = Run(_arguments(folder, tmp_path / "out"), tmp_path / "log")
    assert run.wait_for(tmp_path / "out", 1)
    run.signal(signal.SIGINT)
    start = time.monotonic()
    outcome = run.wait()
    assert outcome.code == 130
    assert outcome.text.splitlines()[-1] == "interrupted; the same command resumes after what was tagged"
    assert "Traceback" not in outcome.text
    assert time.monotonic() - start < 20


def test_a_file_that_is_broken_is_told_and_the_exit_code_is_1(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (inputs := tmp_path / "in").mkdir()
    (inputs / "good.jsonl").write_text('{"id": "1", "text": "mice"}\n{"id": 2}\n', encoding="utf-8")
    (inputs / "bad.jsonl").write_bytes(b"\xff\n")
    output = tmp_path / "out"
    arguments = ["bulk", "--checkpoints", str(folder / "best.ckpt"), "--input", str(inputs), "--format", "JsonLines"]
    arguments += ["--output", str(output), "--actors", "1"]
    assert main([*arguments, "--dry_run"]) == 0
    printed = capsys.readouterr().out
    assert "2 files of JsonLines, 0 of them done" in printed
    assert "1 actors of one thread each, on CPUs" in printed
    assert not output.exists()
    assert main(arguments) == 1
    printed = capsys.readouterr().out
    assert "2 documents, 1 of them with an error, in 1 files" in printed
    assert f"missing: {inputs / 'bad.jsonl'}: broken after 0 documents: not UTF-8" in printed
    for option, value, what in (
        ("--min_score", "0.5", "min_score (auto, now 0.5)"),
        ("--precision", "32", "precision (auto, now 32)"),
        ("--format.on_bad_span", "skip", "format (JsonLines(on_bad_span='error'"),
    ):
        for more in ([], ["--dry_run"]):
            assert main([*arguments, option, value, *more]) == 2
            assert f"was tagged with another {what}" in capsys.readouterr().err
    link = tmp_path / "link"
    link.symlink_to(output)
    with OutputLock(output):
        for place in (str(output), f"file://{output}", str(link)):
            assert main([*arguments, "--output", place]) == 2
            assert "another process is writing it" in capsys.readouterr().err


def test_without_the_extra_a_line_names_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("ner.cli.verbs.bulk.find_spec", lambda _: None)
    assert main(["bulk", "--checkpoints", "x", "--input", "x", "--output", "x"]) == 2
    line = "error: bulk needs ray and pyarrow, the extra `bulk`: pip install -c constraints.txt -e '.[bulk]'\n"
    assert capsys.readouterr().err == line
