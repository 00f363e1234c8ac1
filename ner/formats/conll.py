"""CoNLL columns: a token a line, with a tag that says how it takes part in an entity."""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

from ner.corpora.base import unique
from ner.corpora.files import FileCorpus
from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.io.files import reading, writing

log = logging.getLogger(__name__)

START = re.compile(r"-DOCSTART-(?:[ \t]+\((.+)\)\s*|\s.*)?", re.DOTALL)
TAG = re.compile(r"([BIMELSU])-(.+)", re.DOTALL)
TOKEN = re.compile(r"\w+|[^\w\s]")
OUTSIDE = "O"
CONTINUING = "IMEL"
ENDING = "ELSU"
# Token, letter of the tag, label.
Row = tuple[str, str, str]


class CoNLL(FileCorpus):
    """Sentences of tokens with a tag each, as the shared tasks of CoNLL have them.

    Columns are separated by tabs in a line that has one, else by blanks. A blank line ends a sentence, which becomes a
    passage: its tokens, joined by blanks. A line ``-DOCSTART-`` begins a document; ``-DOCSTART- (some id)`` names it,
    others are called ``<file stem>:<number>``. Before the first such line each sentence is a document.

    One rule reads IOB1, IOB2, IOBES, BMES and BILOU: ``B-`` begins an entity, ``I-`` and ``M-`` continue the one
    before if it is open and has their label, and begin one otherwise; ``E-`` and ``L-`` do so and end it; ``S-`` and
    ``U-`` are a whole one, and ``O`` is outside. What follows the first hyphen is the label.

    Args:
        labels: Entity types that the annotation may have; their order decides the tag ids. What is only tagged or
            converted needs none.
        train: File or folder of the training split.
        dev: That of the development split.
        test: That of the test split.
        on_bad_span: As in other formats; tags cannot miss their tokens, so it makes no difference here.
        token_column: Number of the tokens' column, from 0; from -1 downwards it counts from the last one.
        tag_column: That of the tags; ``None`` reads and writes tokens alone, which are not annotated.

    Source: Ramshaw & Marcus (1995); Tjong Kim Sang & De Meulder (2003); names of documents as in AIDA-CoNLL, Hoffart
    et al. (2011).
    """

    suffixes = (".conll", ".iob", ".iob2", ".bio", ".tsv")

    def __init__(
        self,
        labels: Sequence[str] = (),
        train: str | None = None,
        dev: str | None = None,
        test: str | None = None,
        on_bad_span: Literal["error", "skip"] = "error",
        token_column: int = 0,
        tag_column: int | None = -1,
    ) -> None:
        super().__init__(labels, train, dev, test, on_bad_span)
        self.token_column = token_column
        self.tag_column = tag_column

    def read_file(self, path: Path) -> Iterator[Document]:
        seen: set[str] = set()
        for number, (line, own_name, passages) in enumerate(self._blocks(path), 1):
            name = own_name or f"{path.stem}:{number}"
            if name in seen:
                raise InputError(f"{path}, line {line}: {name!r} stands in this file already; rename one of them")
            seen.add(name)
            yield Document(name, tuple(passages) or (self._passage([]),))

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents in IOB2: token, tab and tag, as the default columns read them, each passage a sentence.

        Tokens are runs of letters, digits and underscores, and other characters one by one; at the borders of an
        entity they are cut. Lost are the white space between them, passages without any, sections, scores, weights and
        the like, and where an annotation stops. Of entities that share a character the longest is kept, the earliest
        among equals; one warning counts the others.

        Raises:
            InputError: if a document is not annotated and there is a column for tags, an identifier or a label would
                break a line, two documents share an identifier, or the file cannot be written.
        """
        self._write(documents, path, has_tags=self.tag_column is not None)

    def write_predictions(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents with their tags, where input has none too."""
        self._write(documents, path, has_tags=True)

    def _write(self, documents: Iterable[Document], path: Path, has_tags: bool) -> None:
        left_out = 0
        with writing(path) as file:
            for document in unique(documents):
                _check(document, has_tags)
                file.write(f"-DOCSTART- ({document.id})\n\n")
                for passage in document.passages:
                    spans = _apart(passage) if has_tags else []
                    left_out += len(passage.spans) - len(spans)
                    for token, tag in _tagged(passage.text, spans):
                        file.write(f"{token}\t{tag}\n" if has_tags else f"{token}\n")
                    file.write("\n")
        if left_out and has_tags:
            log.warning("%s: left out: %d entities that share characters with others, or have no token", path, left_out)

    def _blocks(self, path: Path) -> Iterator[tuple[int, str, list[Passage]]]:
        """Documents: the line at which they were known, their name or nothing, their passages."""
        begun: tuple[int, str] | None = None
        passages: list[Passage] = []
        for line, part in self._parts(path):
            if isinstance(part, str):
                if begun:
                    yield *begun, passages
                begun, passages = (line, part), []
            elif begun:
                passages.append(part)
            else:
                yield line, "", [part]
        if begun:
            yield *begun, passages

    def _parts(self, path: Path) -> Iterator[tuple[int, Passage | str]]:
        """Sentences, and the names of documents that begin (empty for none), with the line that ends or is them."""
        rows: list[Row] = []
        with reading(path) as file:
            for number, line in enumerate(chain(file, [""]), 1):
                content = line.removesuffix("\n").removesuffix("\r")
                start = START.fullmatch(content)
                is_row = start is None and bool(content.strip())
                if is_row:
                    rows.append(self._row(content, f"{path}, line {number}"))
                elif rows:
                    yield number, self._passage(rows)
                    rows = []
                if start:
                    yield number, start[1] or ""

    def _row(self, line: str, where: str) -> Row:
        columns = line.split("\t") if "\t" in line else [column for column in line.split(" ") if column]
        count = len(columns)
        chosen = [column for column in (self.token_column, self.tag_column) if column is not None]
        places = {column % count for column in chosen if -count <= column < count}
        if len(places) < len(chosen):
            what = f"{count} columns, but token_column is {self.token_column} and tag_column {self.tag_column}"
            raise InputError(f"{where}: {what}; set them in data.corpus, tag_column to null where there are no tags")
        token = columns[self.token_column]
        if not token:
            raise InputError(f"{where}: the token is empty; remove the line, or set data.corpus.token_column")
        if self.tag_column is None or columns[self.tag_column] == OUTSIDE:
            return token, OUTSIDE, ""
        match = TAG.fullmatch(columns[self.tag_column])
        if match is None:
            what = f"the tag {columns[self.tag_column]!r} is neither O nor like B-gene, with one of BIMELSU in front"
            raise InputError(f"{where}: {what}; correct it, or set data.corpus.tag_column")
        return token, match[1], match[2]

    def _passage(self, rows: Sequence[Row]) -> Passage:
        text = " ".join(token for token, _, _ in rows)
        return Passage(text, spans=tuple(_spans(rows)), annotated_until=0 if self.tag_column is None else None)


