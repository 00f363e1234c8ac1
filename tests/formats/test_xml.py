"""XML of strangers: nothing external, no large memory of a small file, no long search."""

import time
import tracemalloc
from pathlib import Path
from xml.parsers import expat

import pytest

from ner.documents import Document, Passage
from ner.errors import InputError
from ner.formats import BioCXML, PubMedXML
from ner.formats.base import FileFormat

ROOTS: list[tuple[FileFormat, str]] = [(BioCXML(), "collection"), (PubMedXML(), "PubmedArticleSet")]


@pytest.mark.parametrize(("reader", "root"), ROOTS)
def test_an_attribute_that_each_element_would_copy_is_refused(reader: FileFormat, root: str, tmp_path: Path) -> None:
    default = f'<!DOCTYPE {root} [<!ATTLIST p x CDATA "{"a" * 50_000}">]>'
    (tmp_path / "in.xml").write_text(f"{default}<{root}>{'<p/>' * 2_000}</{root}>")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"the attribute 'x' of <p> has a default; leave it out"):
            list(reader.read(tmp_path / "in.xml"))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "part", ["<PubmedArticle ", "<!--", "<PubmedArticle><MedlineCitation ", "<PubmedArticle><PMID "]
)
def test_the_search_for_records_takes_a_time_that_grows_with_the_file(part: str, tmp_path: Path) -> None:
    (tmp_path / "in.xml").write_text(f"<PubmedArticleSet>{part * 20_000}</PubmedArticle></PubmedArticleSet>")
    start = time.process_time()
    with pytest.raises(InputError):
        list(PubMedXML().read(tmp_path / "in.xml"))
    assert time.process_time() - start < 2


def test_a_comment_of_any_length_and_content_is_passed_over(tmp_path: Path) -> None:
    comment = f"<!-- a - b <p> {'x' * 100_000} -->"
    (tmp_path / "in.xml").write_text(f"<PubmedArticleSet>{comment}</PubmedArticleSet>")
    assert list(PubMedXML().read(tmp_path / "in.xml")) == []


def test_what_a_parser_keeps_until_the_end_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BioCXML().write([Document(str(number), (Passage("Mice ate."),)) for number in range(3)], tmp_path / "in.xml")
    create = expat.ParserCreate

    class Waiting:
        """A parser that parses nothing before the end, as newer ones may."""

        def __init__(self) -> None:
            object.__setattr__(self, "parser", create())
            object.__setattr__(self, "content", [])

        def __setattr__(self, name: str, value: object) -> None:
            setattr(self.parser, name, value)

        def Parse(self, content: bytes, is_final: bool) -> None:  # noqa: N802 - expat's
            self.content.append(content)
            if is_final:
                self.parser.Parse(b"".join(self.content), True)

    monkeypatch.setattr(expat, "ParserCreate", Waiting)
    assert [document.id for document in BioCXML().read(tmp_path / "in.xml")] == ["0", "1", "2"]


def test_the_dtd_of_bioc_may_stand_in_the_file(tmp_path: Path) -> None:
    document = "<document><id>1</id><passage><offset>0</offset><text>a</text></passage></document>"
    dtd = '<!DOCTYPE collection [<!ATTLIST node role CDATA ""><!ATTLIST node refid CDATA #REQUIRED>]>'
    (tmp_path / "in.xml").write_text(f"{dtd}<collection>{document}</collection>")
    assert [document.id for document in BioCXML().read(tmp_path / "in.xml")] == ["1"]
