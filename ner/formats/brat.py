"""The standoff format of brat: a text in one file, its annotation in another."""

import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from io import BufferedReader
from itertools import count, pairwise
from pathlib import Path
from typing import Self

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats._quoting import difference
from ner.formats.base import FileFormat, GapError, Record, is_there
from ner.io.files import COMPRESSED, new_folder, reading

ENTITY = re.compile(r"(T\S*)\t(\S+) ([0-9]{1,12} [0-9]{1,12}(?:;[0-9]{1,12} [0-9]{1,12})*) *(?:\t(.*))?", re.DOTALL)
NORMALISATION = re.compile(r"N\S*\tReference (T\S*) (\S+)(?:\t.*)?", re.DOTALL)
# What brat calls the lines of other kinds, by their first letter.
OTHERS = {
    "R": "relations",
    "E": "events",
    "A": "attributes",
    "M": "modifications",
    "N": "normalisations of something else",
    "*": "equivalences",
    "#": "notes",
}
OTHER = re.compile(r"(?:[REAMN]\S*|\*)\t|#")
# brat names the database of each identifier; this one stands for none.
NO_DATABASE = "ID:"
# The folders of a file's name and the file.
MOST_PARTS = 20
# Annotation of brat, and of the BioNLP shared tasks, where what was given and what was asked for are two files.
ANNOTATIONS = (".ann", ".a1", ".a2")
# No fragment of brat crosses these, because they may end a line of the annotation.
BREAKS = "\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
BREAK = re.compile(f"[{BREAKS}]")
UNBROKEN = re.compile(f"[^{BREAKS}]+")


@dataclass(slots=True)
class _Standoff:
    """The annotation of a text: entities, each after its place in a file, and what belongs to them."""

    entities: list[tuple[str, re.Match[str]]] = field(default_factory=list)
    identifiers: dict[str, list[str]] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)

    def add(self, line: str, where: str) -> None:
        """Add a line.

        Raises:
            InputError: if it is no annotation.
        """
        if match := ENTITY.fullmatch(line):
            self.entities.append((where, match))
        elif match := NORMALISATION.fullmatch(line):
            self.identifiers.setdefault(match[1], []).append(match[2].removeprefix(NO_DATABASE))
        elif OTHER.match(line):
            self.others[OTHERS[line[0]]] += 1
        elif line.strip():
            what = f"{line[:40]!r} is no annotation of brat"
            raise InputError(f"{where}: {what}; an entity is T1<tab>Type start end<tab>text")


