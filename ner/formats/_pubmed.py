"""The articles of PubMed's XML, with the whole text of every element.

The elements are those of PubMed's DTD, https://dtd.nlm.nih.gov/ncbi/pubmed/doc/out/250101/. The DTD itself is never
loaded: nothing outside the text is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5
from typing import Literal
from xml.etree import ElementTree as ET
from xml.parsers import expat

from ner.formats._xml import new_parser

Sections = Literal["joined", "labelled"]
InlineTags = Literal["drop", "keep"]

# White space of XML: the thin and no-break spaces of the texts are characters like others.
XML_SPACE = re.compile(r"[ \t\r\n]+")
YEAR = re.compile(r"\b[12]\d{3}\b")
# The tags that PubMed has inside titles and abstracts, besides those of MathML.
INLINE_TAGS = ("b", "i", "sub", "sup", "u")
# PubMed's placeholders.
NO_TITLE = "[Not Available]."
NO_LABELS = ("", "UNLABELLED", "UNLABELED")


class PubMedXMLError(ValueError):
    """An answer that is broken, or a refusal."""


@dataclass(frozen=True, slots=True)
class Style:
    """The style of texts.

    Args:
        sections: ``joined`` joins the sections of an abstract by a blank, without their labels, as in GutBrainIE;
            ``labelled`` writes each as ``LABEL: text`` on a line of its own.
        inline_tags: ``drop`` removes ``<i>``, ``<sub>`` and the like around their text; ``keep`` leaves them in it, as
            in GutBrainIE. Tags of MathML are always removed.
    """

    sections: Sections = "joined"
    inline_tags: InlineTags = "drop"


@dataclass(frozen=True, slots=True)
class Article:
    """An article or book of PubMed; every field but the PMID may be empty.

    Args:
        pmid: The PubMed identifier.
        title: In English, or in its own language where there is no English one.
        author: Given name and family name of each author, or a group's name, joined by ``; ``.
        journal: The journal's full title, or the book's.
        year: Four digits.
        abstract: The main one, or else a further one in English.
    """

    pmid: str
    title: str = ""
    author: str = ""
    journal: str = ""
    year: str = ""
    abstract: str = ""


def parse_articles(content: bytes, style: Style | None = None) -> list[Article]:
    """Read the articles and books of an ``efetch`` answer, in its order.

    Raises:
        PubMedXMLError: if it is truncated, not XML, or a refusal.
    """
    root = root_of(content, "PubmedArticleSet")
    style = style or Style()
    articles = []
    for element in root:
        if element.tag == "PubmedArticle":
            articles.append(_article(element, style))
        elif element.tag == "PubmedBookArticle":
            articles.append(_book(element, style))
    return articles


def root_of(content: bytes, tag: str) -> ET.Element:
    """Return the root of an answer, which has a tag.

    Raises:
        PubMedXMLError: if it is truncated, not XML, or a refusal.
    """
    root = _parse(content)
    error = root if root.tag == "ERROR" else root.find("ERROR")
    if error is not None:
        raise PubMedXMLError(f"PubMed refuses: {text_of(error) or 'without a reason'}")
    if root.tag != tag:
        raise PubMedXMLError(f"an answer of <{root.tag}> instead of <{tag}>")
    return root


def _parse(content: bytes) -> ET.Element:
    """Parse a document from its own text alone: no DTD, no other file, no entity that it declares itself."""
    builder = ET.TreeBuilder()
    parser = new_parser(builder)

    def refuse(name: str, *_: object) -> None:
        raise PubMedXMLError(f"an answer that declares the entity {name!r}, which PubMed's never do")

    def resolve(name: str, is_parameter: bool) -> None:
        # The DTD of MathML, which is not read, declares the names that HTML has too.
        if is_parameter:
            return
        if f"{name};" not in html5:
            raise PubMedXMLError(f"the unknown entity &{name};")
        builder.data(html5[f"{name};"])

    parser.EntityDeclHandler = refuse
    parser.SkippedEntityHandler = resolve
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, PubMedXMLError):
            raise
        raise PubMedXMLError(f"broken XML ({error})") from None
    return builder.close()


def _article(element: ET.Element, style: Style) -> Article:
    article = element.find("MedlineCitation/Article")
    if article is None:
        raise PubMedXMLError("a <PubmedArticle> without <Article>")
    dates = ("Journal/JournalIssue/PubDate/Year", "Journal/JournalIssue/PubDate/MedlineDate", "ArticleDate/Year")
    return Article(
        _pmid(element, "MedlineCitation/PMID"),
        _title(article, style),
        _authors(article.findall("AuthorList")),
        field_of(article, "Journal/Title") or field_of(element, "MedlineCitation/MedlineJournalInfo/MedlineTA"),
        _year(article, dates),
        _abstract(article, style) or _other_abstract(element.findall("MedlineCitation/OtherAbstract"), style),
    )


def _book(element: ET.Element, style: Style) -> Article:
    """Read a book, or a part of one with its own PMID."""
    document = element.find("BookDocument")
    if document is None:
        raise PubMedXMLError("a <PubmedBookArticle> without <BookDocument>")
    authors = [*document.findall("AuthorList"), *document.findall("Book/AuthorList")]
    book_title = document.find("Book/BookTitle")
    name = "" if book_title is None else text_of(book_title, style)
    return Article(
        _pmid(document, "PMID"),
        _title(document, style) or name,
        # A chapter has authors besides the book's editors; the first list of authors is the chapter's.
        _authors([found for found in authors if found.get("Type", "authors") == "authors"][:1]) or _authors(authors),
        name,
        _year(document, ("Book/PubDate/Year", "Book/PubDate/MedlineDate", "ContributionDate/Year")),
        _abstract(document, style) or _other_abstract(document.findall("OtherAbstract"), style),
    )


def _pmid(element: ET.Element, path: str) -> str:
    pmid = field_of(element, path)
    if not pmid:
        raise PubMedXMLError("an article without PMID")
    return pmid


def _title(element: ET.Element, style: Style) -> str:
    titles = [text_of(found, style) for tag in ("ArticleTitle", "VernacularTitle") for found in element.findall(tag)]
    return next((title for title in titles if title and title != NO_TITLE), "")


def _abstract(element: ET.Element, style: Style) -> str:
    return next((text for found in element.findall("Abstract") if (text := _sections(found, style))), "")


def _other_abstract(elements: list[ET.Element], style: Style) -> str:
    # The DTD's default language, which is not read from it, is English.
    english = (found for found in elements if found.get("Language", "eng").lower() in ("eng", "en"))
    return next((text for found in english if (text := _sections(found, style))), "")


def _sections(abstract: ET.Element, style: Style) -> str:
    """Return the text of an abstract, without the copyright notice after its sections."""
    texts = [
        (XML_SPACE.sub(" ", section.get("Label", "")).strip(" "), text)
        for section in abstract.findall("AbstractText")
        if (text := text_of(section, style))
    ]
    if style.sections == "joined":
        return " ".join(text for _, text in texts)
    return "\n".join(text if label.upper() in NO_LABELS else f"{label}: {text}" for label, text in texts)


def _authors(lists: list[ET.Element]) -> str:
    names = []
    for author in (author for found in lists for author in found.findall("Author")):
        parts = (field_of(author, "ForeName") or field_of(author, "Initials"), field_of(author, "LastName"))
        names.append(" ".join(filter(None, parts)) or field_of(author, "CollectiveName"))
    return "; ".join(filter(None, names))


def _year(element: ET.Element, paths: tuple[str, ...]) -> str:
    found = (YEAR.search(field_of(element, path)) for path in paths)
    return next((match.group() for match in found if match), "")


def field_of(element: ET.Element, path: str) -> str:
    """Return the text of the first element at a path; empty where there is none."""
    found = element.find(path)
    return "" if found is None else text_of(found)


def text_of(element: ET.Element, style: Style | None = None) -> str:
    """Return the text of an element and of those in it, with each run of white space as one blank."""
    keeps_tags = style is not None and style.inline_tags == "keep"
    pieces = _tagged(element) if keeps_tags else element.itertext()
    return XML_SPACE.sub(" ", "".join(pieces)).strip(" ")


def _tagged(element: ET.Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        is_kept = child.tag in INLINE_TAGS
        if is_kept:
            yield f"<{child.tag}>"
        yield from _tagged(child)
        if is_kept:
            yield f"</{child.tag}>"
        yield child.tail or ""
