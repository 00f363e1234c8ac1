"""PubMed's files, in its layout, with articles of the tests' own."""

import gzip
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest

from ner.documents import Document, Passage
from ner.errors import InputError
from ner.formats.pubmed_xml import PubMedXML
from tests.formats.pubmed_files import END, HEAD, article, deletion, write_set


def texts(name: str, year: int | None = None, **sections: str) -> Document:
    passages = (Passage(text, section, annotated_until=0) for section, text in sections.items())
    return Document(name, tuple(passages), year=year)


def bare(pmid: str, inside: str = "") -> str:
    citation = f"<MedlineCitation><PMID>{pmid}</PMID><Article>{inside}</Article></MedlineCitation>"
    return f"<PubmedArticle>{citation}</PubmedArticle>\n"


def read(folder: Path, *parts: str, **options: str) -> list[Document]:
    return list(PubMedXML(**options).read(write_set(folder / "in.xml", parts)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["pubmed26n0001.xml", "pubmed26n0001.xml.gz"])
def test_articles_are_documents_with_their_years(name: str, tmp_path: Path) -> None:
    write_set(tmp_path / name, (article(number, f"On <{number}>", "Ümlaut & so.", 1990 + number) for number in (1, 2)))
    found = [texts(str(number), 1990 + number, title=f"On <{number}>", abstract="Ümlaut & so.") for number in (1, 2)]
    assert list(PubMedXML().read(tmp_path / name)) == found
    assert list(PubMedXML().read(tmp_path)) == found


def test_a_document_has_the_texts_that_there_are(tmp_path: Path) -> None:
    title, abstract = "<ArticleTitle>T</ArticleTitle>", "<Abstract><AbstractText>A</AbstractText></Abstract>"
    vernacular = "<ArticleTitle>[Not Available].</ArticleTitle><VernacularTitle>Vom Darm.</VernacularTitle>"
    found = read(tmp_path, bare("1", title), bare("2", abstract), bare("3"), bare("4", vernacular + abstract))
    assert found == [
        texts("1", title="T"),
        texts("2", abstract="A"),
        texts("3", title=""),
        texts("4", title="Vom Darm.", abstract="A"),
    ]


def test_sections_and_inline_tags_are_options(tmp_path: Path) -> None:
    sections = '<AbstractText Label="AIM">See <i>E. coli</i>.</AbstractText><AbstractText>Two.</AbstractText>'
    part = bare("1", f"<Abstract>{sections}</Abstract>")
    assert read(tmp_path, part) == [texts("1", abstract="See E. coli. Two.")]
    found = read(tmp_path, part, sections="labelled", inline_tags="keep")
    assert found == [texts("1", abstract="AIM: See <i>E. coli</i>.\nTwo.")]


def test_books_are_documents(tmp_path: Path) -> None:
    book = "<Book><BookTitle>Guts</BookTitle><PubDate><Year>2020</Year></PubDate></Book>"
    part = f"<PubmedBookArticle><BookDocument><PMID>5</PMID>{book}</BookDocument></PubmedBookArticle>"
    assert read(tmp_path, bare("1"), part) == [texts("1", title=""), texts("5", 2020, title="Guts")]


def test_the_last_of_several_versions_counts_and_what_was_deleted_does_not(tmp_path: Path) -> None:
    parts = [article(1, "Old"), article(2), article(3), article(1, "New"), deletion(3, 4)]
    path = write_set(tmp_path / "in.xml", parts)
    source = PubMedXML()
    for _ in range(2):
        assert [(document.id, document.passages[0].text) for document in source.read(path)] == [
            ("2", "On guts."),
            ("1", "New"),
        ]
        assert +source.not_read == {"deleted citations": 2, "earlier versions of articles": 1}
    assert [number for number, _ in source.read_share(path, 1, 2)] == [1]


def test_a_broken_article_leaves_the_others_readable(tmp_path: Path) -> None:
    broken = article(2).replace("</MeshHeadingList>", "")
    path = write_set(tmp_path / "in.xml", [article(1), broken, article(3)])
    first, second, third = PubMedXML().records(path, None)
    assert (first().id, third().id) == ("1", "3")
    with pytest.raises(InputError, match=r"in\.xml, PMID 2: broken XML \(mismatched tag.*; fetch the file again") as it:
        second()
    assert "\n" not in str(it.value)


def test_comments_and_white_space_between_articles_are_no_articles(tmp_path: Path) -> None:
    parts = ["<!-- one -->\n\n", bare("1"), "\t<!-- two\n-->", bare("2"), "<DeleteCitation/>"]
    assert [document.id for document in read(tmp_path, *parts)] == ["1", "2"]
    assert read(tmp_path) == []


def test_the_encoding_and_the_names_of_the_dtd_are_known_in_every_article(tmp_path: Path) -> None:
    title = "<ArticleTitle>&alpha;-é</ArticleTitle>"
    head = HEAD.replace("utf-8", "latin-1")
    (tmp_path / "in.xml").write_bytes((head + bare("1", title) + bare("2", title) + END).encode("latin-1"))
    found = list(PubMedXML().read(tmp_path / "in.xml"))
    assert found == [texts("1", title="α-é"), texts("2", title="α-é")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "broken XML"),
        ("<html/>", "an answer of <html> instead of <PubmedArticleSet>"),
        ("<eFetchResult><ERROR>no\nway</ERROR></eFetchResult>", "PubMed refuses: no way"),
        (f"{HEAD}{bare('1')}", "it ends within or after record 1, without its end"),
        (f"{HEAD}{bare('1')}<PubmedArticle>", "it ends within or after record 2"),
        (f"{HEAD}{bare('1')}<Pubmed>{END}", "after record 1: '<Pubmed>' is no record"),
        (f"{HEAD}{bare('1')}{END}{HEAD}{bare('2')}{END}", "after record 1: '</PubmedArticleSet.* is no record"),
        (f"{HEAD}{bare('1')}{END}more", "something stands after its end"),
        (HEAD.replace('"http', '"x" [<!ENTITY b "bb">]>\n<!-- "http'), "broken XML|declares the entity 'b'"),
        (f'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><PubmedArticleSet>{END}', "declares the entity 'b'"),
    ],
)
def test_a_file_of_something_else_is_one_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "in.xml"
    path.write_text(content, "utf-8")
    with pytest.raises(InputError, match=message) as it:
        list(PubMedXML().read(path))
    assert str(it.value).startswith(str(path))
    assert "\n" not in str(it.value)


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_compressed_file_that_is_cut_off_is_one_line(kept: float, tmp_path: Path) -> None:
    path = write_set(tmp_path / "in.xml.gz", map(article, range(100)))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError, match=r"in\.xml\.gz: cannot be decompressed"):
        list(PubMedXML().read(path))


