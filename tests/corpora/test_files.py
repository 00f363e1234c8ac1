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
from ner.formats.jsonl import JsonLines
from ner.formats.plain_text import PlainText
from ner.formats.pubtator import PubTator

DOCUMENTS = [Document(str(number), (Passage("Mice ate.", spans=(Span(0, 4, "x y"),)),)) for number in range(3)]


def test_splits_are_files_of_the_format(tmp_path: Path) -> None:
    JsonLines().write(DOCUMENTS, tmp_path / "dev.jsonl")
    corpus = FileCorpus(JsonLines(), ["x y"], dev=str(tmp_path / "dev.jsonl"))
    assert list(corpus.read("dev")) == DOCUMENTS
    assert list(corpus.read_share("dev", 1, 2)) == [(1, DOCUMENTS[1])]
    with pytest.raises(InputError, match=r"data\.corpus\.train: no file is named for this split; name"):
        corpus.read("train")


def test_the_format_learns_the_labels(tmp_path: Path) -> None:
    Brat().write(DOCUMENTS, tmp_path / "dev")
    corpus = FileCorpus(Brat(), ["x y"], dev=str(tmp_path / "dev"))
    assert list(corpus.read("dev")) == DOCUMENTS
    assert FileCorpus(Brat(labels=("a",)), ["x y"]).format == Brat(labels=("a",))


def test_predictions_are_written_in_the_format_if_it_holds_entities() -> None:
    assert FileCorpus(PubTator()).prediction_format == PubTator()
    assert FileCorpus(PlainText()).prediction_format is None


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
