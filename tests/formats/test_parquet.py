"""Parquet: round trips, files of others, and what is no document."""

import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.parquet import Parquet, Row, rows_of, schema, table_of, write_rows
from tests.formats.test_jsonl import documents, texts

MICE = Passage("Mice ate.", "title", (Span(0, 4, "animal", 0.5, ("MESH:D051379",)),))
RICE = Passage("Rice, too.", "abstract")


@st.composite
def titled(draw: st.DrawFn) -> Document:
    """A document of title and abstract, one of them at least, as a tagger writes them."""
    sections = draw(st.sampled_from([("title", "abstract"), ("title",), ("abstract",)]))
    until = draw(st.sampled_from([None, 0]))
    passages = []
    for section in sections:
        text = draw(texts)
        cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
        spans = [
            Span(*borders, "x", draw(st.none() | st.floats(0, 1)))
            for borders in zip(cuts[::2], cuts[1::2], strict=False)
        ]
        passages.append(Passage(text, section, () if until == 0 else tuple(spans), until))
    return Document(draw(texts), tuple(passages), year=draw(st.none() | st.integers(1, 9999)))


def scores(found: Sequence[Document]) -> list[float | None]:
    return [span.score for document in found for part in document.passages for span in part.spans]


def identifiers(found: Sequence[Document]) -> list[tuple[str, ...]]:
    return [span.identifiers for document in found for part in document.passages for span in part.spans]


