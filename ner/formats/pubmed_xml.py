"""PubMed's baseline and update files: articles, one after the other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

from ner.documents import Document, Passage
from ner.errors import InputError
from ner.formats._pubmed import Article, InlineTags, PubMedXMLError, Sections, Style, parse_articles
from ner.formats._quoting import excerpt
from ner.formats.base import FileFormat, Record
from ner.io.files import kept, reading

BLOCK_BYTES = 1 << 20
# A set has no more before its root: the declaration of XML and that of the DTD.
LONGEST_PROLOG = 1 << 16
ROOT, ROOT_END = re.compile(rb"<PubmedArticleSet(\s[^<>]*)?>"), b"</PubmedArticleSet"
PARTS = re.compile(rb"<(PubmedArticle|PubmedBookArticle|DeleteCitation|DeleteDocument)(?:\s[^<>]*)?(/?)>")
DELETED = (b"DeleteCitation", b"DeleteDocument")
COMMENT = re.compile(rb"<!--[^-]*(?:-[^-]+)*-->")
OWN_PMID = re.compile(rb"<(?:MedlineCitation|BookDocument)\b[^<>]*>\s*<PMID\b[^<>]*>\s*([^<\s]+)")
PMID = re.compile(rb"<PMID\b[^<>]*>\s*([^<\s]+)")
# Kinds of what is not read.
DELETIONS = "deleted citations"
VERSIONS = "earlier versions of articles"


class _Part(NamedTuple):
    """An element of a set: its tag, and its text as a set of its own."""

    tag: bytes
    content: bytes


@dataclass
class PubMedXML(FileFormat):
    """PubMed's baseline and update files, and what ``efetch`` answers.

    A document is an article, a book or a chapter: its title and its abstract, as far as there are any (else an empty
    title), with its PMID and year. Nothing is annotated. The file is cut into articles before any is parsed, so that
    it may be larger than memory, and a broken article leaves the others readable.

    Where a PMID comes again in a file, the last article counts; earlier ones, and articles that the file says are
    deleted, are passed over and counted, and so ``on_duplicate`` makes no difference.

    Args:
        sections: ``joined`` joins the sections of an abstract by a blank, without their labels; ``labelled`` writes
            each as ``LABEL: text`` on a line of its own.
        inline_tags: ``drop`` removes ``<i>``, ``<sub>`` and the like around their text; ``keep`` leaves them in it.

    Source: https://dtd.nlm.nih.gov/ncbi/pubmed/doc/out/250101/. The DTD is never loaded.
    """

    sections: Sections = "joined"
    inline_tags: InlineTags = "drop"

    suffixes = (".xml",)

    def records(self, file: Path, folder: Path | None) -> Iterator[Record]:
        style = Style(self.sections, self.inline_tags)
        with kept(file) as again:
            last, deleted = _last_places(again)
            self.not_read[DELETIONS] += len(deleted)
            for number, part in enumerate(_parts(again), 1):
                pmid = "" if part.tag in DELETED else _pmid(part)
                if part.tag in DELETED or pmid in deleted:
                    continue
                if last.get(pmid, number) != number:
                    self.not_read[VERSIONS] += 1
                    continue
                yield partial(_document, part, f"{file}, {f'PMID {pmid}' if pmid else f'record {number}'}", style)


def _last_places(file: Path) -> tuple[dict[str, int], set[str]]:
    """Return the last place of each PMID, and the PMIDs that the file says are deleted."""
    last: dict[str, int] = {}
    deleted: set[str] = set()
    for number, part in enumerate(_parts(file), 1):
        if part.tag in DELETED:
            deleted.update(pmid.decode(errors="replace") for pmid in PMID.findall(part.content))
        elif pmid := _pmid(part):
            last[pmid] = number
    return last, deleted


def _pmid(part: _Part) -> str:
    """Return the PMID of an article as it stands there; empty if none is found without parsing."""
    found = OWN_PMID.search(part.content)
    return found[1].decode(errors="replace") if found else ""


def _document(part: _Part, where: str, style: Style) -> Document:
    try:
        [article] = parse_articles(part.content, style)
    except PubMedXMLError as error:
        raise InputError(f"{where}: {error}; fetch the file again, or take the record out") from None
    return _of_article(article)


def _of_article(article: Article) -> Document:
    texts = {"title": article.title, "abstract": article.abstract}
    passages = [Passage(text, section, annotated_until=0) for section, text in texts.items() if text]
    year = int(article.year) if article.year else None
    return Document(article.pmid, tuple(passages) or (Passage("", "title", annotated_until=0),), year=year)


def _parts(file: Path) -> Iterator[_Part]:
    """Yield the elements of a set, not parsed yet.

    Raises:
        InputError: if the file is missing, broken, truncated, or something else.
    """
    with reading(file) as opened:
        found = _elements(opened.buffer)  # type: ignore[arg-type]  # a buffered reader, as TextIO does not say
        try:
            prolog = next(found).content
            parse_articles(prolog + ROOT_END + b">")
            for element in found:
                yield element._replace(content=prolog + element.content + ROOT_END + b">")
        except PubMedXMLError as error:
            raise InputError(f"{file}: {error}; a PubmedArticleSet of PubMed's is needed, so fetch it again") from None


def _elements(file: BufferedIOBase) -> Iterator[_Part]:
    """Yield the prolog of a set, its root's tag included, and then its elements.

    Raises:
        PubMedXMLError: if something else stands between them, or the set does not end.
    """
    text = file.read(LONGEST_PROLOG)
    root = ROOT.search(text)
    if root is None:
        parse_articles(text)
        raise PubMedXMLError("no <PubmedArticleSet> in it")
    yield _Part(b"", text[: root.end()])
    at = root.end()
    number = 0
    while True:
        start = PARTS.search(text, at)
        end_tag = b"</" + start[1] + b">" if start else ROOT_END
        end = start.end() if start and start[2] else text.find(end_tag, start.end() if start else at)
        if end < 0:
            block = file.read(max(BLOCK_BYTES, len(text) - at))
            if not block:
                raise PubMedXMLError(f"it ends within or after record {number + bool(start)}, without its end")
            text, at = text[at:] + block, 0
            continue
        gap = COMMENT.sub(b"", text[at : start.start() if start else end]).strip()
        if gap:
            raise PubMedXMLError(f"after record {number}: {excerpt(gap[:100].decode(errors='replace'))} is no record")
        if start is None:
            if (text[end:] + file.read(LONGEST_PROLOG)).partition(b">")[2].strip():
                raise PubMedXMLError("something stands after its end")
            return
        at = end if start[2] else end + len(end_tag)
        yield _Part(start[1], text[start.start() : at])
        number += 1