@dataclass
class Brat(FileFormat):
    """Texts ``name.txt`` with annotation ``name.ann``, in a folder and its subfolders.

    Folders of the BioNLP shared tasks, with ``name.a1`` and ``name.a2``, are read too. The identifier of a document is
    its path in the folder, without suffix. A document without annotation is not annotated; one with an empty ``.ann``
    has no entities. Files and folders that begin with a dot are passed over. A file ``name.txt.gz`` or ``name.ann.gz``
    is read where there is no uncompressed one.

    Texts are kept to the character, ``\\r\\n`` and a byte order mark included, because brat counts them.

    Fragments of an entity with nothing but white space between them are one span, and those with more do not fit.
    Triggers of events are entities, and normalisations are their identifiers; what else builds on entities is passed
    over and counted. An identifier without a database, as other formats have it, is written as one of ``ID``. Types in
    brat have no blanks: one that is a label of ``labels`` with underscores for blanks is read as that label.

    Args:
        on_bad_span: Refuse an annotation that does not fit its text, or leave it out with a warning.
        title_line: Read the first line of a text as its title, and the rest as its abstract; otherwise a text is one
            passage.
        labels: Entity types whose names have blanks; those of the corpus, if it names some.

    Source: https://brat.nlplab.org/standoff.html; Stenetorp et al. (2012).
    """

    title_line: bool = False
    labels: tuple[str, ...] = ()

    suffixes = (".txt",)
    can_write_entities = True
    writes_folder = True
    reads_subfolders = True
    holds_scores = False
    companions = ANNOTATIONS

    def for_labels(self, labels: Sequence[str]) -> Self:
        return replace(self, labels=self.labels or tuple(labels))

    def files(self, folder: Path) -> list[Path]:
        """Return the texts in a folder and its subfolders.

        Raises:
            InputError: if an annotation has no text.
        """
        files = sorted(
            file
            for file in folder.rglob("*")
            if _kind(file) in (".txt", *ANNOTATIONS)
            and not any(part.startswith(".") for part in file.relative_to(folder).parts)
            and is_there(file)
        )
        texts: dict[Path, Path] = {}
        for file in files:
            if _kind(file) == ".txt":
                texts.setdefault(_base(file), file)
        for file in files:
            if (base := _base(file)) not in texts:
                raise InputError(f"{file}: has no {base.name}.txt beside it; add the text")
        return list(texts.values())

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        base = _base(file)
        if _kind(file) in ANNOTATIONS:
            raise InputError(f"{file}: annotation without its text; name {base.name}.txt, or the folder")
        name = base.relative_to(folder).as_posix() if folder else base.name
        yield partial(self._document, file, name)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents into a new or empty folder, which appears whole or not at all.

        Passages are joined by line breaks; a blank in a label becomes an underscore. A document that is not annotated
        has no ``.ann``. Lost are sections (but see ``title_line``), scores, weights and the like, where an annotation
        stops, identifiers with white space, and line breaks at the borders of an entity.

        Raises:
            InputError: if the folder holds something, an identifier is no relative path or comes twice, brat cannot
                hold a label or entity, or writing fails.
        """
        names = {_name(label): label for label in self.labels}
        with new_folder(path) as folder:
            for document in documents:
                if self.title_line:
                    _check_title(document)
                _write_document(document, folder, names)

    def _document(self, path: Path, name: str) -> Document:
        text = _text(path)
        parts = self._parts(text)
        spans: list[list[Span]] = [[] for _ in parts]
        annotations = list(_annotations(_base(path))) if self.annotation else []
        standoff = _read_standoff(annotations)
        self.not_read.update(standoff.others)
        for where, match in standoff.entities:
            try:
                start, end = _mention(text, match[3], match[4] or "")
            except ValueError as error:
                self.reject_span(where, error)
                continue
            for (begin, part, _), own in zip(parts, spans, strict=True):
                if begin <= start and end <= begin + len(part):
                    identifiers = tuple(standoff.identifiers.get(match[1], ()))
                    own.append(Span(start - begin, end - begin, self._label(match[2]), identifiers=identifiers))
                    break
            else:
                self.reject_span(where, f"[{start}, {end}) lies partly in the title and partly in the abstract")
        is_annotated = bool(annotations)
        until = None if is_annotated else 0
        passages = (
            Passage(part, section, tuple(own), until) for (_, part, section), own in zip(parts, spans, strict=True)
        )
        return Document(name, tuple(passages))

    def _parts(self, text: str) -> list[tuple[int, str, str]]:
        """Return each passage as the place where it begins, its text and its section."""
        if not self.title_line:
            return [(0, text, "")]
        title, line_break, abstract = text.partition("\n")
        parts = [(0, title.removesuffix("\r"), "title")]
        return [*parts, (len(title) + 1, abstract, "abstract")] if line_break else parts

    def _label(self, name: str) -> str:
        return name if name in self.labels else next((label for label in self.labels if _name(label) == name), name)


def _base(file: Path) -> Path:
    """Return the path of a file without its ending, and without that of its compression."""
    return file.with_name(file.name.removesuffix(COMPRESSED)).with_suffix("")


def _kind(file: Path) -> str:
    return Path(file.name.removesuffix(COMPRESSED)).suffix


def _annotations(base: Path) -> Iterator[Path]:
    """Yield the files with the annotation of a text, each as it is or else compressed."""
    for suffix in ANNOTATIONS:
        plain, compressed = (base.with_name(f"{base.name}{suffix}{ending}") for ending in ("", COMPRESSED))
        if plain.exists() or compressed.exists():
            yield plain if plain.exists() else compressed


def _text(path: Path) -> str:
    with reading(path) as file:
        assert isinstance(file.buffer, BufferedReader)
        mark = "\ufeff" if file.buffer.peek(len(BOM_UTF8)).startswith(BOM_UTF8) else ""
        return mark + file.read()


def _read_standoff(annotations: Iterable[Path]) -> _Standoff:
    """Read the annotation of one text, whose names are known in all of its files.

    Raises:
        InputError: if a file cannot be read, or has a line of another format.
    """
    standoff = _Standoff()
    for annotation in annotations:
        with reading(annotation) as lines:
            for number, line in enumerate(lines, 1):
                standoff.add(line.removesuffix("\n").removesuffix("\r"), f"{annotation}, line {number}")
    return standoff


def _mention(text: str, places: str, quoted: str) -> tuple[int, int]:
    """Return start and end of an entity.

    Raises:
        ValueError: if it does not fit the text; a ``GapError`` if it is discontinuous.
    """
    numbers = [int(number) for number in re.split("[ ;]", places)]
    fragments = list(zip(numbers[::2], numbers[1::2], strict=True))
    if numbers != sorted(numbers) or any(start == end for start, end in fragments) or numbers[-1] > len(text):
        raise ValueError(f"{places} are no characters of a text that has {len(text)}")
    if any(text[end:start].strip() for (_, end), (start, _) in pairwise(fragments)):
        raise GapError(f"{places} is discontinuous, but a span has no gaps")
    found = " ".join(text[start:end] for start, end in fragments)
    if BREAK.sub(" ", found) != BREAK.sub(" ", quoted):
        raise ValueError(f"{places} {difference(found, quoted, 'the line')}")
    return numbers[0], numbers[-1]


def _write_document(document: Document, folder: Path, names: dict[str, str]) -> None:
    parts = document.id.split("/")
    is_hidden = any(not part or part.startswith(".") for part in parts)
    if is_hidden or len(parts) > MOST_PARTS or re.search(r"[\\\0]", document.id):
        raise InputError(
            f"document {document.id!r:.100}: the id is no relative path of at most {MOST_PARTS} parts; rename it"
        )
    text, annotation = (folder / f"{document.id}{suffix}" for suffix in (".txt", ".ann"))
    text.parent.mkdir(parents=True, exist_ok=True)
    if text.exists():
        raise InputError(f"document {document.id!r}: another document has this id; give each its own")
    text.write_text("\n".join(passage.text for passage in document.passages), encoding="utf-8", newline="")
    if document.is_annotated:
        annotation.write_text("".join(_lines(document, names)), encoding="utf-8", newline="")


def _check_title(document: Document) -> None:
    """Refuse an entity over the first line break, which would end the title in the middle of it."""
    first = document.passages[0]
    place = first.text.find("\n")
    if crossing := [span for span in first.spans if span.start < place and first.text[place : span.end].strip()]:
        what = f"the entity {first.mention(crossing[0])[:40]!r} reaches over the end of its first line"
        raise InputError(f"document {document.id!r:.100}: {what}, which is the title; leave out title_line")


def _lines(document: Document, names: dict[str, str]) -> Iterator[str]:
    begin = 0
    numbers, others = count(1), count(1)
    for passage in document.passages:
        for span in passage.spans:
            name = _name(span.label)
            fragments = list(UNBROKEN.finditer(passage.text, span.start, span.end))
            if not fragments or not re.fullmatch(r"[^\s;]+", name) or names.setdefault(name, span.label) != span.label:
                beside = f" beside {names[name]!r}" if names.get(name, span.label) != span.label else ""
                what = f"brat cannot hold {passage.mention(span)[:40]!r} as {span.label!r}{beside}"
                raise InputError(f"document {document.id!r}: {what}; rename the label, or leave the entity out")
            places = ";".join(f"{begin + match.start()} {begin + match.end()}" for match in fragments)
            mention = " ".join(match[0] for match in fragments)
            number = next(numbers)
            yield f"T{number}\t{name} {places}\t{mention}\n"
            for reference in _references(span.identifiers):
                yield f"N{next(others)}\tReference T{number} {reference}\t{mention}\n"
        begin += len(passage.text) + 1


def _references(identifiers: Iterable[str]) -> Iterator[str]:
    """Yield identifiers with their databases; brat has no place for one with white space."""
    for identifier in identifiers:
        if identifier and not re.search(r"\s", identifier):
            is_named = ":" in identifier and not identifier.startswith(NO_DATABASE)
            yield identifier if is_named else f"{NO_DATABASE}{identifier}"


def _name(label: str) -> str:
    return label.replace(" ", "_")
