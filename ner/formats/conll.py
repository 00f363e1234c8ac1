"""CoNLL columns: a token a line, with the tag of its place in an entity."""

import logging
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import TypeAlias

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats.base import FileFormat, Record, unique
from ner.io.files import reading, stem, writing

log = logging.getLogger(__name__)

START = re.compile(r"-DOCSTART-(?:[ \t]+\((.+)\)\s*|\s.*)?|###MEDLINE:(\S+)\s*", re.DOTALL)
# What such a line begins with.
STARTS = ("-DOCSTART-", "###MEDLINE:")
TAG = re.compile(r"([BIMELSU])-(.+)", re.DOTALL)
TOKEN = re.compile(r"\w+|[^\w\s]")
OUTSIDE = "O"
CONTINUING = "IMEL"
# Number of tags and of columns that are remembered once they were found to be right.
SHAPES = 1024
ENDING = "ELSU"
# Number of its first line, and the lines of its tokens as one text.
Sentence: TypeAlias = tuple[int, str]
Interval: TypeAlias = tuple[int, int]


class _RowError(ValueError):
    """A row of a sentence that cannot be used, counted from 0."""

    def __init__(self, row: int, what: str) -> None:
        super().__init__(what)
        self.row = row


@dataclass
class CoNLL(FileFormat):
    """Sentences of tokens with a tag each, as in the shared tasks of CoNLL.

    Columns are separated by tabs in a line that has one, else by blanks. A blank line ends a sentence, which becomes a
    passage: its tokens, joined by blanks, and the place of each. A line ``-DOCSTART-`` begins a document;
    ``-DOCSTART- (some id)`` names it, and so does ``###MEDLINE:some-id``, as in JNLPBA; others are named
    ``<file stem>:<number>``. Before the first such line each sentence is a document.

    One rule reads IOB1, IOB2, IOBES, BMES and BILOU: ``B-`` begins an entity, ``I-`` and ``M-`` continue the one
    before if it is open and has their label, and begin one otherwise; ``E-`` and ``L-`` do so and end it; ``S-`` and
    ``U-`` are a whole one, and ``O`` is outside. The label follows the first hyphen.

    Args:
        on_bad_span: As in other formats; tags cannot miss their tokens, so it makes no difference here.
        token_column: Number of the tokens' column, from 0; from -1 downwards it counts from the last one.
        tag_column: That of the tags; ``None`` for files of tokens alone, whose documents are not annotated.

    Source: Ramshaw & Marcus (1995); Tjong Kim Sang & De Meulder (2003); names of documents as in AIDA-CoNLL, Hoffart
    et al. (2011).
    """

    suffixes = (".conll", ".iob", ".iob2", ".bio", ".tsv")
    can_write_entities = True
    holds_scores = False

    token_column: int = 0
    tag_column: int | None = -1

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        seen = self.seen_in(folder)
        path, own = str(file), stem(file)
        for number, (line, named, sentences) in enumerate(_blocks(file), 1):
            name = named or f"{own}:{number}"
            if self.is_new(name, seen, f"{path}, line {line}"):
                yield partial(self._document, name, file, sentences)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents in IOB2: token, tab and tag, as the default columns read them, each passage a sentence.

        A passage that has tokens is written as these, tagged by the entities with which they share a character. In
        others tokens are runs of letters, digits and underscores, and other characters one by one, cut at the borders
        of entities. Lost are the white space between tokens, passages without any, sections, scores, weights and the
        like, and where an annotation stops. Of entities that share a token the longest is kept, the earliest among
        equals; one warning counts the others. A document that is not annotated is written as tokens alone, if
        ``tag_column`` is ``None``.

        Raises:
            InputError: if a document is not annotated and there is a column for tags, an identifier, token or label
                would not be read again, two documents share an identifier, or the file cannot be written.
        """
        left_out = 0
        with writing(path) as file:
            for document in unique(documents):
                self._check(document)
                file.write(f"-DOCSTART- ({document.id})\n\n")
                for passage in document.passages:
                    spans = passage.spans if document.is_annotated else ()
                    tokens, tags = tag_tokens(passage, spans)
                    left_out += len(spans) - sum(tag.startswith("B") for tag in tags)
                    for token, tag in zip(tokens, tags, strict=True):
                        file.write(_line(token, tag if document.is_annotated else None, document) + "\n")
                    file.write("\n")
        if left_out:
            log.warning("%s: left out: %d entities that share tokens with others, or have none", path, left_out)

    def _document(self, name: str, file: Path, sentences: Sequence[Sentence]) -> Document:
        return Document(name, tuple([self._passage(file, *sentence) for sentence in sentences or [(0, "")]]))

    def _passage(self, file: Path, first: int, text: str) -> Passage:
        try:
            tokens, tags = self._tokens_and_tags(text)
        except _RowError as error:
            raise InputError(f"{file}, line {first + error.row}: {error}") from None
        intervals = intervals_of(tokens)
        return Passage(
            " ".join(tokens),
            spans=tuple(spans_of_tags(intervals, tags)),
            annotated_until=0 if self.tag_column is None or not self.annotation else None,
            tokens=intervals,
        )

    def _tokens_and_tags(self, text: str) -> tuple[list[str], list[str]]:
        """Return the column of tokens, and that of tags, or none if there is no such column.

        Raises:
            _RowError: if a row has too few columns, no token, or something else than a tag.
        """
        tag_column = self.tag_column if self.annotation else None
        chosen = (self.token_column,) if tag_column is None else (self.token_column, tag_column)
        columns = _columns(text)
        if _are_there(chosen, len(columns)):
            tokens, *tagged = [columns[column] for column in chosen]
        else:
            tokens, *tagged = _chosen(_rows(text), chosen)
        if "" in tokens:
            fix = "remove the line, or set the format's token_column"
            raise _RowError(tokens.index(""), f"the token is empty; {fix}")
        tags = tagged[0] if tagged else []
        for tag in set(tags):
            if not is_tag(tag):
                what = f"the tag {tag!r} is neither O nor like B-gene, with one of BIMELSU in front"
                raise _RowError(tags.index(tag), f"{what}; correct it, or set the format's tag_column")
        return tokens, tags

    def _check(self, document: Document) -> None:
        """Refuse a document whose tags would say something else, or whose names would not be read again."""
        where = f"document {document.id!r}"
        if self.tag_column is not None and not document.is_annotated:
            fix = "tag it first, or set the format's tag_column to null to write tokens alone"
            raise InputError(f"{where}: not annotated, and tags would say that it has no entities; {fix}")
        spans = [span for passage in document.passages for span in passage.spans if document.is_annotated]
        for name in (document.id, *(span.label for span in spans)):
            if not name or re.search(r"[\t\r\n]", name):
                raise InputError(f"{where}: CoNLL columns cannot hold the name {name!r}; rename it")


def _blocks(file: Path) -> Iterator[tuple[int, str, list[Sentence]]]:
    """Yield documents: the line at which they were known, their name or nothing, their sentences."""
    begun: tuple[int, str] | None = None
    sentences: list[Sentence] = []
    for line, part in _parts(file):
        if isinstance(part, str):
            if begun:
                yield *begun, sentences
            begun, sentences = (line, part), []
        elif begun:
            sentences.append(part)
        else:
            yield line, "", [part]
    if begun:
        yield *begun, sentences


def _parts(path: Path) -> Iterator[tuple[int, Sentence | str]]:
    """Yield sentences, each with the line after it, and names of documents that begin (empty for none), with theirs.

    Files of millions of lines come through here and through :func:`_columns`, so that lines are taken many at a time.
    """
    number = 1
    with reading(path) as file:
        for is_blank, group in groupby(file, str.isspace):
            lines = list(group)
            after = number + len(lines)
            if not is_blank:
                text = "".join(lines)
                if STARTS[0] in text or STARTS[1] in text:
                    yield from _between_starts(number, lines)
                else:
                    yield after, (number, text)
            number = after


def _between_starts(first: int, lines: list[str]) -> Iterator[tuple[int, Sentence | str]]:
    sentence: list[str] = []
    for number, line in enumerate([*lines, ""], first):
        start = START.fullmatch(line)
        if line and start is None:
            sentence.append(line)
            continue
        if sentence:
            yield number, (number - len(sentence), "".join(sentence))
            sentence = []
        if start:
            yield number, start[1] or start[2] or ""


def _columns(text: str) -> list[list[str]]:
    """Return the cells of each column if all lines have equally many, else nothing."""
    separator = "\t" if "\t" in text else " "
    if not text.endswith("\n") or "\r" in text:
        return []
    # Each end of a line becomes a cell of its own; if all lines are as long, it is the last of each row.
    cells = text.replace("\n", f"{separator}\n{separator}").split(separator)
    length = cells.index("\n") + 1
    ends = cells[length - 1 :: length]
    if not len(ends) == ends.count("\n") == text.count("\n") or (separator == " " and "" in cells[:-1]):
        return []
    return [cells[column:-1:length] for column in range(length - 1)]


@lru_cache(SHAPES)
def _are_there(chosen: tuple[int, ...], count: int) -> bool:
    """Return whether each chosen column is one of so many, and none of them twice."""
    return len({column % count for column in chosen if -count <= column < count}) == len(chosen)


@lru_cache(SHAPES)
def is_tag(tag: str) -> bool:
    """Return if a text is ``O``, or a prefix and a label."""
    return tag == OUTSIDE or TAG.fullmatch(tag) is not None


def _chosen(rows: Sequence[Sequence[str]], chosen: tuple[int, ...]) -> list[list[str]]:
    """Return the chosen columns of rows.

    Raises:
        _RowError: if a row lacks one of them.
    """
    for place, row in enumerate(rows):
        if not _are_there(chosen, len(row)):
            token_column, tag_column = (*chosen, None)[:2]
            what = f"{len(row)} columns, but token_column is {token_column} and tag_column {tag_column}"
            fix = "set the format's token_column and the format's tag_column, null where there are no tags"
            raise _RowError(place, f"{what}; {fix}")
    return [[row[column] for row in rows] for column in chosen]


def _rows(text: str) -> list[list[str]]:
    """Return the columns of each line."""
    contents = text.split("\n")
    if "\r" in text:
        contents = [line.removesuffix("\r") for line in contents]
    return [line.split("\t") if "\t" in line else _between_blanks(line) for line in contents if line]


def _between_blanks(line: str) -> list[str]:
    columns = line.split(" ")
    return [column for column in columns if column] if "" in columns else columns


def _line(token: str, tag: str | None, document: Document) -> str:
    """Return the line of a token.

    Raises:
        InputError: if the token would not be read from it again.
    """
    line = token if tag is None else f"{token}\t{tag}"
    read = line.removesuffix("\r")
    if START.fullmatch(line) or "\n" in line or not read.strip() or _rows(read)[0][0] != token:
        what = f"CoNLL columns cannot hold the token {token!r:.60}"
        raise InputError(f"document {document.id!r}: {what}; change it, or write another format, such as JsonLines")
    return line


def intervals_of(tokens: Iterable[str]) -> tuple[Interval, ...]:
    """Return the place of each token in a text that they make, joined by blanks."""
    end = -1
    return tuple([(end + 1, end := end + 1 + len(token)) for token in tokens])


def spans_of_tags(tokens: Sequence[Interval], tags: Sequence[str]) -> Iterator[Span]:
    """Yield the entities of a sentence, from the place and the tag of each token."""
    if tags.count(OUTSIDE) == len(tags):
        return
    start, end, label = 0, 0, ""
    before = -1
    for place in [place for place, tag in enumerate(tags) if tag != OUTSIDE]:
        (begin, after), letter, own = tokens[place], tags[place][0], tags[place][2:]
        continues = letter in CONTINUING and own == label and place == before + 1
        before = place
        if label and not continues:
            yield Span(start, end, label)
        if not continues:
            start, label = begin, own
        end = after
        if letter in ENDING:
            yield Span(start, end, label)
            label = ""
    if label:
        yield Span(start, end, label)


def tag_tokens(passage: Passage, spans: Iterable[Span]) -> tuple[list[str], list[str]]:
    """Return the tokens of a passage and their IOB2 tags: of spans that share a token, the longest has it.

    A span has every token with which it shares a character. A passage without tokens is cut into some.
    """
    # The earliest first among equals.
    spans = sorted(spans, key=lambda span: (-len(span), span))
    tokens: Sequence[tuple[int, int]]
    if passage.tokens is None:
        spans = _apart(passage.text, spans)
        tokens = list(_cut(passage.text, sorted(spans)))
    else:
        tokens = passage.tokens
    tags = [OUTSIDE] * len(tokens)
    for span in spans:
        own = tokens_under(span, tokens)
        if own and all(tags[place] == OUTSIDE for place in own):
            for place in own:
                tags[place] = f"{'B' if place == own[0] else 'I'}-{span.label}"
    return [passage.text[start:end] for start, end in tokens], tags


def tokens_under(span: Span, tokens: Sequence[tuple[int, int]]) -> range:
    """Return the places of those tokens, which are in order, that share a character with a span."""
    first = bisect_right(tokens, span.start, key=itemgetter(1))
    return range(first, bisect_left(tokens, span.end, lo=first, key=itemgetter(0)))


def _apart(text: str, spans: Iterable[Span]) -> list[Span]:
    """Return those spans that have a token and share no character with one before them."""
    taken = bytearray(len(text))
    kept = []
    for span in spans:
        if TOKEN.search(text, span.start, span.end) and not any(taken[span.start : span.end]):
            taken[span.start : span.end] = b"\1" * len(span)
            kept.append(span)
    return kept


def _cut(text: str, spans: Iterable[Span]) -> Iterator[tuple[int, int]]:
    """Yield the tokens of a text that has none of its own; spans, which are in order and apart, cut them."""
    borders = [0, *(border for span in spans for border in (span.start, span.end)), len(text)]
    for start, end in pairwise(borders):
        yield from (match.span() for match in TOKEN.finditer(text, start, end))