@settings(max_examples=100)
@given(found=st.lists(documents | titled(), max_size=4))
def test_what_is_written_is_read_again(found: list[Document], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("rows") / "documents.parquet"
    Parquet().write(found, path)
    again = list(Parquet().read(path))
    assert again == found
    assert scores(again) == scores(found)


def test_title_and_abstract_are_columns_and_entities_quote_their_text(tmp_path: Path) -> None:
    document = Document("1", (MICE, RICE), year=2021)
    Parquet().write([document], tmp_path / "out.parquet")
    [record] = pq.read_table(tmp_path / "out.parquet").to_pylist()
    entity = {"passage": 0, "start": 0, "end": 4, "label": "animal", "text": "Mice", "score": 0.5}
    texts = {"title": "Mice ate.", "abstract": "Rice, too.", "passages": None}
    rest = dict.fromkeys(("source", "error", "tier", "annotator", "weight"))
    expected = {"id": "1", "year": 2021, **texts, **rest, "entities": [entity | {"identifiers": ["MESH:D051379"]}]}
    assert record == expected
    assert identifiers(list(Parquet().read(tmp_path / "out.parquet"))) == [("MESH:D051379",)]
    assert pq.ParquetFile(tmp_path / "out.parquet").metadata.row_group(0).column(0).compression == "ZSTD"


def test_rows_carry_their_source_and_error_and_the_schema_its_metadata(tmp_path: Path) -> None:
    failed = Document("2", (Passage("", "title", annotated_until=0),))
    rows = [Row(Document("1", (MICE, RICE)), "a.xml"), Row(failed, "b.xml", "PMID 2: broken XML")]
    table = table_of(rows, {"model": "abc"})
    assert table.schema.equals(schema({"model": "abc"}), check_metadata=True)
    assert list(rows_of(table)) == rows
    assert [row for batch in table.to_batches() for row in rows_of(batch)] == rows
    write_rows(rows, tmp_path / "out.parquet", {"model": "abc"})
    again = pq.read_table(tmp_path / "out.parquet")
    assert (again.schema.metadata[b"model"], list(rows_of(again))) == (b"abc", rows)
    source = Parquet()
    assert list(source.read(tmp_path / "out.parquet")) == [row.document for row in rows]
    assert +source.not_read == {"texts that could not be tagged": 1}


FOREIGN: list[tuple[dict[str, object], list[Document]]] = [
    (
        {"id": [1, 2], "title": ["Mice", None], "abstract": [None, "ate."], "journal": ["J", "J"]},
        [
            Document("1", (Passage("Mice", "title", annotated_until=0),)),
            Document("2", (Passage("ate.", "abstract", annotated_until=0),)),
        ],
    ),
    ({"id": ["a"], "abstract": ["ate."]}, [Document("a", (Passage("ate.", "abstract", annotated_until=0),))]),
    ({"id": ["a"], "title": pa.nulls(1)}, [Document("a", (Passage("", "title", annotated_until=0),))]),
    ({"id": ["a"], "passages": [[{"text": "Mice"}]]}, [Document("a", (Passage("Mice", annotated_until=0),))]),
    (
        {"id": ["a"], "title": ["Mice"], "entities": [[{"passage": 0, "start": 0, "end": 4, "label": "x"}]]},
        [Document("a", (Passage("Mice", "title", (Span(0, 4, "x"),)),))],
    ),
    (
        {"id": pa.array(["a", "a"]).dictionary_encode(), "title": pa.array(["b", "c"], pa.large_string())},
        [Document("a", (Passage(text, "title", annotated_until=0),)) for text in "bc"],
    ),
]


@pytest.mark.parametrize(("columns", "found"), FOREIGN)
def test_files_of_others_are_read(columns: dict[str, object], found: list[Document], tmp_path: Path) -> None:
    table = pa.table(columns)
    pq.write_table(table, tmp_path / "in.parquet", compression="snappy")
    assert list(Parquet().read(tmp_path / "in.parquet")) == found
    assert [row.document for row in rows_of(table)] == found


def entity(**changed: object) -> dict[str, object]:
    return {"passage": 0, "start": 0, "end": 4, "label": "x", "text": "Mice"} | changed


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"title": ["a"]}, "in.parquet: no column id, but 'title'"),
        ({"id": ["1"], "text": ["a"]}, "no column passages or title or abstract, but 'id, text'"),
        ({"id": pa.nulls(1), "title": ["a"]}, "row 1: `id` is "),
        ({"id": ["1"], "title": [3]}, r"row 1: passages\[0\]: `text` is 3, not a text"),
        ({"id": ["1"], "title": ["a"], "passages": [[{"text": "a"}]]}, "row 1: `title` stands beside `passages`; move"),
        ({"id": ["1"], "passages": [["a"]]}, r"row 1: passages\[0\]: 'a' is not an object"),
        ({"id": ["1"], "passages": [[{"section": "a"}]]}, r"row 1: passages\[0\]: `text` is missing"),
        ({"id": ["1"], "title": ["Mice"], "entities": [[entity(passage=1)]]}, r"entities\[0\]: there is no passage 1"),
        ({"id": ["1"], "title": ["Mice"], "entities": [[entity(text="Rice")]]}, "reads 'Mice' but the entity says 'Ri"),
        ({"id": ["1"], "title": ["Mice"], "entities": [[entity(end=5, text=None)]]}, "ends beyond a text of 4"),
        ({"id": ["1"], "title": ["Mice"], "entities": [[entity(start=-1, end=4)]]}, "start"),
        ({"id": ["1"], "title": ["Mice"], "entities": [[entity(score=2.0)]]}, "`score` is 2.0, not a number from 0 to"),
        ({"id": ["1"], "title": ["Mice"], "entities": ["all"]}, "`entities` is 'all', not a list"),
        ({"id": ["1"], "title": ["Mice"], "year": [12345]}, "a year has one to four digits"),
    ],
)
def test_a_row_that_is_no_document_is_one_line(columns: dict[str, object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(InputError, match=message) as it:
        list(Parquet().read(path))
    assert str(it.value).startswith(str(path))
    assert "\n" not in str(it.value)


def test_texts_are_read_whatever_their_entities_are(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": ["1"], "title": ["Mice"], "entities": ["all"]}), path)
    found = [Document("1", (Passage("Mice", "title", annotated_until=0),))]
    assert list(Parquet().without_annotation().read(path)) == found


def test_a_row_of_another_share_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": ["0", "1"], "title": ["a", "b"], "year": [None, 12345]}), path)
    assert [number for number, _ in Parquet().read_share(path, 0, 2)] == [0]
    with pytest.raises(InputError, match="row 2: a year"):
        list(Parquet().read_share(path, 1, 2))


@pytest.mark.parametrize("kept", [0, 3, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_one_line(kept: float, tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    Parquet().write([Document(str(number), (MICE, RICE)) for number in range(1000)], path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if 0 < kept < 1 else int(kept)])
    with pytest.raises(InputError, match=r"in\.parquet: .*; Parquet with documents as its rows is needed") as it:
        list(Parquet().read(path))
    assert "\n" not in str(it.value)


def documents_or_error(path: Path) -> list[Document] | InputError:
    try:
        return list(Parquet().read(path))
    except InputError as error:
        return error


def test_damaged_bytes_are_one_line_or_leave_documents(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    Parquet().write([Document(str(number), (MICE, RICE)) for number in range(100)], path)
    content = path.read_bytes()
    refused = 0
    for place in range(0, len(content), 41):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        found = documents_or_error(path)
        if isinstance(found, InputError):
            assert "\n" not in str(found)
            refused += 1
    assert refused


def test_what_is_compressed_twice_is_refused_and_not_found_in_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Parquet is compressed in itself; name a file without \.gz"):
        Parquet().write([], tmp_path / "out.parquet.gz")
    with pytest.raises(InputError, match="Parquet is compressed in itself"):
        list(Parquet().read(tmp_path / "in.parquet.gz"))
    (tmp_path / "a.parquet.gz").touch()
    Parquet().write([Document("1", (MICE,))], tmp_path / "b.parquet")
    assert [document.id for document in Parquet().read(tmp_path)] == ["1"]


def test_half_a_surrogate_pair_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"out: cannot be written \(a text holds half a surrogate pair\); replace"):
        Parquet().write([Document("1", (Passage("a\ud800"),))], tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none: cannot be read \(No such file"):
        list(Parquet().read(tmp_path / "none"))


def test_standard_output_and_input_are_pipes(tmp_path: Path) -> None:
    write = (
        "from pathlib import Path; from ner.documents import Document, Passage; from ner.formats import Parquet; "
        "Parquet().write([Document('1', (Passage('a'),))], Path('-'))"
    )
    read = (
        "from pathlib import Path; from ner.formats import Parquet; assert list(Parquet().read(Path('-')))[0].id == '1'"
    )
    command = f'"$0" -c "{write}" | "$0" -c "{read}"'
    subprocess.run(["bash", "-o", "pipefail", "-c", command, sys.executable], check=True)


def peak(folder: Path, count: int) -> int:
    """Return the most memory that Python and Arrow take for writing and reading so many documents."""
    rows = (replace(Document("1", (MICE, RICE)), id=str(number)) for number in range(count))
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        Parquet().write(rows, folder / "out.parquet")
        held = 0
        for _ in Parquet().read(folder / "out.parquet"):
            held = max(held, pa.total_allocated_bytes() - before)
        return tracemalloc.get_traced_memory()[1] + held
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ner.formats.parquet.ROWS_WRITTEN", 200)
    monkeypatch.setattr("ner.formats.parquet.ROWS_READ", 200)
    peak(tmp_path, 200)
    few, many = peak(tmp_path, 400), peak(tmp_path, 4000)
    assert many < 1.5 * few + 100_000


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "in.parquet").touch()
    for use in (lambda: list(Parquet().read(tmp_path / "in.parquet")), lambda: Parquet().write([], tmp_path / "out")):
        with pytest.raises(InputError, match=r"pip install -c constraints.txt -e '\.\[bulk\]'"):
            use()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("years", [[2020.0, None], ["2020", None]])
def test_years_of_tables_with_gaps_are_read(years: list[object], tmp_path: Path) -> None:
    table = pa.table({"id": ["1", "2"], "title": ["Mice", "Rats"], "year": years})
    pq.write_table(table, tmp_path / "in.parquet")
    assert [document.year for document in Parquet().read(tmp_path / "in.parquet")] == [2020, None]
