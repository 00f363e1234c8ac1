"""PubTator: its traps, round trips, and BC5CDR where BC5CDR_ROOT names it."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.corpora import GutBrainIE
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.bioc import BioCJSON, BioCXML
from ner.formats.pubtator import PubTator

lines = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\t"), max_size=40)
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)


@st.composite
def passages(draw: st.DrawFn, section: str) -> Passage:
    text = draw(lines)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = [Span(start, end, draw(names)) for start, end in zip(cuts[::2], cuts[1::2], strict=False)]
    return Passage(text, section, tuple(spans))


documents = st.builds(Document, names, st.tuples(passages("title"), passages("abstract")))


@settings(max_examples=100)
@given(found=st.lists(documents, max_size=4, unique_by=lambda document: document.id))
def test_what_is_written_is_read_again(found: list[Document], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("pubtator") / "documents.txt"
    PubTator().write(found, path)
    assert list(PubTator().read(path)) == found


def save(folder: Path, text: str) -> Path:
    path = folder / "in.txt"
    path.write_bytes(text.encode())
    return path


def test_lines_that_are_no_mentions_move_nothing(tmp_path: Path) -> None:
    text = (
        "\n1|t|Mice ate. \n1|a|Not |t| much\n1\t0\t4\tMice\tanimal\tD1|D2\tMi|ce\n1\tCID\tD1\tD2\n"
        "1\t11\t14\tNot\tword\n\n \n2|t|Gut\n2|a|\n\n\n"
    )
    right = [
        Document(
            "1",
            (
                Passage("Mice ate. ", "title", (Span(0, 4, "animal"),)),
                Passage("Not |t| much", "abstract", (Span(0, 3, "word"),)),
            ),
        ),
        Document("2", (Passage("Gut", "title"), Passage("", "abstract"))),
    ]
    assert list(PubTator().read(save(tmp_path, text))) == right
    assert list(PubTator().read(save(tmp_path, text.replace("\n", "\r\n")))) == right
    without_blank_lines = text.replace("\n\n \n", "\n")
    assert list(PubTator().read(save(tmp_path, without_blank_lines))) == right


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1|t|A\n1|a|B\n\n1|t|A\n1|a|B\n", "line 4: '1' has come before"),
        ("1|t|Mice\n1|a|B\n2\t0\t4\tMice\tanimal\n", "line 3: neither"),
        ("1|t|Mice\n1|a|B\nsomething\n", "line 3: neither"),
        ("1|t|Mice\n1|a|B\n1|a|C\n", "line 3: another text of 1"),
        ("1|t|Mice\n2|a|B\n", "line 2: another text of 2"),
        ("0\t4\tMice\tanimal\n", "line 1: neither"),
    ],
)
def test_what_is_not_pubtator_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(PubTator().read(save(tmp_path, text)))


@pytest.mark.parametrize(
    "mention",
    [
        "0\t3\tMice\tanimal",
        "0\t9\tMice ate.\tx",
        "9\t11\t. \tx",
        "4\t4\t\tx",
        "0\t4\tMice\t",
        "0\t4\tMice",
        "90\t94\tMice\tx",
        "-1\t2\tMi\tx",
        "0.0\t4.0\tMice\tx",
        " 0\t4\tMice\tx",
        "\t4\tMice\tx",
        "0\tfour\tMice\tx",
        "0\t" + "9" * 5000 + "\tMice\tx",
    ],
)
def test_a_mention_that_does_not_fit_is_refused_or_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mention: str
) -> None:
    path = save(tmp_path, f"1|t|Mice\n1|a|ate.\n1\t{mention}\n1\t5\t8\tate\tx\n")
    with pytest.raises(InputError, match="line 3: "):
        list(PubTator().read(path))
    [document] = PubTator(on_bad_span="skip").read(path)
    assert [passage.spans for passage in document.passages] == [(), (Span(0, 3, "x"),)]
    assert "line 3: left out" in caplog.text


def test_an_identifier_that_comes_again_is_not_written(tmp_path: Path) -> None:
    document = Document("1", (Passage("a", "title"), Passage("b", "abstract")))
    for corpus in (PubTator(), BioCXML(), BioCJSON()):
        with pytest.raises(InputError, match="document '1': another document has this id"):
            corpus.write([document, document], tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_line_breaks_become_blanks_and_names_that_break_a_line_are_refused(tmp_path: Path) -> None:
    document = Document("1", (Passage("a\tb\nc", "title", (Span(0, 5, "x"),)), Passage("d", "body"), Passage("e")))
    PubTator().write([document], tmp_path / "out.txt")
    assert list(PubTator().read(tmp_path / "out.txt")) == [
        Document("1", (Passage("a b c", "title", (Span(0, 5, "x"),)), Passage("d e", "abstract")))
    ]
    for bad in (Document("a|b", (Passage(""),)), Document("1", (Passage("a", spans=(Span(0, 1, "x\ty"),)),))):
        with pytest.raises(InputError, match="cannot hold the name"):
            PubTator().write([bad], tmp_path / "bad.txt")
        assert not (tmp_path / "bad.txt").exists()


def test_the_dev_set_of_gutbrainie_survives(gutbrainie: GutBrainIE, tmp_path: Path) -> None:
    dev = list(gutbrainie.read("dev"))
    PubTator().write(dev, tmp_path / "dev.txt")
    again = list(PubTator().read(tmp_path / "dev.txt"))
    assert [(document.id, document.passages) for document in again] == [
        (document.id, document.passages) for document in dev
    ]


@pytest.mark.parametrize(
    ("split", "mentions"),
    [
        ("Training", {"Chemical": 5203, "Disease": 4182}),
        ("Development", {"Chemical": 5347, "Disease": 4244}),
        ("Test", {"Chemical": 5385, "Disease": 4424}),
    ],
)
def test_bc5cdr_is_read_and_written(tmp_path: Path, split: str, mentions: dict[str, int]) -> None:
    root = os.environ.get("BC5CDR_ROOT")
    if not root:
        pytest.skip("BC5CDR_ROOT names no folder of BC5CDR")
    found = list(PubTator().read(Path(root) / f"CDR_{split}Set.PubTator.txt"))
    assert len(found) == 500
    labels = Counter(span.label for document in found for passage in document.passages for span in passage.spans)
    assert labels == mentions
    PubTator().write(found, tmp_path / "again.txt")
    assert list(PubTator().read(tmp_path / "again.txt")) == found
