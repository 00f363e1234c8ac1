"""Pseudo-labels: what an ensemble finds in articles, as a tier to train on."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from main import main
from ner.cli.verbs.pseudo_label import ANNOTATOR, Cut, format_of, label
from ner.corpora import FileCorpus, GutBrainIE, Sample
from ner.documents import Document, Passage, Span
from ner.formats.brat import Brat
from ner.formats.jsonl import JsonLines
from ner.formats.plain_text import PlainText
from ner.training.callbacks.predictions import PredictionWriter
from ner.training.datamodule import NERDataModule

REPOSITORY = Path(__file__).parents[3]
SAMPLE = REPOSITORY / "ner" / "corpora" / "sample_data"
CHECKPOINTS = "checkpoints/quickstart/seed=*/best.ckpt"


class ReadOnly(Sample):
    format = PlainText()


def pseudo_label(source: Path, *arguments: str) -> list[Document]:
    command = ["pseudo-label", "--checkpoints", CHECKPOINTS, "--input", str(source), "--output", "augmented.json"]
    assert main([*command, *arguments]) == 0
    assert list(Path().glob("*augmented*")) == [Path("augmented.json")]
    return list(GutBrainIE.format.read(Path("augmented.json")))


def entities(documents: list[Document]) -> int:
    return sum(len(passage.spans) for document in documents for passage in document.passages)


def test_every_article_comes_back_with_its_text_and_all_that_was_found(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    found = pseudo_label(SAMPLE / "test.json")
    articles = list(GutBrainIE.format.read(SAMPLE / "test.json"))
    assert [[passage.text for passage in document.passages] for document in found] == [
        [passage.text for passage in document.passages] for document in articles
    ]
    assert {document.annotator for document in found} == {ANNOTATOR}
    assert entities(found) > 0
    assert (
        f"8 of 8 documents, {entities(found)} of {entities(found)} entities: augmented.json" in capsys.readouterr().out
    )


def test_a_threshold_leaves_out_entities_and_a_cut_leaves_out_documents(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    everything = pseudo_label(SAMPLE / "test.json")
    options = [
        "--ensemble.checkpoints",
        CHECKPOINTS,
        "--predictions.scores",
        "true",
        "--predictions.path",
        "scored.json",
    ]
    assert main(["predict", *options, "--data.predict_path", str(SAMPLE / "test.json")]) == 0
    scored = json.loads(Path("scored.json").read_text(encoding="utf-8"))
    scores = sorted(entity["score"] for document in scored.values() for entity in document["entities"])
    middle = scores[len(scores) // 2]
    some = pseudo_label(SAMPLE / "test.json", "--min_score", str(middle))
    assert entities(some) == sum(score >= middle for score in scores) < entities(everything)
    assert len(some) == len(everything)
    assert 0 < len(pseudo_label(SAMPLE / "test.json", "--min_document_score", str(middle))) < len(everything)


def test_documents_are_written_with_the_labels_of_the_corpus(tiny_encoder: str) -> None:
    corpus = FileCorpus(Brat(title_line=True), {"cell_line": "cell line"})
    assert format_of(NERDataModule(corpus, tiny_encoder)) == Brat(title_line=True, labels=("cell line",))
    assert format_of(NERDataModule(Sample(), tiny_encoder)) == Sample.format


def test_gold_in_the_input_is_replaced_by_what_is_found(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    assert entities(pseudo_label(SAMPLE / "dev.json", "--min_score", "1.0")) == 0


def test_cuts_count_scores() -> None:
    sure, unsure = Span(0, 4, "animal", 0.9), Span(5, 8, "food", 0.3)
    tagged = [Document("1", (Passage("Mice ate.", "title", (sure, unsure)),)), Document("2", (Passage("None."),))]

    def kept(cut: Cut) -> dict[str, tuple[Span, ...]]:
        return {document.id: document.passages[0].spans for document in label(tagged, cut, Counter())}

    assert kept(Cut()) == {"1": (sure, unsure), "2": ()}
    assert kept(Cut(min_score=0.5)) == {"1": (sure,), "2": ()}
    assert kept(Cut(min_document_score=0.5)) == {"1": (sure, unsure)}
    assert kept(Cut(min_document_score=0.7)) == {}
    assert kept(Cut(min_score=0.5, min_document_score=0.7)) == {"1": (sure,)}


def test_documents_that_were_not_tagged_are_left_out(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    limit = ["--trainer.limit_predict_batches", "5"]
    some = pseudo_label(SAMPLE / "test.json", *limit, "--data.eval_batch_size", "3")
    assert 0 < len(some) < 8
    assert f"{len(some)} of 8 documents" in capsys.readouterr().out


def test_a_corpus_in_another_format_is_labelled_in_that(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    bare = [Document("1", (Passage("Mice ate food.", "body", annotated_until=0),))]
    JsonLines().write(bare, Path("in.jsonl"))
    command = ["pseudo-label", "--checkpoints", CHECKPOINTS, "--input", "in.jsonl", "--output", "out.jsonl"]
    corpus = json.dumps(
        {"class_path": "FileCorpus", "init_args": {"format": "JsonLines", "labels": list(GutBrainIE.labels)}}
    )
    assert main([*command, "--data.corpus", corpus]) == 0
    [document] = JsonLines().read(Path("out.jsonl"))
    assert document.is_annotated
    assert document.annotator == ANNOTATOR
    assert document.passages[0].text == "Mice ate food."


def test_real_articles_become_a_tier(trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    articles, root = os.environ.get("PUBMED_GUTBRAIN_ROOT"), os.environ.get("GUTBRAINIE_ROOT")
    if not articles or not root:
        pytest.skip("PUBMED_GUTBRAIN_ROOT or GUTBRAINIE_ROOT names no folder")
    records = json.loads((Path(articles) / "articles.json").read_text(encoding="utf-8"))
    some = {pmid: record for pmid, record in records.items() if not record["abstract"] or len(pmid) % 2 == 0}
    source = tmp_path / "articles.json"
    source.write_text(json.dumps(dict(list(some.items())[:60])), encoding="utf-8")
    monkeypatch.chdir(trained)
    assert len(pseudo_label(source)) == 60
    corpus = GutBrainIE(root, ["gold", "augmented"], {"augmented": 0.5}, augmented="augmented.json")
    weights = {(document.tier, document.weight) for document in corpus.read("train")}
    assert weights == {("gold", 1.0), ("augmented", 0.5)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--min_score", "2"], "should be a number from 0 to 1"),
        (["--checkpoints", "no/*.ckpt"], "no checkpoint matches"),
        (["--input", "missing.json"], "missing.json: cannot be read (No such file"),
        (["--output", "."], "it is a folder"),
        (["--output", str(SAMPLE / "test.json")], "belongs to the input"),
        (["--output", "-"], "name a file"),
        (["--data.corpus", f"{__name__}.ReadOnly"], "ReadOnly has no format to write"),
    ],
)
def test_a_mistake_is_one_line(
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(trained)
    given = {"--checkpoints": CHECKPOINTS, "--input": str(SAMPLE / "test.json"), "--output": "x.json"}
    given |= {arguments[0]: arguments[1]}
    assert main(["pseudo-label", *[part for pair in given.items() for part in pair]]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not list(Path().glob("x.json*"))


def test_what_was_tagged_stays_until_something_is_kept(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    whole = pseudo_label(SAMPLE / "test.json")
    command = ["pseudo-label", "--checkpoints", CHECKPOINTS, "--input", str(SAMPLE / "test.json"), "--output", "y.json"]
    assert main([*command, "--min_document_score", "1"]) == 2
    printed = capsys.readouterr().err
    assert "entities nothing is kept; lower --min_score or --min_document_score; what was tagged is kept" in printed
    assert [path.name for path in Path().glob("y.json*")] == ["y.json.part"]
    monkeypatch.setattr(PredictionWriter, "on_predict_batch_end", lambda *_: pytest.fail("it was tagged again"))
    assert main(command) == 0
    assert list(GutBrainIE.format.read(Path("y.json"))) == whole
    assert [path.name for path in Path().glob("y.json*")] == ["y.json"]


def test_what_the_corpus_cannot_hold_is_found_before_the_work(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    monkeypatch.setattr(PredictionWriter, "on_predict_start", lambda *_: pytest.fail("it was tagged"))
    Path("text.txt").write_text("Mice ate food.\n", encoding="utf-8")
    command = ["pseudo-label", "--checkpoints", CHECKPOINTS, "--input", "text.txt", "--output", "held.json"]
    assert main([*command, "--data.predict_format", "PlainText"]) == 2
    assert "GutBrainIE files hold one title and one abstract only" in capsys.readouterr().err
    assert not list(Path().glob("held*"))


def test_an_interrupted_run_goes_on(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    whole = pseudo_label(SAMPLE / "test.json")

    def interrupt(self: PredictionWriter, trainer: object, *arguments: object) -> None:
        raise KeyboardInterrupt

    command = ["pseudo-label", "--checkpoints", CHECKPOINTS, "--input", str(SAMPLE / "test.json")]
    command += ["--output", "augmented.json"]
    with monkeypatch.context() as interrupting:
        interrupting.setattr(PredictionWriter, "on_predict_end", interrupt)
        assert main(command) == 130
    assert "the same command resumes after what was tagged" in capsys.readouterr().err
    assert Path("augmented.json.part").read_bytes().count(b"\n") == 9
    assert pseudo_label(SAMPLE / "test.json") == whole