def test_entities_that_an_article_declares_are_not_resolved(tmp_path: Path) -> None:
    part = bare("1", "<ArticleTitle>&nosuch;</ArticleTitle>")
    with pytest.raises(InputError, match=r"in\.xml, PMID 1: the unknown entity &nosuch;"):
        read(tmp_path, part)


def test_pieces_of_any_size_give_the_same_articles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [article(1), "<!-- -->", article(2), deletion(9)]
    whole = read(tmp_path, *parts)
    for size in (1, 7, 1000):
        monkeypatch.setattr("ner.formats.pubmed_xml.BLOCK_BYTES", size)
        monkeypatch.setattr("ner.formats.pubmed_xml.LONGEST_PROLOG", len(HEAD) + size)
        assert read(tmp_path, *parts) == whole


def peak(folder: Path, numbers: Iterable[int]) -> int:
    path = write_set(folder / "in.xml.gz", map(article, numbers))
    source = PubMedXML()
    tracemalloc.start()
    try:
        assert all(len(document.passages) == 2 for document in source.read(path))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    few, many = peak(tmp_path, range(400)), peak(tmp_path, range(2000))
    # Numbers of articles alone are kept: some 100 bytes each, of 8,000 that an article has.
    assert many - few < 1600 * 400


def test_a_file_from_a_pipe_is_read(tmp_path: Path) -> None:
    import os
    import threading

    pipe = tmp_path / "pipe.gz"
    os.mkfifo(pipe)
    content = gzip.compress((HEAD + article(1) + END).encode())
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    try:
        assert [document.id for document in PubMedXML().read(pipe)] == ["1"]
    finally:
        writer.join()
