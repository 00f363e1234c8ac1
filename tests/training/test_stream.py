"""Prediction as a stream: order, memory, and interrupted runs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from main import main
from ner.corpora import Sample
from ner.corpora.files import FileCorpus
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.base import Record
from ner.formats.brat import Brat
from ner.formats.jsonl import JsonLines
from ner.formats.pubtator import PubTator
from ner.inference.journal import Done, PredictionJournal, checksum
from ner.preprocessing.collate import Batch
from ner.preprocessing.preprocessor import Preprocessor
from ner.training.datamodule import NERDataModule
from ner.training.stream import DocumentStream

REPOSITORY = Path(__file__).parents[2]
# Pools of a few documents, so that much is written before the end.
SMALL = ["--data.eval_batch_tokens", "128", "--trainer.accelerator", "cpu"]


def documents(count: int) -> Iterator[Document]:
    for number in range(count):
        title = Passage("Mice ate.", "title", (Span(0, 4, "unknown label"),))
        yield Document(f"id{number}", (title, Passage("the gut of mice " * (number % 7), "abstract")))


def stream(preprocessor: Preprocessor, count: int, done: Done | None = None) -> DocumentStream:
    def source(first: int, step: int) -> Iterator[tuple[int, Document]]:
        return islice(enumerate(documents(count)), first, None, step)

    narrow = replace(preprocessor, window_tokens=128, overlap_tokens=32)
    return DocumentStream(source, narrow, 8, 100, done or Done())


def batches_of(stream: DocumentStream) -> list[Batch]:
    found = list(stream)
    assert all(isinstance(batch, Batch) for batch in found)
    return found  # type: ignore[return-value]


def test_every_text_comes_once_and_batches_hold_texts_of_one_length(preprocessor: Preprocessor) -> None:
    batches = batches_of(stream(preprocessor, 100))
    met = Counter(
        (number, chunk.pieces[0].passage)
        for batch in batches
        for number, chunk in zip(batch.texts.numbers.tolist(), batch.texts.chunks, strict=True)
    )
    assert met == Counter((number, passage) for number in range(100) for passage in range(2))
    assert all(batch.input_ids.numel() <= 100 for batch in batches if len(batch) > 1)
    padded = sum(batch.input_ids.numel() for batch in batches)
    assert padded / sum(int(batch.attention_mask.sum()) for batch in batches) < 1.3


def test_only_a_pool_is_read_before_the_first_batch(preprocessor: Preprocessor) -> None:
    endless = stream(preprocessor, sys.maxsize)
    assert len(list(islice(endless, 30))) == 30


def test_what_is_done_is_left_out(preprocessor: Preprocessor) -> None:
    done = Done()
    for place, document in islice(enumerate(documents(20)), 18):
        if place not in (15, 16):
            done.add(place, checksum(document))
    batches = batches_of(stream(preprocessor, 20, done))
    assert {number for batch in batches for number in batch.texts.numbers.tolist()} == {15, 16, 18, 19}


@pytest.mark.parametrize(("place", "count", "message"), [(3, 20, "'id3' is not what"), (7, 7, "the input ends before")])
def test_an_input_that_has_changed_is_noticed(preprocessor: Preprocessor, place: int, count: int, message: str) -> None:
    done = Done()
    done.add(place, 0)
    *_, error = stream(preprocessor, count, done)
    assert isinstance(error, InputError)
    assert message in str(error)


@dataclass
class Counting(JsonLines):
    """Notes each document that is parsed, in whatever process, in a file."""

    log: str = ""

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        for record in super().records(file, folder):
            yield partial(self._noted, record)

    def _noted(self, record: Record) -> Document:
        document = record()
        with Path(self.log).open("a", encoding="utf-8") as log:
            log.write(f"{document.id}\n")
        return document


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_each_document_is_parsed_once_whatever_the_number_of_workers(
    tiny_encoder: str, tmp_path: Path, workers: int
) -> None:
    JsonLines().write(documents(30), tmp_path / "in.jsonl")
    corpus = FileCorpus(Counting(log=str(tmp_path / "log")), ["animal"])
    path = str(tmp_path / "in.jsonl")
    data = NERDataModule(corpus, tiny_encoder, predict_path=path, num_workers=workers, eval_batch_tokens=64)
    data.setup("predict")
    numbers = Counter(number for batch in data.predict_dataloader() for number in batch.texts.numbers.tolist())
    assert numbers == Counter(dict.fromkeys(range(30), 2))
    parsed = Counter((tmp_path / "log").read_text(encoding="utf-8").split())
    assert parsed == Counter(f"id{number}" for number in range(30))


def test_processes_parse_what_they_tag(tiny_encoder: str, tmp_path: Path) -> None:
    JsonLines().write(documents(31), tmp_path / "in.jsonl")
    parsed = []
    for rank in range(2):
        log = tmp_path / f"log{rank}"
        corpus = FileCorpus(Counting(log=str(log)), ["animal"])
        data = NERDataModule(corpus, tiny_encoder, predict_path=str(tmp_path / "in.jsonl"), num_workers=2)
        data.leave_out(Done(rank, 2))
        found = {number for batch in data.predict_dataloader() for number in batch.texts.numbers.tolist()}
        assert found == set(range(rank, 31, 2))
        parsed += log.read_text(encoding="utf-8").split()
    assert Counter(parsed) == Counter(f"id{number}" for number in range(31))


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
    monkeypatch.setattr("ner.training.trainer.has_fast_bf16", lambda: True)
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
    assert "kept in again.part: the same command with another predictions.format" in capsys.readouterr().err
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
