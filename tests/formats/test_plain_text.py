"""Plain text: lines, their numbers, and what is not held."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.plain_text import PlainText

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1).filter(str.strip)


def document(name: str, text: str) -> Document:
    return Document(name, (Passage(text, annotated_until=0),))


@settings(max_examples=50)
@given(found=st.lists(texts, max_size=4))
def test_what_is_written_is_read_again(found: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("plain") / "texts.txt"
    # A byte order mark in front of a file is no part of its first text.
    documents = [document(str(number), text) for number, text in enumerate(["first", *found], 1)]
    PlainText().write(documents, path)
    assert list(PlainText().read(path)) == documents


def test_empty_lines_are_passed_over_but_counted(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes("\ufeffMice ate.\r\n\r\n \t\n a\u2028b\x85c\vd\re \nlast".encode())
    assert list(PlainText().read(path)) == [
        document("1", "Mice ate."),
        document("4", " a\u2028b\x85c\vd\re "),
        document("5", "last"),
    ]


def test_lines_of_a_folder_are_called_by_their_files_too(tmp_path: Path) -> None:
    for name in ("b.txt", "a:1.txt", ".hidden.txt", "other.md"):
        (tmp_path / name).write_text("one\ntwo\n")
    assert [found.id for found in PlainText().read(tmp_path)] == ["a:1:1", "a:1:2", "b:1", "b:2"]
    assert [found.id for found in PlainText().read(tmp_path / "a:1.txt")] == ["1", "2"]


def test_passages_and_line_breaks_become_one_line(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    annotated = Document("7", (Passage("a\nb\r\nc", "title", (Span(0, 1, "x"),)), Passage("d"), Passage("")))
    PlainText().write([annotated, document("8", ""), document("9", "e")], path)
    assert path.read_bytes() == b"a b  c d \n\ne\n"
    assert list(PlainText().read(path)) == [document("1", "a b  c d "), document("3", "e")]


def test_entities_have_no_place_in_it() -> None:
    assert not PlainText.can_write_entities


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        list(PlainText().read(tmp_path / "none.txt"))
    with pytest.raises(InputError, match=r"no \*\.txt file"):
        list(PlainText().read(tmp_path))
    (tmp_path / "in.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        list(PlainText().read(tmp_path))


def test_a_byte_order_mark_that_belongs_to_the_first_text_is_read_again(tmp_path: Path) -> None:
    found = [Document(str(number), (Passage("\ufeffMice", annotated_until=0),)) for number in (1, 2)]
    PlainText().write(found, tmp_path / "out.txt")
    assert list(PlainText().read(tmp_path / "out.txt")) == found