def _check(document: Document, has_tags: bool) -> None:
    """Refuse what would not be read again."""
    where = f"document {document.id!r}"
    if has_tags and not document.is_annotated:
        mend = "tag it first, or set tag_column to null to write tokens alone"
        raise InputError(f"{where}: not annotated, and tags would say that it has no entities; {mend}")
    labels = {span.label for passage in document.passages for span in passage.spans} if has_tags else ()
    for name in (document.id, *labels):
        if not name or re.search(r"[\t\r\n]", name):
            raise InputError(f"{where}: CoNLL columns cannot hold the name {name!r}; rename it")


def _spans(rows: Sequence[Row]) -> Iterator[Span]:
    """The entities of a sentence, in characters of its tokens joined by blanks."""
    start, end, position, label = 0, 0, 0, ""
    for token, letter, own in (*rows, ("", OUTSIDE, "")):
        continues = letter in CONTINUING and own == label
        if label and not continues:
            yield Span(start, end, label)
            label = ""
        if own and not continues:
            start, label = position, own
        end = position + len(token)
        if letter in ENDING:
            yield Span(start, end, label)
            label = ""
        position = end + 1


def _apart(passage: Passage) -> list[Span]:
    """Those entities that have a token and share no character, the longest first to be chosen, in order."""
    taken = bytearray(len(passage.text))
    kept = []
    for span in sorted(passage.spans, key=lambda span: (-len(span), span)):
        if TOKEN.search(passage.text, span.start, span.end) and not any(taken[span.start : span.end]):
            taken[span.start : span.end] = b"\1" * len(span)
            kept.append(span)
    return sorted(kept)


def _tagged(text: str, spans: Sequence[Span]) -> Iterator[tuple[str, str]]:
    """Tokens with their IOB2 tags; entities are in order and apart."""
    position = 0
    for span in spans:
        yield from ((match[0], OUTSIDE) for match in TOKEN.finditer(text, position, span.start))
        for number, match in enumerate(TOKEN.finditer(text, span.start, span.end)):
            yield match[0], f"{'I' if number else 'B'}-{span.label}"
        position = span.end
    yield from ((match[0], OUTSIDE) for match in TOKEN.finditer(text, position))
