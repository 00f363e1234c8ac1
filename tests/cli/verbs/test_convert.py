"""The verb `convert`: its output, its report, and its errors."""

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

from main import main
from ner.cli.verbs.convert import convert
from ner.corpora.sample import FOLDER
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.base import Format
from ner.formats.brat import Brat
from ner.formats.gutbrainie import GutBrainIE, GutBrainIESubmission
from ner.formats.jsonl import JsonLines
from ner.formats.plain_text import PlainText
from ner.formats.pubtator import PubTator
from tests.submissions import read_mentions

REPOSITORY = Path(__file__).parents[3]
DEV = FOLDER / "dev.json"
PROVENANCE = "tiers, annotators or weights of documents"


def test_the_verb_says_what_it_wrote_and_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "brat"
    command = ["convert", "--from", "GutBrainIE", "--to", "Brat", "--to.title_line", "true", str(DEV), str(output)]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert not printed.out
    assert f"12 documents, 158 entities: {output}" in printed.err
    assert f"not held by Brat: {PROVENANCE}: 12" in printed.err
    assert main(command) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["convert", "--from", "Brat", "--to", "JsonLines", str(output), str(tmp_path / "back.jsonl")]) == 0
    assert "not held" not in capsys.readouterr().err


def test_standard_input_and_output_hold_documents_alone(tmp_path: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "main.py"), "convert", "--from", "PlainText", "--to", "JsonLines"]
    text = "Mäuse aßen.\n\nThey slept.\n"
    process = subprocess.run([*command, "-", "-"], input=text.encode(), capture_output=True, check=True, cwd=tmp_path)
    documents = [json.loads(line) for line in process.stdout.decode().splitlines()]
    assert [(document["id"], document["passages"][0]["text"]) for document in documents] == [
        ("1", "Mäuse aßen."),
        ("3", "They slept."),
    ]
    assert "2 documents, 0 entities: -" in process.stderr.decode()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "Nope", "--to", "JsonLines", "in", "out"], "Nope"),
        (["--to", "JsonLines", "in", "out"], "from"),
        (["--from", "JsonLines", "--to", "JsonLines", "in"], "output"),
        (["--from", "JsonLines", "--to", "JsonLines", "nowhere.jsonl", "out"], "nowhere.jsonl: cannot be read"),
        (["--from", "JsonLines", "--to", "Brat", str(DEV), "-"], "standard output takes one file"),
        (["--from", "GutBrainIE", "--to", "JsonLines", str(DEV), "{folder}"], "it is a folder"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert main(["convert", *(argument.format(folder="folder") for argument in arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out


@dataclass
class ReadOnly(Format):
    text: str = "a"

    def read(self, path: Path) -> Iterator[Document]:
        yield Document("1", (Passage(self.text),))


def test_a_format_of_ones_own_has_options(tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    command = ["convert", "--from", f"{__name__}.ReadOnly", "--from.text", "Mice", "--to", "PlainText", "in"]
    assert main([*command, str(output)]) == 0
    assert output.read_text() == "Mice\n"


def test_a_submission_is_written_but_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out.json"
    assert main(["convert", "--from", "GutBrainIE", "--to", "GutBrainIESubmission", str(DEV), str(output)]) == 0
    printed = capsys.readouterr().err.splitlines()
    assert printed == [
        f"12 documents, 158 entities: {output}",
        "not compared with the input, because GutBrainIESubmission cannot be read again",
    ]
    assert len(read_mentions(output)) == 12
    assert main(["convert", "--from", "GutBrainIESubmission", "--to", "JsonLines", str(output), "x.jsonl"]) == 2
    assert "a submission holds no texts to read" in capsys.readouterr().err


def test_a_format_without_writer_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(InputError, match="ReadOnly cannot be written; choose another format"):
        convert(ReadOnly(), ReadOnly(), tmp_path / "in", tmp_path / "out")


def test_the_input_is_never_written_over(tmp_path: Path) -> None:
    source = tmp_path / "dev.json"
    source.write_bytes(DEV.read_bytes())
    for output in (source, tmp_path / "more.json"):
        with pytest.raises(InputError, match="belongs to the input"):
            convert(GutBrainIE(), GutBrainIE(), tmp_path if output != source else source, output)
    assert source.read_bytes() == DEV.read_bytes()
    assert list(tmp_path.iterdir()) == [source]
    convert(GutBrainIE(), PubTator(), tmp_path, tmp_path / "dev.txt")


def test_a_folder_becomes_a_submission(tmp_path: Path) -> None:
    for name in "12":
        PubTator().write([Document(name, (Passage("Mice", "title"),))], tmp_path / "in" / f"{name}.txt")
    convert(PubTator(), GutBrainIESubmission(), tmp_path / "in", tmp_path / "out.json")
    assert sorted(json.loads((tmp_path / "out.json").read_text())) == ["1", "2"]


def test_nor_is_the_annotation_of_a_text(tmp_path: Path) -> None:
    Brat().write([Document("1", (Passage("Mice", spans=(Span(0, 4, "animal"),)),))], tmp_path / "in")
    text, annotation = tmp_path / "in" / "1.txt", tmp_path / "in" / "1.ann"
    before = annotation.read_bytes()
    for source, output in (
        (tmp_path / "in", annotation),
        (text, annotation),
        (tmp_path / "in", tmp_path / "in" / "new.a1"),
        (text, tmp_path / "in" / "1.ann.gz"),
    ):
        with pytest.raises(InputError, match="belongs to the input"):
            convert(Brat(), JsonLines(), source, output)
    assert annotation.read_bytes() == before
    convert(Brat(), JsonLines(), text, tmp_path / "in" / "other.jsonl")


def test_what_a_format_of_ones_own_raises_is_one_line(tmp_path: Path) -> None:
    class Broken(ReadOnly):
        def read(self, path: Path) -> Iterator[Document]:
            yield Document(str({}["key"]), ())

    with pytest.raises(InputError, match="Broken cannot read in: KeyError: 'key'"):
        convert(Broken(), JsonLines(), Path("in"), tmp_path / "out.jsonl")


def test_labels_are_checked_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.txt").write_text("1|t|Mice\n1|a|ate.\n1\t0\t4\tMice\tx\n", encoding="utf-8")
    command = ["convert", "--from", "PubTator", "--to", "GutBrainIE", "in.txt", "out.json", "--to.labels"]
    assert main([*command, "[y]"]) == 2
    assert "out.json: labels that are not in --to.labels: x (1); add them there, or rename" in capsys.readouterr().err
    assert not Path("out.json").exists()
    assert main([*command, "[x]"]) == 0
    assert Path("out.json").exists()


def test_a_pipe_is_an_input_like_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = Thread(target=lambda: (tmp_path / "pipe").write_text("Mice ate.\n"))
    writer.start()
    convert(PlainText(), JsonLines(), tmp_path / "pipe", tmp_path / "out.jsonl.gz")
    writer.join()
    assert [document.passages[0].text for document in JsonLines().read(tmp_path / "out.jsonl.gz")] == ["Mice ate."]


@pytest.mark.parametrize("name", ["pipe", "pipe.gz"])
def test_a_pipe_is_an_output_that_its_reader_gets_whole(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.txt").write_text("Mice ate.\n" * 20_000)
    os.mkfifo(tmp_path / name)
    found: list[bytes] = []
    reader = Thread(target=lambda: found.append((tmp_path / name).read_bytes()), daemon=True)
    reader.start()
    convert(PlainText(), JsonLines(), tmp_path / "in.txt", tmp_path / name)
    reader.join(10)
    text = gzip.decompress(found[0]) if name.endswith(".gz") else found[0]
    assert text.count(b"\n") == 20_000
    assert capsys.readouterr().err == f"20000 documents, 0 entities: {tmp_path / name}\n"


def test_a_pipe_whose_reader_leaves_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Mice ate.\n" * 20_000)
    os.mkfifo(tmp_path / "pipe")
    reader = Thread(target=lambda: (tmp_path / "pipe").open("rb").read(10), daemon=True)
    reader.start()
    with pytest.raises(InputError, match=r"pipe: cannot be written \(Broken pipe\); choose another path"):
        convert(PlainText(), JsonLines(), tmp_path / "in.txt", tmp_path / "pipe")


def test_nothing_becomes_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.jsonl").touch()
    convert(JsonLines(), Brat(), tmp_path / "in.jsonl", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    assert capsys.readouterr().err == f"0 documents, 0 entities: {tmp_path / 'out'}\n"


def test_what_is_left_out_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "in.txt").write_text("1|t|Mice\n1|a|ate.\n1\t0\t3\tMice\tx\n", encoding="utf-8")
    convert(PubTator(on_bad_span="skip"), JsonLines(), tmp_path / "in.txt", tmp_path / "out.jsonl")
    assert [record.getMessage().partition("in.txt")[2] for record in caplog.records] == [
        ", line 3: left out: [0, 3) of the title reads 'Mic' but the line says 'Mice'",
        ": left out: 1 spans that do not fit",
    ]


def test_what_is_not_read_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["1|t|Mice", "1|a|ate.", "1\t0\t4\tMice\tx\tD1|D2\tMi|ce", "1\tCID\tD1\tD2", "1\tsomething\telse"]
    (tmp_path / "in.txt").write_text("\n".join(lines), encoding="utf-8")
    command = ["convert", "--from", "PubTator", "--to", "CoNLL", str(tmp_path / "in.txt"), str(tmp_path / "out.conll")]
    assert main(command) == 0
    printed = capsys.readouterr().err
    assert "not read: 1 columns after identifiers, 1 lines without offsets, 1 relations\n" in printed
    assert "not held by CoNLL: identifiers of entities: 2\n" in printed
