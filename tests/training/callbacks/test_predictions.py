"""What `predict` writes: order, formats, and interrupted runs."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lightning.pytorch import LightningModule, Trainer

from main import main
from ner.corpora import Sample
from ner.documents import Document, Passage
from ner.formats.brat import Brat
from ner.formats.jsonl import JsonLines
from ner.formats.pubtator import PubTator
from ner.inference.journal import Done, PredictionJournal
from ner.training.callbacks.predictions import PredictionWriter

REPOSITORY = Path(__file__).parents[3]
# Pools of a few documents, so that much is written before the end.
SMALL = ["--data.eval_batch_tokens", "128", "--trainer.accelerator", "cpu", "--trainer.precision", "32"]


@pytest.fixture(scope="module")
def trained(trained: Path) -> Path:
    """A folder with two checkpoints and 400 articles."""
    for name, seed in (("a.ckpt", 42), ("b.ckpt", 11)):
        shutil.copy(trained / "checkpoints" / "quickstart" / f"seed={seed}" / "last.ckpt", trained / name)
    articles = [
        {"title": document.passages[0].text, "abstract": document.passages[1].text}
        for document in Sample().read("train")
    ]
    many = {str(number): articles[number % len(articles)] for number in range(400)}
    (trained / "articles.json").write_text(json.dumps(many), encoding="utf-8")
    return trained


def predict(*arguments: str) -> int:
    options = [
        "--ckpt_path",
        "a.ckpt",
        "--data.predict_path",
        "articles.json",
        "--predictions.path",
        "out.json",
        *SMALL,
    ]
    return main(["predict", *options, "--trainer.enable_progress_bar", "false", *arguments])


def killed_in_the_middle(folder: Path) -> Path:
    """What a `predict` leaves that is killed when it has written some documents."""
    part = folder / "out.json.part"
    command = [sys.executable, str(REPOSITORY / "main.py"), "predict", "--ckpt_path", "a.ckpt"]
    command += ["--data.predict_path", "articles.json", "--predictions.path", "out.json", *SMALL]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and (not part.exists() or part.read_bytes().count(b"\n") < 20):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not (folder / "out.json").exists()
    assert part.read_bytes().count(b"\n") < 400
    return part


def test_a_killed_run_goes_on_and_writes_what_an_undisturbed_one_does(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    assert predict("--predictions.path", "whole.json") == 0
    part = killed_in_the_middle(trained)
    places = [json.loads(line)[0] for line in part.read_bytes().split(b"\n")[1:-1]]
    assert places != sorted(places), "a document should not wait for those before it"
    with part.open("ab") as file:
        file.write(b'[7, {"id": "4')  # a line that was being written
    assert predict() == 0
    assert "going on: " in capsys.readouterr().out
    assert (trained / "out.json").read_bytes() == (trained / "whole.json").read_bytes()
    assert not list(trained.glob("*.part*"))


def test_a_killed_run_does_not_go_on_with_another_tagger_or_input(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    monkeypatch.setattr("ner.training.trainer.has_fast_bf16", lambda *_, **__: True)
    (trained / "out.json").unlink(missing_ok=True)
    part = killed_in_the_middle(trained)
    before = part.read_bytes()
    changed = (trained / "articles.json").read_text(encoding="utf-8").replace("Mice", "Rats", 1)
    (trained / "changed.json").write_text(changed, encoding="utf-8")
    for arguments, message in (
        (["--ckpt_path", "b.ckpt"], "out.json.part: was started with another checkpoint; delete it"),
        (["--data.predict_path", "changed.json"], "is not what an interrupted run has tagged; the input has changed"),
        (["--trainer.precision", "bf16-mixed"], "was started with another trainer.precision"),
    ):
        assert predict(*arguments) == 2
        assert message in capsys.readouterr().err
    assert part.read_bytes() == before
    part.write_bytes(b"something else\n")
    assert predict() == 2
    assert "delete it" in capsys.readouterr().err
    part.unlink()
    assert not list(trained.glob("out.json.*"))


def test_two_runs_never_write_one_file(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    other = PredictionJournal(trained / "shared.json.part", Done())
    assert predict("--predictions.path", "shared.json") == 2
    assert "another process is writing it" in capsys.readouterr().err
    other.close()
    notes = trained / "shared.json.part-of-my-notes"
    notes.touch()
    assert predict("--predictions.path", "shared.json") == 0
    assert [path.name for path in trained.glob("shared.json.*")] == [notes.name]
    notes.unlink()


@pytest.mark.parametrize("after", [1, 5, math.inf])
def test_a_folder_that_disappears_is_one_line_that_promises_nothing(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], after: float
) -> None:
    monkeypatch.chdir(trained)
    written = 0
    write = PredictionJournal.write
    end = PredictionWriter.on_predict_end

    def counting(self: PredictionJournal, documents: dict[int, Document]) -> None:
        nonlocal written
        written += 1
        if written == after:
            shutil.rmtree("vanishing")
        write(self, documents)

    def ending(self: PredictionWriter, trainer: Trainer, module: LightningModule) -> None:
        shutil.rmtree("vanishing")
        end(self, trainer, module)

    monkeypatch.setattr(PredictionJournal, "write", counting)
    monkeypatch.setattr(PredictionWriter, "on_predict_end", ending)
    assert predict("--predictions.path", "vanishing/out.json") == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "vanishing/out.json.part: was deleted while it was written; run the same command again" in line
    assert "kept" not in line
    assert written == min(after, written)
    assert not Path("vanishing").exists()


def test_a_limited_run_writes_what_it_tagged(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    assert predict("--predictions.path", "limited.json", "--trainer.limit_predict_batches", "10") == 0
    found = json.loads((trained / "limited.json").read_text(encoding="utf-8"))
    assert 0 < len(found) < 400
    assert list(found) == sorted(found, key=int)
    assert f"{len(found)} documents" in capsys.readouterr().out


def test_json_lines_hold_texts_entities_and_scores(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    options = ["--predictions.format", "JsonLines", "--predictions.path", "out.jsonl"]
    assert predict(*options, "--predictions.scores", "true") == 0
    scored = list(JsonLines().read(Path("out.jsonl")))
    assert [document.id for document in scored] == [str(number) for number in range(400)]
    spans = [span for document in scored for passage in document.passages for span in passage.spans]
    assert spans
    assert all(span.score is not None for span in spans)
    assert f"400 documents, {len(spans)} entities: out.jsonl" in capsys.readouterr().out
    assert predict(*options) == 0
    assert list(JsonLines().read(Path("out.jsonl"))) == scored
    assert "score" not in Path("out.jsonl").read_text(encoding="utf-8")


def test_the_input_is_never_written_over(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    (trained / "own").mkdir()
    source = trained / "own" / "articles.json"
    shutil.copy("articles.json", source)
    for given, path in ((source, source), (source.parent, source.parent / "more.json")):
        assert predict("--data.predict_path", str(given), "--predictions.path", str(path)) == 2
        assert "belongs to the input; write it elsewhere" in capsys.readouterr().err
    assert source.read_bytes() == (trained / "articles.json").read_bytes()
    assert list(source.parent.iterdir()) == [source]


def test_what_a_format_cannot_hold_is_kept_for_another(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    JsonLines().write([Document("1", (Passage("Mice ate."),))] * 2, Path("twice.jsonl"))
    options = ["--data.predict_format", "JsonLines", "--data.predict_path", "twice.jsonl"]
    options += ["--predictions.path", "again"]
    assert predict(*options, "--predictions.format", "PubTator") == 2
    assert "kept in again.part: the same command, corrected, writes it" in capsys.readouterr().err
    assert predict(*options) == 0
    assert "going on: 2 documents are tagged" in capsys.readouterr().out
    assert len(list(JsonLines().read(Path("again")))) == 2


def test_a_format_that_holds_no_entities_is_refused(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    assert predict("--predictions.format", "PlainText") == 2
    assert "predictions.format: PlainText cannot hold entities" in capsys.readouterr().err
    assert not list(trained.glob("*.part*"))


def test_another_format_is_tagged_and_comes_back_in_it(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    dev = list(Sample().read("dev"))
    PubTator().write(dev, Path("dev.txt"))
    options = [
        "predict",
        "--ckpt_path",
        "a.ckpt",
        "--data.predict_path",
        "dev.txt",
        "--data.predict_format",
        "PubTator",
    ]
    options += ["--trainer.enable_progress_bar", "false"]
    assert main(options) == 0
    assert "12 documents" in capsys.readouterr().out
    found = list(PubTator().read(Path("predictions.txt")))
    assert [document.id for document in found] == [document.id for document in dev]
    assert main([*options, "--predictions.format", "Brat", "--predictions.path", "brat"]) == 0
    in_brat = Brat(labels=Sample.labels, title_line=True)
    assert {(document.id, document.passages) for document in in_brat.read(Path("brat"))} == {
        (document.id, document.passages) for document in found
    }
    assert main([*options, "--predictions.format", "Brat", "--predictions.path", "brat"]) == 2
    assert "brat: exists already" in capsys.readouterr().err


def test_a_terminal_counts_documents_and_keeps_no_line_of_it(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    monkeypatch.setenv("FORCE_COLOR", "1")
    (trained / "four.txt").write_text("Mice ate kimchi.\n" * 4, encoding="utf-8")
    more = ["--data.predict_path", "four.txt", "--data.predict_format", "PlainText", "--predictions.path", "four.json"]
    assert predict(*more, "--trainer.enable_progress_bar", "true") == 0
    counted = capsys.readouterr().err
    assert "4 documents" in counted
    up_and_erased = "\r\x1b[1A\x1b[2K"
    assert counted.endswith(up_and_erased)


def test_standard_input_and_output_hold_documents_alone(trained: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "main.py"), "predict", "--ckpt_path", "a.ckpt"]
    command += ["--data.predict_format", "PlainText", "--data.predict_path", "-", "--predictions.path", "-"]
    before = set(trained.iterdir())
    texts = ["Kimchi lowers cortisol in mice.", "", "Probiotics reduced anxiety."]
    process = subprocess.run(command, cwd=trained, input="\n".join(texts).encode(), capture_output=True, check=True)
    documents = [json.loads(line) for line in process.stdout.decode().splitlines()]
    assert [(document["id"], document["passages"][0]["text"]) for document in documents] == [
        ("1", texts[0]),
        ("3", texts[2]),
    ]
    assert "2 documents" in process.stderr.decode()
    assert set(trained.iterdir()) == before
    broken = subprocess.run(command, cwd=trained, input=b"\xff\n", capture_output=True, check=False)
    assert (broken.returncode, broken.stdout) == (2, b"")
    assert b"standard-input: not UTF-8" in broken.stderr
