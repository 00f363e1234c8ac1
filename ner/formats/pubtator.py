"""The PubTator format: a title line, an abstract line, and a line for each mention."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ner.documents import Document, Passage, Span
from ner.errors import InputError
from ner.formats import _identifiers
from ner.formats._quoting import difference, excerpt
from ner.formats.base import FileFormat, Record, unique
from ner.io.files import reading, writing

TEXT_LINE = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)
SECTIONS = {"t": "title", "a": "abstract"}
OFFSET = re.compile("[0-9]{1,12}")
# A number, however broken, where a relation has its kind.
OFFSET_LIKE = re.compile(r"[-+.\s\d]*")


@dataclass
class PubTator(FileFormat):
    """Titles and abstracts as in PubTator, BC5CDR or the NCBI disease corpus.

    Offsets are half-open and count over title and abstract with one character between them. White space at the borders
    of a mention may be missing from its line, or stand there without need. Identifiers are kept. Relations and other
    lines without offsets are passed over and counted, and so are columns after the identifiers, such as the parts of a
    composite mention. A document without mentions is one in which there are none.
    """

    suffixes = (".txt", ".pubtator", ".PubTator")
    beginning = re.compile(rb"[^|\t\r\n]+\|[ta]\|")
    can_write_entities = True
    holds_scores = False

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        seen = self.seen_in(folder)
        for lines in _blocks(file, self.annotation):
            first, line = lines[0]
            match = TEXT_LINE.fullmatch(line)
            if match is None or self.is_new(match[1], seen, f"{file}, line {first}"):
                yield partial(self._document, file, lines)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents: their first passage as the title, and what follows, joined by blanks, as the abstract.

        Line breaks and tabs in a text become blanks, which moves no offset.

        Raises:
            InputError: if an identifier or label would break a line, two documents share an identifier, or the file
                cannot be written.
        """
        with writing(path) as file:
            for document in unique(documents):
                file.write(_block(document) + "\n")

    def _document(self, path: Path, lines: list[tuple[int, str]]) -> Document:
        texts: dict[str, str] = {}
        spans: dict[str, list[Span]] = {"title": [], "abstract": []}
        name = ""
        for number, line in lines:
            where = f"{path}, line {number}"
            if match := TEXT_LINE.fullmatch(line):
                own, kind, text = match.groups()
                if (name and own != name) or SECTIONS[kind] in texts:
                    raise InputError(f"{where}: another text of {own} in a block; put a blank line between documents")
                name = own
                texts[SECTIONS[kind]] = text
                continue
            fields = line.split("\t")
            if not name or fields[0] != name or len(fields) < 3:
                raise InputError(f"{where}: neither PMID|t|, PMID|a| nor a mention of {name or 'any document'}")
            if not OFFSET_LIKE.fullmatch(fields[1]):
                self.not_read["relations" if len(fields) > 3 else "lines without offsets"] += 1
                continue
            found = _mention(fields, texts)
            if isinstance(found, str):
                self.reject_span(where, found)
            else:
                section, span = found
                spans[section].append(span)
                self.not_read["columns after identifiers"] += any(fields[6:])
        until = None if self.annotation else 0
        passages = (Passage(texts.get(section, ""), section, tuple(own), until) for section, own in spans.items())
        return Document(name, tuple(passages))


def _blocks(path: Path, with_annotation: bool) -> Iterator[list[tuple[int, str]]]:
    """Yield the lines of each document, numbered, or of its text alone: all other lines have tabs."""
    block: list[tuple[int, str]] = []
    with reading(path) as file:
        for number, line in enumerate(file, 1):
            content = line.removesuffix("\n").removesuffix("\r")
            match = TEXT_LINE.fullmatch(content)
            if not (match or with_annotation) and "\t" in content:
                continue
            if block and (not content.strip() or (match and match[2] == "t")):
                yield block
                block = []
            if content.strip():
                block.append((number, content))
    if block:
        yield block


def _mention(fields: list[str], texts: dict[str, str]) -> tuple[str, Span] | str:
    """Return the section and the span of a mention, or what is wrong with it."""
    if len(fields) < 5:
        return "a mention without its type"
    if not (OFFSET.fullmatch(fields[1]) and OFFSET.fullmatch(fields[2])):
        return f"a mention from {fields[1][:20]!r} to {fields[2][:20]!r}, which are no offsets"
    start, end, text, label = int(fields[1]), int(fields[2]), fields[3], fields[4].strip()
    title = texts.get("title", "")
    section = "title" if start < len(title) else "abstract"
    offset = 0 if section == "title" else len(title) + 1
    found = texts.get(section, "")[max(start - offset, 0) : max(end - offset, 0)]
    where = f"[{start}, {end}) of the {section}"
    if start < offset or start >= end or not label:
        return f"{where} is empty, lies outside the text or has no type; the line says {excerpt(text)}"
    if found.strip() != text.strip() or not found:
        return f"{where} {difference(found, text, 'the line')}"
    begin = start - offset
    if found != text:
        begin += len(found) - len(found.lstrip())
        found = found.strip()
    return section, Span(begin, begin + len(found), label, identifiers=_identifiers.split("".join(fields[5:6])))


def _block(document: Document) -> str:
    first, *others = document.passages
    title, abstract = (_one_line(text) for text in (first.text, " ".join(passage.text for passage in others)))
    text = f"{title} {abstract}"
    lines = [f"{document.id}|t|{title}", f"{document.id}|a|{abstract}"]
    begin = 0
    for passage in document.passages:
        for span in passage.spans:
            start, end = begin + span.start, begin + span.end
            fields = (document.id, start, end, text[start:end], span.label, _identifiers.join(span.identifiers))
            lines.append("\t".join(map(str, fields)))
        begin += len(passage.text) + 1
    for name in (document.id, *(span.label for passage in document.passages for span in passage.spans)):
        if not name.strip() or re.search(r"[|\t\r\n]", name):
            raise InputError(f"document {document.id!r}: PubTator cannot hold the name {name!r}")
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return re.sub(r"[\t\r\n]", " ", text)
