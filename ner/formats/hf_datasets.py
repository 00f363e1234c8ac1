"""Data sets of the library ``datasets``: a text with its spans, or its tokens with their tags, a row."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from ner.documents import Document, Passage, Span
from ner.errors import InputError, one_line
from ner.formats._joined import divided, layout_of, spans_of, text_of, whole
from ner.formats._json import Fields, JSONError, encodable, parse, placed, read_object
from ner.formats._json_stream import JSONStream
from ner.formats.base import FileFormat, Record, unknown_labels
from ner.formats.conll import intervals_of, is_tag, spans_of_tags, tag_tokens
from ner.io.extras import imported
from ner.io.files import new_folder, reading, stem

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

Row: TypeAlias = dict[str, object]
# Files that are in every saved data set, and in every folder of several splits.
SAVED = ("state.json", "dataset_dict.json")
PARQUET = ".parquet"
ROWS_READ = 256
# What is known of a document beside its texts and entities.
KNOWN = ("tier", "annotator", "weight", "year")
UNREADABLE = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)


@dataclass
class HFDatasets(FileFormat):
    """Folders of ``Dataset.save_to_disk``, and files of Parquet or JSON with such rows.

    A row with ``tokens`` is a document: its tokens, joined by blanks. ``ner_tags`` are names of tags, or numbers whose
    names the features have (``ClassLabel``); the rule of `CoNLL` reads them. Any other row needs a ``text`` and has
    ``spans``, each with ``start``, ``end`` (characters) and ``label``. Null in place of tags or spans stands for a
    document that is not annotated. ``id`` is a text or a number; rows without are named ``<file stem>:<number>``.

    A folder is written. With spans, a document is a row, its passages joined by line breaks, with further columns for
    their borders and the rest of what is known of it. With tokens, a passage is a row with its number and ``section``;
    lost is what `CoNLL` loses.

    Args:
        schema: Write texts with ``spans``, or ``tokens`` with tags.
        split: The split to read, where a folder has several.
        text_column: The column of texts.
        spans_column: That of their spans.
        tokens_column: That of tokens.
        tags_column: That of their tags.
        tag_names: The names of tags that are numbers, where the features do not say them.
        labels: Entity types of tags that are written; by default those of the corpus, or else of the documents, which
            are then held in memory.

    Source: https://huggingface.co/docs/datasets
    """

    schema: Literal["spans", "tokens"] = "spans"
    split: str = ""
    text_column: str = "text"
    spans_column: str = "spans"
    tokens_column: str = "tokens"
    tags_column: str = "ner_tags"
    tag_names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    suffixes = (PARQUET, ".jsonl", ".json")
    can_write_entities = True
    writes_folder = True

    def for_labels(self, labels: Sequence[str]) -> Self:
        return replace(self, labels=self.labels or tuple(labels))

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        names, rows = self._opened(file)
        waiting: list[tuple[int, Row]] = []
        for number, row in enumerate(rows, 1):
            if waiting and not (self.tokens_column in row and _continues(waiting[-1][1], row)):
                yield partial(self._document, file, waiting, names)
                waiting = []
            waiting.append((number, row))
        if waiting:
            yield partial(self._document, file, waiting, names)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents into a new or empty folder, which appears whole or not at all.

        Raises:
            InputError: if the folder holds something or cannot be written, a label is not known, or ``datasets`` is
                missing.
        """
        datasets = _imported("datasets")
        datasets.disable_progress_bars()
        features, rows = (self._tagged if self.schema == "tokens" else self._spanned)(documents, datasets)
        arrow_writer = _imported("datasets.arrow_writer").ArrowWriter
        with new_folder(path) as folder, TemporaryDirectory() as place:
            file = str(Path(place) / "rows.arrow")
            with arrow_writer(path=file, features=features) as writer:
                for row in rows:
                    writer.write(row)
                writer.finalize()
            datasets.Dataset.from_file(file).save_to_disk(folder)

    def _some_files(self, folder: Path) -> Iterator[Path]:
        if any((folder / name).is_file() for name in SAVED):
            yield folder
            return
        # Files on the hub are called by their split: `train-00000-of-00001.parquet`, `test.jsonl`.
        beginnings = (f"{self.split}-", f"{self.split}.")
        found = [file for file in super()._some_files(folder) if not self.split or file.name.startswith(beginnings)]
        if not found:
            raise InputError(f"{folder}: no file begins with {self.split}- or {self.split}.; correct its split")
        yield from found

    def _opened(self, file: Path) -> tuple[Mapping[str, object], Iterator[Row]]:
        """Return the features of a file or folder by column, as far as it says them, and its rows."""
        if file.is_dir():
            state = file / SAVED[0]
            if state.is_file() and read_object(state).values.get("_data_files") == []:
                return {}, iter(())  # a data set without rows, which the library saves but does not load
            _check_inside(file / SAVED[1], "splits", "folder")
            for path in (state, *file.glob(f"*/{SAVED[0]}")):
                _check_inside(path, "_data_files", "file")
            with _readable(file):
                found = _imported("datasets").load_from_disk(str(file))
                data = self._chosen(found, file)
                # As it is stored: decoded, a column of images or sounds would be fetched from where it says.
                stored = data.with_format("arrow").iter(ROWS_READ)
                return data.features.to_dict(), _checked((row for batch in stored for row in batch.to_pylist()), file)
        if file.suffix == PARQUET:
            with _readable(file):
                parquet = _imported("pyarrow.parquet").ParquetFile(file)
                described = (parquet.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
                info = Fields(parse(described.decode())).values.get("info") or {}
                features = Fields(info).values.get("features") or {}
                batches = (batch.to_pylist() for batch in parquet.iter_batches(ROWS_READ))
                return Fields(features).values, _checked(chain.from_iterable(batches), file)
        return {}, _json_rows(file)

    def _chosen(self, found: "Dataset | DatasetDict", file: Path) -> "Dataset":
        if not isinstance(found, dict):
            if self.split and self.split not in (str(found.split), file.name):
                raise InputError(f"{file}: has no split {self.split!r:.40}; leave out split, or correct it")
            return found
        names = list(found)
        if self.split not in names and (self.split or len(names) != 1):
            what = f"no split {self.split!r:.40}" if self.split else "several splits"
            fix = f"set split: {names[0]} for the format, or name the folder of one"
            raise InputError(f"{file}: {what}, but {', '.join(names):.200}; {fix}")
        return found[self.split or names[0]]

    def _document(self, file: Path, rows: Sequence[tuple[int, Row]], features: Mapping[str, object]) -> Document:
        number, first = rows[0]
        named = first.get("id")
        name = str(named) if isinstance(named, int | str) else f"{stem(file)}:{number}"
        with placed(f"{file}, row {number}"):
            encodable(name, "`id`")
        has_spans = {self.text_column, self.spans_column} <= first.keys()
        if self.tokens_column in first and (self.tags_column in first or not has_spans):
            return Document(name, tuple(self._passage(row, f"{file}, row {n}", features) for n, row in rows))
        where = f"{file}, row {number}"
        with placed(where):
            fields = Fields(_without_nulls(first))
            text = fields.string(self.text_column)
            own = {key: fields.values[key] for key in ("passages", *KNOWN) if key in fields}
            layout = Fields({**own, "id": name}) if "passages" in own else whole(name, text)
            found = self._spans(fields, where, _names(features.get(self.spans_column))) if self.annotation else None
            return divided(text, layout, found, self.reject_span)

    def _spans(self, fields: Fields, where: str, names: Sequence[str]) -> list[tuple[str, Span]] | None:
        values = fields.values.get(self.spans_column)
        if isinstance(values, dict):
            # A sequence of objects, as older versions hold it: an object of lists.
            columns = [Fields(values).array(key) for key in values]
            values = [dict(zip(values, row, strict=True)) for row in zip(*columns, strict=True)]
        if values is None:
            return None
        found = []
        for number, span in enumerate(Fields({self.spans_column: values}).objects(self.spans_column)):
            place = f"{where}, {self.spans_column}[{number}]"
            try:
                found.append((place, _span(span, names)))
            except ValueError as error:
                self.reject_span(place, error)
        return found

    def _passage(self, row: Row, where: str, features: Mapping[str, object]) -> Passage:
        with placed(where):
            fields = Fields(_without_nulls(row))
            tokens = fields.strings(self.tokens_column)
            if "" in tokens:
                raise ValueError(f"token {tokens.index('')} is empty")
            is_annotated = self.annotation and self.tags_column in fields
            names = self.tag_names or _names(features.get(self.tags_column))
            tags = [_tag(value, names) for value in fields.array(self.tags_column)] if is_annotated else []
            if is_annotated and len(tags) != len(tokens):
                raise ValueError(f"{len(tokens)} tokens, but {len(tags)} tags")
            places = intervals_of(tokens)
            spans = tuple(spans_of_tags(places, tags))
            until = None if is_annotated else 0
            return Passage(" ".join(tokens), fields.string("section", ""), spans, until, places)

    def _spanned(self, documents: Iterable[Document], datasets: ModuleType) -> tuple[object, Iterator[Row]]:
        text, number = datasets.Value("string"), datasets.Value("int32")
        score = datasets.Value("float64")
        place = {"start": number, "end": number}
        passage = {"section": text, **place, "annotated_until": number, "tokens": [[number]]}
        span = {**place, "label": text, "score": score, "identifiers": [text]}
        known = dict(zip(KNOWN, (text, text, score, number), strict=True))
        columns = {"id": text, self.text_column: text, self.spans_column: [span], "passages": [passage], **known}
        return datasets.Features(columns), (self._spanned_row(document, list(passage)) for document in documents)

    def _spanned_row(self, document: Document, keys: Sequence[str]) -> Row:
        layout = Fields(layout_of(document))
        passages = [{key: part.values.get(key) for key in keys} for part in layout.objects("passages")]
        spans = [
            {"start": s.start, "end": s.end, "label": s.label, "score": s.score, "identifiers": list(s.identifiers)}
            for s in spans_of(document)
        ]
        row: Row = {"id": document.id, self.text_column: text_of(document), "passages": passages}
        row[self.spans_column] = spans if document.is_annotated else None
        return row | {key: layout.values.get(key) for key in KNOWN}

    def _tagged(self, documents: Iterable[Document], datasets: ModuleType) -> tuple[object, Iterator[Row]]:
        from ner.labels import LabelSet  # noqa: PLC0415 - with numpy, for which the help of verbs need not wait

        labels = self.labels
        if not labels:
            documents = list(documents)
            found = {span.label for document in documents for passage in document.passages for span in passage.spans}
            labels = tuple(sorted(found))
        tags = LabelSet(labels).tags if labels else ("O",)
        text, number = datasets.Value("string"), datasets.Value("int32")
        columns = {"id": text, "passage": number, "section": text, self.tokens_column: [text]}
        features = datasets.Features({**columns, self.tags_column: [datasets.ClassLabel(names=list(tags))]})
        return features, (row for document in documents for row in self._tagged_rows(document, set(labels)))

    def _tagged_rows(self, document: Document, labels: set[str]) -> Iterator[Row]:
        for number, passage in enumerate(document.passages):
            tokens, tags = tag_tokens(passage, passage.spans)
            if unknown := [tag[2:] for tag in tags if tag != "O" and tag[2:] not in labels]:
                what = unknown_labels(Counter(unknown))
                raise InputError(f"document {document.id!r:.100}: {what}; set the format's labels")
            row: Row = {"id": document.id, "passage": number, "section": passage.section, self.tokens_column: tokens}
            yield row | {self.tags_column: None if passage.annotated_until == 0 else tags}


def _continues(before: Row, row: Row) -> bool:
    """Return if a row is a further passage of the document before it."""
    number, last = row.get("passage"), before.get("passage")
    is_next = isinstance(number, int) and isinstance(last, int) and number == last + 1
    return is_next and row.get("id") is not None and row.get("id") == before.get("id")


def _span(fields: Fields, names: Sequence[str]) -> Span:
    known = Fields(_without_nulls(fields.values))
    label = known.values.get("label")
    if isinstance(label, int) and 0 <= label < len(names):
        label = names[label]
    if not isinstance(label, str) or not label:
        raise known.error("label", "a name", "give the span a label")
    identifiers = known.strings("identifiers") if "identifiers" in known else ()
    start, end = known.integer("start"), known.integer("end")
    return Span(start, end, encodable(label, "`label`"), known.probability("score"), tuple(identifiers))


def _tag(value: object, names: Sequence[str]) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < len(names):
            raise JSONError(f"tag {value} has no name", "set the format's tag_names, in the order of the numbers")
        value = names[value]
    if not isinstance(value, str) or not is_tag(value):
        raise JSONError(f"the tag {value!r:.40} is neither O nor like B-gene, with one of BIMELSU in front")
    return encodable(value, "the tag")


def _names(feature: object) -> list[str]:
    """Return the names of the ``ClassLabel`` in a feature, however deep."""
    if isinstance(feature, dict):
        names = feature.get("names")
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return names
        return next((found for part in feature.values() if (found := _names(part))), [])
    if isinstance(feature, list):
        return next((found for part in feature if (found := _names(part))), [])
    return []


def _without_nulls(row: Mapping[str, object]) -> Row:
    """Return a row without what is null, also in the objects of its lists."""
    known: Row = {}
    for key, value in row.items():
        if isinstance(value, list):
            known[key] = [
                _without_nulls(Fields(part, f"{key}[{number}]").values) if isinstance(part, dict) else part
                for number, part in enumerate(value)
            ]
        elif value is not None:
            known[key] = value
    return known


def _json_rows(file: Path) -> Iterator[Row]:
    """Yield the rows of a list, or of lines, of JSON."""
    with reading(file) as opened:
        stream = JSONStream(opened)
        try:
            if stream.peek() == "[":
                for number in stream.elements():
                    yield dict(Fields(stream.value(), f"[{number}]").values)
                stream.end()
            while stream.peek():
                yield dict(Fields(stream.value()).values)
        except UnicodeDecodeError:
            raise
        except (RecursionError, ValueError) as error:
            raise InputError(f"{file}: {error}; rows in JSON are needed") from None


def _check_inside(listing: Path, key: str, kind: str) -> None:
    """Refuse a list of files or folders that lie elsewhere than beside it, which the library would read."""
    listed = read_object(listing).values.get(key) if listing.is_file() else []
    for part in listed if isinstance(listed, list) else []:
        name = part.get("filename") if isinstance(part, dict) else part
        if not isinstance(name, str) or name in ("", ".", "..") or set(name) & {"/", "\\"}:
            raise InputError(f"{listing}: {name!r:.60} is no {kind} beside it; save the data set anew")


def _checked(rows: Iterable[Row], file: Path) -> Iterator[Row]:
    with _readable(file):
        yield from rows


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Turn an error of the library into one line."""
    try:
        yield
    except InputError:
        raise
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:
            reason = f"cannot be read ({error.strerror}); check the path"
        else:
            reason = f"{one_line(error):.200}; a data set of `datasets` is needed"
        raise InputError(f"{file}: {reason}") from None


def _imported(module: str) -> ModuleType:
    return imported(module, f"HFDatasets needs {module.partition('.')[0]}", "datasets")
