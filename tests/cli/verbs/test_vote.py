"""``vote``: files in, a file out."""

from pathlib import Path

import pytest

from main import main
from ner.documents import Document, Passage, Span
from ner.formats.jsonl import JsonLines
from ner.formats.pubtator import PubTator

GENE, DRUG = Span(0, 4, "gene"), Span(9, 16, "drug")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Predictions of three taggers as PubTator."""
    monkeypatch.chdir(tmp_path)
    for name, spans in (("a", (GENE, DRUG)), ("b", (GENE,)), ("c", (DRUG, GENE))):
        passages = (Passage("BDNF and aspirin", "title", spans), Passage("", "abstract"))
        PubTator().write([Document("1", passages)], Path(f"{name}.txt"))
    return ["a.txt", "b.txt", "c.txt"]


@pytest.mark.parametrize(("options", "kept"), [([], 2), (["--at_least", "3"], 1), (["--at_least", "1"], 2)])
def test_the_majority_decides_unless_another_number_is_given(
    files: list[str], capsys: pytest.CaptureFixture[str], options: list[str], kept: int
) -> None:
    assert main(["vote", *files, "--format", "PubTator", "--output", "voted.jsonl", *options]) == 0
    assert capsys.readouterr().out == f"1 documents, {kept} entities: voted.jsonl\n"
    [document] = JsonLines().read(Path("voted.jsonl"))
    assert set(document.passages[0].spans) == ({GENE, DRUG} if kept == 2 else {GENE})


def test_a_vote_of_two_is_for_both(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vote", *files[:2], "--format", "PubTator", "--to", "GutBrainIESubmission", "--output", "-"]) == 0
    printed = capsys.readouterr()
    assert '"label": "gene"' in printed.out
    assert printed.err == "1 documents, 1 entities: -\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.txt"], "vote needs the predictions of two taggers or more; name their files"),
        (["a.txt", "b.txt", "--at_least", "3"], "at_least is 3; of 2 taggers there are 1 to 2 votes"),
        (["a.txt", "b.txt", "--at_least", "0"], "at_least is 0; of 2 taggers"),
        (["a.txt", "b.txt", "--at_least", "x"], "at_least is 'x'; it should be a number"),
        (["a.txt", "b.txt", "--by_score", "true"], "document '1': an entity has no score"),
        (["a.txt", "none.txt"], "none.txt"),
        (["a.txt", "b.txt", "--output", "a.txt"], "a.txt"),
    ],
)
def test_a_mistake_is_one_line(
    files: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["vote", "--format", "PubTator", "--output", "voted.jsonl", *arguments]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert message in printed
    assert not Path("voted.jsonl").exists()


def test_a_document_that_not_all_have_tagged_stays_without_annotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = Document("1", (Passage("BDNF and aspirin", spans=(GENE,)),))
    for name, until in (("a", None), ("b", 0)):
        spans = (GENE,) if until is None else ()
        other = Document("2", (Passage("BDNF and aspirin", spans=spans, annotated_until=until),))
        JsonLines().write([found, other], Path(f"{name}.jsonl"))
    assert main(["vote", "a.jsonl", "b.jsonl", "--at_least", "1", "--output", "voted.jsonl"]) == 0
    first, second = JsonLines().read(Path("voted.jsonl"))
    assert (first.is_annotated, second.is_annotated, len(second.passages[0].spans)) == (True, False, 0)
    assert "without annotation, because not all taggers have tagged them: 1" in capsys.readouterr().out


def test_a_format_without_entities_is_refused(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vote", *files, "--format", "PubTator", "--to", "PlainText", "--output", "voted.txt"]) == 2
    assert "--to PlainText: holds no entities" in capsys.readouterr().err
