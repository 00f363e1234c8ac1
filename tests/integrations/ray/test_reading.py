import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ner.documents import Document, Passage
from ner.formats import JsonLines, PubTator
from ner.formats.base import Format
from ner.integrations.ray.parts import Ranges
from ner.integrations.ray.reading import Block, Reader, Unreadable, blocks
from ner.integrations.ray.storage import InputFile

FILE = InputFile("/somewhere/in.jsonl", 10)


def _document(number: int) -> Document:
    return Document(str(number), (Passage("a text"),))


def _calls(count: int) -> list[Callable[[], Document]]:
    return [partial(_document, number) for number in range(count)]


def _read(
    path: Path, size: int = 10, done: Ranges | None = None, source: Format | None = None
) -> tuple[list[Block], str, int]:
    """Read a file, and return its blocks, why it is broken and how many documents it has."""
    reader = Reader(source or JsonLines(), size)
    reader.open(InputFile(str(path), path.stat().st_size), done or Ranges())
    found = []
    while True:
        header, block = reader.next()
        if block is None:
            return found, header.broken, header.documents
        assert header.part == block.part
        found.append(block)


@given(st.integers(0, 40), st.integers(1, 12), st.sets(st.integers(0, 39)))
def test_every_document_that_is_not_done_is_in_one_block(count: int, size: int, done: set[int]) -> None:
    found = list(blocks(FILE, _calls(count), Ranges((number, number + 1) for number in done), size))
    numbers = [number for block in found for number in range(block.part.start, block.part.stop)]
    assert numbers == [number for number in range(count) if number not in done]
    assert [document.id for block in found for document in block.documents] == list(map(str, numbers))
    assert all(len(block.documents) <= size for block in found)
    lasts = [block.part.is_last for block in found]
    assert lasts == [block.part.stop == count for block in found]


def test_an_empty_file_is_an_empty_block(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.touch()
    [block], broken, count = _read(path)
    assert (block.documents, block.part.is_last, broken, count) == ((), True, "", 0)


def test_a_document_that_cannot_be_read_is_an_error_among_the_others(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"id": "1", "text": "a"}\n{"id": 2}\n{"id": "3", "text": "c"}\n', encoding="utf-8")
    [block], broken, count = _read(path)
    first, second, third = block.documents
    assert isinstance(first, Document)
    assert isinstance(third, Document)
    assert isinstance(second, Unreadable)
    assert "line 2" in second.error
    assert (broken, count) == ("", 3)


def test_an_identifier_that_comes_again_ends_a_file_and_the_option_that_helps_is_named(tmp_path: Path) -> None:
    path = tmp_path / "in.pubtator"
    path.write_text("1|t|Mice\n\n1|t|Rats\n\n3|t|Rice\n", encoding="utf-8")
    _, broken, _ = _read(path, source=PubTator())
    assert broken.endswith("or give --format.on_duplicate skip")
    [block], broken, count = _read(path, source=PubTator(on_duplicate="skip"))
    assert (len(block.documents), broken, count) == (2, "", 2)


def test_a_file_that_is_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl.gz"
    lines = "".join(f'{{"id": "{number}", "text": "text {number * 7919}"}}\n' for number in range(3000))
    path.write_bytes(gzip.compress(lines.encode())[:-2000])
    found, broken, count = _read(path)
    assert "cannot be decompressed" in broken
    assert 0 < sum(len(block.documents) for block in found) <= count < 3000
    assert not any(block.part.is_last for block in found)


def test_a_file_that_is_done_but_for_its_middle_gives_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    JsonLines().write(map(_document, range(35)), path)
    found, _, count = _read(path, 10, Ranges([(0, 12), (15, 35)]))
    assert [(block.part.start, block.part.stop) for block in found] == [(12, 15)]
    assert count == 35


def test_annotation_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"id": "1", "text": "a", "spans": [{"start": 5, "end": 3, "label": "x"}]}\n', encoding="utf-8")
    [block], _, _ = _read(path)
    assert block.documents == (Document("1", (Passage("a", annotated_until=0),)),)


def test_halves_share_out_the_documents() -> None:
    [block] = blocks(FILE, _calls(5), Ranges(), 10)
    first, second = block.halves()
    assert first.documents + second.documents == block.documents
    assert (len(first.part), len(second.part)) == (2, 3)
