"""From every format to every other, and what is said of what got lost."""

import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from main import main
from ner.cli.verbs.convert import convert, losses
from ner.corpora import Corpus, GutBrainIE
from ner.corpora.sample import FOLDER
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.bioc import BioCJSON, BioCXML
from ner.formats.brat import Brat
from ner.formats.conll import CoNLL
from ner.formats.jsonl import JsonLines
from ner.formats.plain_text import PlainText
from ner.formats.pubtator import PubTator

REPOSITORY = Path(__file__).parents[3]
DEV = FOLDER / "dev.json"
ENTITIES = 1117
PROVENANCE = "tiers, annotators or weights of documents"


@pytest.mark.parametrize(
    ("target", "lost"),
    [
        (JsonLines(), {}),
        (BioCXML(), {}),
        (BioCJSON(), {}),
        (BioCJSON(offsets="bytes"), {}),
        (GutBrainIE(), {}),
        (PubTator(), {PROVENANCE: 40}),
        (Brat(GutBrainIE.labels, title_line=True), {PROVENANCE: 40}),
        (Brat(title_line=True), {PROVENANCE: 40, "labels of entities": 142}),
        (Brat(GutBrainIE.labels), {PROVENANCE: 40, "documents' division into passages": 40}),
        (CoNLL(), {PROVENANCE: 40, "white space of documents": 40}),
        (
            PlainText(),
            {
                PROVENANCE: 40,
                "identifiers of documents": 40,
                "documents' division into passages": 40,
                "whether documents are annotated": 40,
                "entities": ENTITIES,
            },
        ),
    ],
)
def test_the_dev_set_of_gutbrainie_loses_what_is_said_and_nothing_else(
    gutbrainie: GutBrainIE, tmp_path: Path, target: Corpus, lost: dict[str, int]
) -> None:
    dev = list(gutbrainie.read("dev"))
    target.write(dev, tmp_path / "there")
    assert losses(dev, target.read(tmp_path / "there")) == {
        "all documents": 40,
        "all entities": ENTITIES,
        **lost,
    }
    JsonLines().write(target.read(tmp_path / "there"), tmp_path / "back.jsonl")
    again = list(JsonLines().read(tmp_path / "back.jsonl"))
    assert Counter(losses(dev, again)) == Counter({"all documents": 40, "all entities": ENTITIES} | lost)


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        ([], {"documents": 1}),
        ([Passage("Mice  ate", "title", (Span(0, 4, "animal", 0.5),))], {"white space of documents": 1}),
        ([Passage("Mice ete", "title", (Span(0, 4, "animal", 0.5),))], {"characters of documents": 1}),
        ([Passage("Mice ate", "", (Span(0, 4, "animal", 0.5),))], {"sections of documents": 1}),
        ([Passage("Mice ate", "title", (Span(0, 4, "human", 0.5),))], {"labels of entities": 1}),
        (
            [Passage("Mice ate", "title", (Span(0, 3, "animal", 0.5),))],
            {"entities": 1, "entities that were not there": 1},
        ),
        ([Passage("Mice ate", "title", (Span(0, 4, "animal"),))], {"scores of entities": 1}),
        (
            [Passage("Mice ate", "title", (Span(0, 4, "animal", 0.5),), 5)],
            {"where the annotation of documents ends": 1},
        ),
        (
            [Passage("Mice", "title", (Span(0, 4, "animal", 0.5),)), Passage("ate")],
            {"documents' division into passages": 1},
        ),
    ],
)
def test_each_loss_has_its_name(after: Sequence[Passage], lost: dict[str, int]) -> None:
    before = [Document("1", (Passage("Mice ate", "title", (Span(0, 4, "animal", 0.5),)),))]
    found = losses(before, [Document("1", tuple(after))] if after else [])
    assert {what: count for what, count in found.items() if not what.startswith("all ")} == lost


def test_documents_in_another_order_are_not_lost() -> None:
    first, second = Document("1", (Passage("a"),)), Document("2", (Passage("b"),))
    assert losses([first, second], [second, first]) == {"all documents": 2, "all entities": 0}
    assert losses([first, second], [first])["documents"] == 1


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


class ReadOnly(Corpus):
    labels = ("a",)

    def read(self, split: object) -> list[Document]:  # type: ignore[override]
        return []

    def read_path(self, path: Path) -> list[Document]:  # type: ignore[override]
        return [Document("1", (Passage("a"),))]


def test_a_format_without_writer_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(InputError, match="ReadOnly has no writer"):
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


def test_what_a_corpus_of_ones_own_raises_is_one_line(tmp_path: Path) -> None:
    class Broken(ReadOnly):
        def read_path(self, path: Path) -> list[Document]:  # type: ignore[override]
            return [Document(str({}["key"]), ())]

    with pytest.raises(InputError, match="Broken cannot read in: KeyError: 'key'"):
        convert(Broken(), JsonLines(), Path("in"), tmp_path / "out.jsonl")


def test_what_is_left_out_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "in.txt").write_text("1|t|Mice\n1|a|ate.\n1\t0\t3\tMice\tx\n", encoding="utf-8")
    convert(PubTator(on_bad_span="skip"), JsonLines(), tmp_path / "in.txt", tmp_path / "out.jsonl")
    assert caplog.text.count("left out") == 1
