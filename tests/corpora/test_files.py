"""A corpus of files in any format."""

from pathlib import Path

import pytest
import yaml
from jsonargparse import ArgumentParser

from ner.corpora import Corpus
from ner.corpora.files import FileCorpus
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.brat import Brat
from ner.formats.gutbrainie import GutBrainIE
from ner.formats.jsonl import JsonLines
from ner.formats.plain_text import PlainText
from ner.formats.pubtator import PubTator

DOCUMENTS = [Document(str(number), (Passage("Mice ate.", spans=(Span(0, 4, "x y"),)),)) for number in range(3)]


def test_splits_are_files_of_the_format(tmp_path: Path) -> None:
    JsonLines().write(DOCUMENTS, tmp_path / "dev.jsonl")
    corpus = FileCorpus(JsonLines(), ["x y"], dev=str(tmp_path / "dev.jsonl"))
    assert list(corpus.read("dev")) == DOCUMENTS
    assert [(number, document.id) for number, document in corpus.read_share("dev", 1, 2)] == [(1, "1")]
    with pytest.raises(InputError, match=r"data\.corpus\.train: no file is named for this split; name"):
        corpus.read("train")


def test_without_labels_documents_are_as_the_files_have_them(tmp_path: Path) -> None:
    JsonLines().write(DOCUMENTS, tmp_path / "dev.jsonl")
    assert list(FileCorpus(JsonLines(), dev=str(tmp_path / "dev.jsonl")).read("dev")) == DOCUMENTS


def test_the_format_learns_the_labels(tmp_path: Path) -> None:
    Brat().write(DOCUMENTS, tmp_path / "dev")
    corpus = FileCorpus(Brat(), ["x y"], dev=str(tmp_path / "dev"))
    assert list(corpus.read("dev")) == DOCUMENTS
    assert FileCorpus(Brat(labels=("a",)), ["x y"]).format == Brat(labels=("a",))


def test_predictions_are_written_in_the_format_if_it_holds_entities() -> None:
    assert FileCorpus(PubTator()).prediction_format == PubTator()
    assert FileCorpus(PlainText()).prediction_format is None


def test_predictions_have_the_labels_of_the_corpus_not_those_of_its_files(tmp_path: Path) -> None:
    corpus = FileCorpus(GutBrainIE(), {"SpecificDisease": "Disease"})
    assert corpus.prediction_format is not None
    document = Document("1", (Passage("Flu", "title", (Span(0, 3, "Disease"),)),))
    corpus.prediction_format.write([document], tmp_path / "predictions.json")
    assert "Disease" in (tmp_path / "predictions.json").read_text(encoding="utf-8")


def test_a_configuration_names_it() -> None:
    source = {"class_path": "Brat", "init_args": {"title_line": True}}
    config = {"class_path": "FileCorpus", "init_args": {"format": source, "labels": ["x"], "dev": "folder"}}
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--corpus", type=Corpus)
    parsed = parser.parse_args(["--corpus", yaml.safe_dump(config)])
    corpus = parser.instantiate_classes(parsed).corpus
    assert corpus.format == Brat(title_line=True, labels=("x",))
    assert corpus.labels == ("x",)
    assert parsed.corpus.class_path == "ner.corpora.FileCorpus"
    assert parsed.corpus.init_args.format.class_path == "ner.formats.Brat"


NCBI = ["SpecificDisease", "CompositeMention", "Modifier", "Modifier", "Other", "Other", "Other", "Rare"]


@pytest.fixture
def diseases(tmp_path: Path) -> str:
    """A file whose first document has the first half of the mentions, and the second the others."""
    halves = [tuple(Span(place, place + 1, label) for place, label in enumerate(part)) for part in (NCBI[:4], NCBI[4:])]
    JsonLines().write(
        [Document(str(n), (Passage("abcd", spans=spans),)) for n, spans in enumerate(halves)], tmp_path / "a"
    )
    return str(tmp_path / "a")


def test_labels_are_renamed_merged_and_left_out(diseases: str) -> None:
    renamed = {
        "SpecificDisease": "Disease",
        "CompositeMention": "Disease",
        "Modifier": None,
        "Other": "x",
        "Rare": None,
    }
    corpus = FileCorpus(JsonLines(), renamed, train=diseases)
    assert corpus.labels == ("Disease", "x")
    found = [[span.label for span in document.passages[0].spans] for document in corpus.read("train")]
    assert found == [["Disease", "Disease"], ["x", "x", "x"]]


def test_a_mention_of_two_types_that_become_one_is_one_entity(tmp_path: Path) -> None:
    spans = (Span(0, 1, "A"), Span(0, 1, "B"), Span(1, 2, "A"), Span(1, 2, "A"))
    JsonLines().write([Document("1", (Passage("abcd", spans=spans),))], tmp_path / "a")
    [document] = FileCorpus(JsonLines(), {"A": "x", "B": "x"}, train=str(tmp_path / "a")).read("train")
    # What the file itself repeats stays, as gold counts as it is listed.
    assert document.passages[0].spans == (Span(0, 1, "x"), Span(1, 2, "x"), Span(1, 2, "x"))


def test_all_unknown_labels_of_a_file_are_counted_in_one_message(diseases: str) -> None:
    corpus = FileCorpus(JsonLines(), ["SpecificDisease", "CompositeMention"], train=diseases)
    message = (
        r"a: labels that are not in data\.corpus\.labels: Other \(3\), Modifier \(2\), Rare \(1\); add them to "
        r"data\.corpus\.labels, or leave them out, as in \{Modifier: null\}$"
    )
    with pytest.raises(InputError, match=message):
        list(corpus.read("train"))


def test_what_is_only_tagged_may_have_any_labels_and_any_annotation(diseases: str) -> None:
    Path(diseases).write_text(Path(diseases).read_text("utf-8").replace('"end": 1', '"end": 99'), "utf-8")
    corpus = FileCorpus(JsonLines(), ["Disease"], test=diseases)
    found = [document for _, document in corpus.read_share("test", 0, 1)]
    assert [document.is_annotated for document in found] == [False, False]
    with pytest.raises(InputError, match="99"):
        list(corpus.read("test"))
