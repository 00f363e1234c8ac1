"""Parquet: one document a row, for inputs and outputs of any size that databases query."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from ner.documents import Document, Passage
from ner.errors import InputError, one_line
from ner.formats._json import Fields, JSONError, placed
from ner.formats._quoting import difference, excerpt
from ner.formats.base import FileFormat, Record
from ner.formats.jsonl import document_of
from ner.io.extras import imported
from ner.io.files import COMPRESSED, kept, reading, writing_bytes

if TYPE_CHECKING:
    import pyarrow as pa

# Rows that are in memory at a time, when a file is read and when it is written.
ROWS_READ = 256
ROWS_WRITTEN = 4096
COMPRESSION = "zstd"
# The sections of a document whose texts are columns of their own.
SECTIONS = ("title", "abstract")
IN_COLUMNS = (SECTIONS, SECTIONS[:1], SECTIONS[1:])
DEFAULTS = {"tier": "", "annotator": "", "weight": 1.0}
FAILED = "texts that could not be tagged"
SHOWN_NAMES = 100


class Row(NamedTuple):
    """A row of a file.

    Args:
        document: The document, not annotated if it could not be tagged.
        source: The file that it was read from, empty where unknown.
        error: Why it could not be read or tagged, empty where it could.
    """

    document: Document
    source: str = ""
    error: str = ""


@dataclass
class Parquet(FileFormat):
    """Documents as rows, compressed with zstd.

    Columns are ``id``, ``source`` (the file that a document comes from), ``year``, ``title`` and ``abstract``, or else
    ``passages`` (``section``, ``text``, and where they are known ``annotated_until`` and ``tokens``), ``entities``,
    ``error``, ``tier``, ``annotator`` and ``weight``. An entity is ``passage`` (its number, from 0), ``start`` and
    ``end`` (characters of the passage), ``label``, ``text``, ``score`` and ``identifiers``. ``entities`` are null
    where a document is not annotated, and ``title`` or ``abstract`` where it has none.

    Files of others are read too: they need ``id`` (a text or an integer), and ``title``, ``abstract`` or ``passages``;
    further columns are ignored. A row with an ``error`` is a document without annotation, and counted.

    A row that is no document is an error whatever ``on_bad_span`` says; identifiers may come again, so that
    ``on_duplicate`` makes no difference.
    """

    suffixes = (".parquet",)
    can_write_entities = True
    is_read_by_service = False  # a small file can hold more than any memory

    def files(self, folder: Path) -> list[Path]:
        return [file for file in super().files(folder) if file.suffix != COMPRESSED]

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        _check_name(file)
        with kept(file) as path, reading(path) as opened, _readable(file):
            parquet = _pyarrow("pyarrow.parquet").ParquetFile(opened.buffer, buffer_size=1 << 20, pre_buffer=False)
            columns = _columns(parquet.schema_arrow.names)
            if not self.annotation:
                columns = [name for name in columns if name != "entities"]
            number = 0
            for batch in parquet.iter_batches(ROWS_READ, columns=columns):
                for record in batch.to_pylist():
                    number += 1
                    yield partial(self._document, record, f"{file}, row {number}")

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents.

        Raises:
            InputError: if the file cannot be written, or pyarrow is missing.
        """
        write_rows(map(Row, documents), path)

    def _document(self, record: Mapping[str, object], where: str) -> Document:
        row = _row(record, where, self.annotation)
        self.not_read[FAILED] += bool(row.error)
        return row.document


def schema(metadata: Mapping[str, str] | None = None) -> "pa.Schema":
    """Return the schema of files, with metadata such as the model's digest.

    Raises:
        InputError: if pyarrow is missing.
    """
    return _schema().with_metadata(metadata)


def table_of(rows: Iterable[Row], metadata: Mapping[str, str] | None = None) -> "pa.Table":
    """Return rows as a table of :func:`schema`.

    Raises:
        InputError: if pyarrow is missing.
        UnicodeEncodeError: if a text holds half a surrogate pair.
    """
    return _pyarrow().Table.from_pylist(list(map(_record, rows)), schema=schema(metadata))


def rows_of(table: "pa.Table | pa.RecordBatch", where: str = "table") -> Iterator[Row]:
    """Yield the rows of a table, or of a batch of one, that has the columns of a file.

    Raises:
        InputError: if columns are missing, or a row is no document.
    """
    with _readable(where):
        for number, record in enumerate(table.select(_columns(table.schema.names)).to_pylist(), 1):
            yield _row(record, f"{where}, row {number}")


