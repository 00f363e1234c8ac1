"""brat's standoff: its traps, round trips, and the real corpora."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.corpora import GutBrainIE
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.brat import Brat
from ner.formats.pubtator import PubTator

BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
characters = st.characters(exclude_categories=["Cs"])
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
ids = st.lists(names, min_size=1, max_size=2).map("/".join)


@st.composite
def passages(draw: st.DrawFn, text: st.SearchStrategy[str], section: str = "") -> Passage:
    found = draw(text)
    # brat has no spans that begin or end with a line break.
    borders = [
        border for border in range(len(found) + 1) if not set(found[max(border - 1, 0) : border + 1]) & {*BREAKS}
    ]
    cuts = sorted(draw(st.sets(st.sampled_from(borders), max_size=6))) if borders else []
    spans = [Span(start, end, draw(names)) for start, end in zip(cuts[::2], cuts[1::2], strict=False)]
    return Passage(found, section, tuple(spans))


def bare(document: Document) -> Document:
    return Document(document.id, tuple(Passage(part.text, part.section, (), 0) for part in document.passages))


one_passage = st.builds(
    Document, ids, st.tuples(passages(st.text(characters | st.sampled_from("a \n\r\ufeff\u2028"), max_size=40)))
)
titled = st.builds(
    Document,
    ids,
    st.tuples(
        passages(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=20), "title"),
        passages(st.text(characters | st.sampled_from("a \n\r"), max_size=40), "abstract"),
    ),
)


def in_order(found: list[Document]) -> list[Document]:
    return sorted(found, key=lambda document: Path(f"{document.id}.txt"))


def is_unlike_others(document: Document) -> str:
    return document.id.casefold()


@settings(max_examples=100)
@given(found=st.lists(one_passage | one_passage.map(bare), min_size=1, max_size=4, unique_by=is_unlike_others))
def test_what_is_written_is_read_again(found: list[Document], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("brat") / "documents"
    Brat().write(found, path)
    assert list(Brat().read(path)) == in_order(found)


@settings(max_examples=100)
@given(found=st.lists(titled | titled.map(bare), min_size=1, max_size=4, unique_by=is_unlike_others))
def test_titles_and_abstracts_are_read_again(found: list[Document], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("brat") / "documents"
    Brat().write(found, path)
    assert list(Brat(title_line=True).read(path)) == in_order(found)


def save(folder: Path, text: str, annotation: str | None = None) -> Path:
    path = folder / "in.txt"
    path.write_bytes(text.encode())
    if annotation is not None:
        path.with_suffix(".ann").write_bytes(annotation.encode())
    return path


def test_offsets_count_every_character_of_the_file(tmp_path: Path) -> None:
    text = "\ufeffMice\r\nate 𝛼-rice.\r\n"
    annotation = "T1\tanimal 1 5\tMice\r\nT2\tfood 11 17\t𝛼-rice\r\n"
    [document] = Brat().read(save(tmp_path, text, annotation))
    assert document == Document("in", (Passage(text, spans=(Span(1, 5, "animal"), Span(11, 17, "food"))),))
    [document] = Brat(title_line=True).read(tmp_path)
    title = Passage("\ufeffMice", "title", (Span(1, 5, "animal"),))
    assert document == Document("in", (title, Passage("ate 𝛼-rice.\r\n", "abstract", (Span(4, 10, "food"),))))


def test_a_text_of_one_line_has_a_title_alone(tmp_path: Path) -> None:
    path = save(tmp_path, "Mice", "T1\tanimal 0 4\tMice\n")
    [document] = Brat(title_line=True).read(path)
    assert document == Document("in", (Passage("Mice", "title", (Span(0, 4, "animal"),)),))


def test_only_an_annotation_that_is_there_says_that_there_are_no_entities(tmp_path: Path) -> None:
    path = save(tmp_path, "Mice\nate")
    assert list(Brat().read(path)) == [Document("in", (Passage("Mice\nate", annotated_until=0),))]
    [document] = Brat(title_line=True).read(path)
    assert [passage.annotated_until for passage in document.passages] == [0, 0]
    assert list(Brat().read(save(tmp_path, "Mice", ""))) == [Document("in", (Passage("Mice"),))]


def test_a_folder_is_read_with_its_subfolders_but_without_what_is_hidden(tmp_path: Path) -> None:
    names = ["b.txt", "a/2.1.txt", "a/10.txt", ".git/c.txt", ".d.txt", ".e.ann", "annotation.conf", "x.txt/y.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("Mice")
    (tmp_path / "a/2.1.ann").write_text("T1\tx 0 4\tMice\n")
    found = list(Brat().read(tmp_path))
    assert [document.id for document in found] == ["a/10", "a/2.1", "b", "x.txt/y"]
    assert [document.is_annotated for document in found] == [False, True, False, False]
    (tmp_path / "a/1.ann").write_text("")
    with pytest.raises(InputError, match=r"a/1\.ann: has no 1\.txt beside it; add the text"):
        list(Brat().read(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \*\.txt file in this folder"):
        list(Brat().read(tmp_path / "empty"))
    with pytest.raises(InputError, match=r"1\.ann: annotation without its text; name 1\.txt"):
        list(Brat().read(tmp_path / "a/1.ann"))


def test_all_that_is_no_entity_is_passed_over(tmp_path: Path) -> None:
    annotation = (
        "T1\tanimal 0 4\tMice\n\nR1\tPart-of Arg1:T1 Arg2:T2\t\nE1\tEat:T2 Agent:T1\nT2\tEat 5 8\tate\n"
        "A1\tNegation E1\nM1\tSpeculation E1\nN1\tReference T1 MeSH:D051379\tmice\n"
        "*\tEquiv T1 T2\n#1\tAnnotatorNotes T1\tsure?\n \n"
    )
    [document] = Brat().read(save(tmp_path, "Mice ate", annotation))
    assert document.passages[0].spans == (Span(0, 4, "animal"), Span(5, 8, "Eat"))


@pytest.mark.parametrize(
    "line", ["T1 animal 0 4 Mice", "T1\tanimal 0 4 Mice", "T1\tanimal -1 4\tMice", "T1\t0 4\tMice"]
)
def test_a_line_that_is_no_annotation_is_an_error(tmp_path: Path, line: str) -> None:
    path = save(tmp_path, "Mice", f"T1\tanimal 0 4\tMice\n{line}\n")
    with pytest.raises(InputError, match=r"in\.ann, line 2: .* is no annotation of brat; an entity is T1<tab>Type"):
        list(Brat(on_bad_span="skip").read(path))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T1\tx 0 3\tMice", "reads 'Mic' but the line says 'Mice'"),
        ("T1\tx 0 4", "reads 'Mice' but the line says ''"),
        ("T1\tx 4 4\t", "are no characters of a text that has 20"),
        ("T1\tx 4 0\tMice", "are no characters"),
        ("T1\tx 0 40\tMice", "are no characters"),
        ("T1\tx 5 8;0 4\tate Mice", "are no characters"),
        ("T1\tx 0 4;9 13\tMice rice", "is discontinuous"),
        ("T1\tx 0 4;5 8\tMiceate", "reads 'Mice ate'"),
        ("T1\tx 9 18\trice Then", "lies partly in the title and partly in the abstract"),
        ("T1\tx 9 13;14 18\trice Then", "lies partly"),
        ("T1\tx 12 14\te ", "lies partly"),
    ],
)
def test_an_entity_that_does_not_fit_is_refused_or_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: str, message: str
) -> None:
    path = save(tmp_path, "Mice ate rice\nThen .", f"T0\ty 5 8\tate\n{line}\n")
    with pytest.raises(InputError, match=rf"in\.ann, line 2: .*{message}.*on_bad_span") as caught:
        list(Brat(title_line=True).read(path))
    assert "\n" not in str(caught.value)
    [document] = Brat(title_line=True, on_bad_span="skip").read(path)
    assert [passage.spans for passage in document.passages] == [(Span(5, 8, "y"),), ()]
    assert "line 2: left out" in caplog.text


def test_fragments_with_white_space_between_them_are_one_span(tmp_path: Path) -> None:
    text = "gut\r\n  brain axis"
    annotation = "T1\ta 0 3;7 12;12 17\tgut brain  axis\nT2\tb 0 12\tgut    brain\n"
    [document] = Brat().read(save(tmp_path, text, annotation))
    assert document.passages[0].spans == (Span(0, 17, "a"), Span(0, 12, "b"))


def test_a_span_over_a_line_break_is_written_in_fragments(tmp_path: Path) -> None:
    text = "the gut\r\nbrain\u2028axis"
    passages = (Passage("𝛼\n", spans=(Span(0, 1, "y"),)), Passage(text, spans=(Span(4, 19, "x y"),)))
    Brat().write([Document("a/1", passages)], tmp_path / "out")
    assert (tmp_path / "out/a/1.txt").read_bytes() == f"𝛼\n\n{text}".encode()
    assert (
        tmp_path / "out/a/1.ann"
    ).read_bytes() == "T1\ty 0 1\t𝛼\nT2\tx_y 7 10;12 17;18 22\tgut brain axis\n".encode()
    [document] = Brat(labels=["x y"]).read(tmp_path / "out")
    assert document == Document("a/1", (Passage(f"𝛼\n\n{text}", spans=(Span(0, 1, "y"), Span(7, 22, "x y"))),))


def test_labels_get_their_blanks_back(tmp_path: Path) -> None:
    path = save(tmp_path, "Mice", "".join(f"T{n}\t{name} 0 4\tMice\n" for n, name in enumerate(["a_b", "c_d", "e_f"])))
    [document] = Brat(labels=["a b", "c d", "c_d"]).read(path)
    assert [span.label for span in document.passages[0].spans] == ["a b", "c_d", "e_f"]


def labelled(*labels: str) -> Document:
    return Document("1", (Passage("a\n", spans=tuple(Span(0, 1, label) for label in labels)),))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        *[
            ([Document(name, (Passage("a"),))], "the id is no relative path")
            for name in ("", "/a", "a/", "a//b", "../a", "a/" * 1500 + "a")
        ],
        *[([Document(name, (Passage("a"),))], "the id is no relative path") for name in (".a", "a/.b", "a\\b", "a\0b")],
        ([labelled("x"), labelled("y")], "another document has this id; give each its own"),
        *[
            ([labelled(label)], "brat cannot hold 'a' as .*; rename")
            for label in ("", "a\tb", "a\nb", "a;b", "a\u00a0b")
        ],
        ([labelled("x y", "x_y")], "brat cannot hold 'a' as 'x_y' beside 'x y'"),
        ([Document("1", (Passage("a\n", spans=(Span(1, 2, "x"),)),))], r"brat cannot hold '\\n' as 'x'; rename"),
    ],
)
def test_what_brat_cannot_hold_is_refused(tmp_path: Path, found: list[Document], message: str) -> None:
    with pytest.raises(InputError, match=f"^document .*: {message}") as caught:
        Brat().write(found, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    save(tmp_path, "Mice")
    for path in (tmp_path, tmp_path / "in.txt"):
        with pytest.raises(InputError, match="exists already"):
            Brat().write([labelled("x")], path)
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]
    (tmp_path / "empty").mkdir()
    Brat().write([labelled("x")], tmp_path / "empty")
    assert sorted(path.name for path in (tmp_path / "empty").iterdir()) == ["1.ann", "1.txt"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def broken() -> Iterator[Document]:
        yield labelled("x")
        assert not (tmp_path / "out").exists()
        raise InputError("the source ends")

    with pytest.raises(InputError, match="the source ends"):
        Brat().write(broken(), tmp_path / "out")
    surrogate = Document("2", (Passage("\ud800"),))
    with pytest.raises(InputError, match=r"out: cannot be written \(a text holds half a surrogate pair\)"):
        Brat().write([labelled("x"), surrogate], tmp_path / "out")
    with pytest.raises(InputError, match=r"cannot be written \(File name too long\)"):
        Brat().write([Document("a" * 300, (Passage("a"),))], tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_dev_set_of_gutbrainie_survives(gutbrainie: GutBrainIE, tmp_path: Path) -> None:
    dev = [Document(document.id, document.passages) for document in gutbrainie.read("dev")]
    Brat().write(dev, tmp_path / "dev")
    assert list(Brat(labels=gutbrainie.labels, title_line=True).read(tmp_path / "dev")) == in_order(dev)


@pytest.mark.parametrize("split", ["Training", "Development", "Test"])
def test_bc5cdr_survives(tmp_path: Path, split: str) -> None:
    root = os.environ.get("BC5CDR_ROOT")
    if not root:
        pytest.skip("BC5CDR_ROOT names no folder of BC5CDR")
    found = list(PubTator().read(Path(root) / f"CDR_{split}Set.PubTator.txt"))
    Brat().write(found, tmp_path / "out")
    assert list(Brat(title_line=True).read(tmp_path / "out")) == in_order(found)


@pytest.mark.parametrize("kept", ["", ".txt", ".ann", ".a2"])
def test_compressed_files_are_read_where_there_are_no_others(kept: str, tmp_path: Path) -> None:
    folder = tmp_path / "sub"
    folder.mkdir()
    contents = {".txt": "Mice ate.", ".ann": "T1\tanimal 0 4\tMice\n", ".a2": "T2\tverb 5 8\tate\n"}
    for ending, content in contents.items():
        (folder / f"a.b{ending}").write_text(content)
    whole = list(Brat().read(tmp_path))
    assert [(document.id, len(document.passages[0].spans)) for document in whole] == [("sub/a.b", 2)]
    for ending in contents:
        file = folder / f"a.b{ending}"
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        if ending != kept:
            file.unlink()
    assert list(Brat().read(tmp_path)) == whole
    assert [document.id for document in Brat().read(next(folder.glob("*.txt*")))] == ["a.b"]


def test_an_entity_over_the_end_of_the_title_is_refused_before_it_is_written(tmp_path: Path) -> None:
    found = [Document("1", (Passage("Gut\nbrain axis", spans=(Span(0, 9, "x"),)),))]
    with pytest.raises(InputError, match="reaches over the end of its first line, which is the title"):
        Brat(title_line=True).write(found, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    Brat().write(found, tmp_path / "out")
    at_border = [Document("1", (Passage("Gut\nbrain axis", spans=(Span(0, 4, "x"),)),))]
    Brat(title_line=True).write(at_border, tmp_path / "border")
    [document] = Brat(title_line=True).read(tmp_path / "border")
    assert document.passages[0].spans == (Span(0, 3, "x"),)


def test_an_identifier_of_a_database_called_id_is_read_again(tmp_path: Path) -> None:
    found = [Document("1", (Passage("Mice", spans=(Span(0, 4, "x", identifiers=("ID:7", "7", "MESH:D1")),)),))]
    Brat().write(found, tmp_path / "out")
    [document] = Brat().read(tmp_path / "out")
    assert document.passages[0].spans[0].identifiers == ("ID:7", "7", "MESH:D1")