def write_rows(rows: Iterable[Row], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write rows to a file that appears whole or not at all.

    Raises:
        InputError: if the file cannot be written, or pyarrow is missing.
    """
    _check_name(path)
    parquet = _pyarrow("pyarrow.parquet")
    remaining = iter(rows)
    with writing_bytes(path) as file, nullcontext(file) if file.seekable() else TemporaryFile() as place:
        with parquet.ParquetWriter(place, schema(metadata), compression=COMPRESSION) as writer:
            while some := list(islice(remaining, ROWS_WRITTEN)):
                writer.write_table(table_of(some, metadata))
        if place is not file:
            place.seek(0)
            copyfileobj(place, file)


@cache
def _schema() -> "pa.Schema":
    arrow = _pyarrow()
    text, number = arrow.string(), arrow.int32()
    places = {"passage": number, "start": number, "end": number, "label": text, "text": text}
    entity = {**places, "score": arrow.float64(), "identifiers": arrow.list_(text)}
    tokens = arrow.list_(arrow.list_(number))
    passage = {"section": text, "text": text, "annotated_until": number, "tokens": tokens}
    return arrow.schema(
        {
            "id": text,
            "source": text,
            "year": arrow.int16(),
            "title": text,
            "abstract": text,
            "passages": arrow.list_(arrow.struct(passage)),
            "entities": arrow.list_(arrow.struct(entity)),
            "error": text,
            "tier": text,
            "annotator": text,
            "weight": arrow.float64(),
        }
    )


def _record(row: Row) -> dict[str, object]:
    """Return a row as Arrow takes it; what it lacks is null."""
    document = row.document
    record: dict[str, object] = {"id": document.id, "source": row.source or None, "error": row.error or None}
    record["year"] = document.year
    record |= {
        name: getattr(document, name) for name, default in DEFAULTS.items() if getattr(document, name) != default
    }
    if _fits_columns(document):
        record |= {passage.section: passage.text for passage in document.passages}
    else:
        record["passages"] = [_passage_record(passage) for passage in document.passages]
    if document.is_annotated:
        record["entities"] = [
            {
                "passage": number,
                "start": span.start,
                "end": span.end,
                "label": span.label,
                "text": passage.mention(span),
                "score": span.score,
                "identifiers": span.identifiers,
            }
            for number, passage in enumerate(document.passages)
            for span in passage.spans
        ]
    return record


def _fits_columns(document: Document) -> bool:
    """Return whether title and abstract, annotated both or neither, are all that there is."""
    passages = document.passages
    return (
        tuple(passage.section for passage in passages) in IN_COLUMNS
        and {passage.annotated_until for passage in passages} in ({0}, {None})
        and all(passage.tokens is None for passage in passages)
    )


def _passage_record(passage: Passage) -> dict[str, object]:
    own = {"annotated_until": passage.annotated_until, "tokens": passage.tokens}
    return {"section": passage.section, "text": passage.text, **own}


def _row(record: Mapping[str, object], where: str, with_annotation: bool = True) -> Row:
    known = _without_nulls(record)
    with placed(where):
        document = document_of(_as_line(known), with_annotation)
    return Row(document, str(known.get("source", "")), str(known.get("error", "")))


def _as_line(known: Mapping[str, object]) -> dict[str, object]:
    """Return a row as the object of JSON Lines that says the same.

    Raises:
        JSONError: if it says it in a wrong way.
    """
    fields = Fields(known)
    parts = fields.objects("passages") if known.get("passages") else []
    texts = [section for section in SECTIONS if section in known]
    if parts and texts:
        raise JSONError(f"`{texts[0]}` stands beside `passages`", "move it into one of them")
    passages = [_without_nulls(part.values) for part in parts]
    # A document without any text still has a passage.
    passages = passages or [{"section": name, "text": known.get(name, "")} for name in texts or SECTIONS[:1]]
    if "entities" in known:
        _share_out(fields.objects("entities"), passages)
    line = {name: known[name] for name in (*DEFAULTS, "year") if name in known}
    # Tables in which some years are missing hold them as floats, and others as texts.
    year = line.get("year")
    if (isinstance(year, float) and year.is_integer()) or (isinstance(year, str) and year.isdecimal()):
        line["year"] = int(year)
    name = known.get("id")
    return {**line, "id": str(name) if isinstance(name, int) else name, "passages": passages}


def _share_out(entities: Iterable[Fields], passages: Sequence[dict[str, object]]) -> None:
    """Give each passage its entities, as its spans.

    Raises:
        JSONError: if there is no such passage, or an entity quotes another text than it covers.
    """
    spans: list[list[object]] = [[] for _ in passages]
    for passage, own in zip(passages, spans, strict=True):
        passage["spans"] = own
    for number, entity in enumerate(entities):
        at, start, end = map(entity.integer, ("passage", "start", "end"))
        if not 0 <= at < len(passages):
            raise JSONError(f"entities[{number}]: there is no passage {at}")
        found = str(passages[at].get("text"))[max(start, 0) : max(end, 0)]
        if entity.values.get("text") not in (None, found):
            raise JSONError(f"entities[{number}]: {difference(found, entity.string('text'), 'the entity')}")
        spans[at].append(_without_nulls(entity.values))


def _without_nulls(record: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in record.items() if value is not None}


def _columns(names: Sequence[str]) -> list[str]:
    """Return the columns to read of those that a file has.

    Raises:
        ValueError: if it has no identifiers or no texts.
    """
    for wanted in (("id",), ("passages", *SECTIONS)):
        if not set(wanted) & set(names):
            raise ValueError(f"no column {' or '.join(wanted)}, but {excerpt(', '.join(names), SHOWN_NAMES)}")
    return [name for name in _schema().names if name in names]


def _check_name(path: Path) -> None:
    if path.suffix == COMPRESSED:
        raise InputError(f"{path}: Parquet is compressed in itself; name a file without {COMPRESSED}")


@contextmanager
def _readable(source: Path | str) -> Iterator[None]:
    """Turn an error of Arrow into one line."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ArithmeticError, LookupError, ValueError) as error:
        # Those of the system are named elsewhere.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"{source}: {one_line(error)}; Parquet with documents as its rows is needed") from None


def _pyarrow(name: str = "pyarrow") -> ModuleType:
    return imported(name, "Parquet needs pyarrow", "bulk")
