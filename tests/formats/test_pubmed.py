"""PubMed's XML, on documents that were written for these tests."""

import pytest

from ner.formats._pubmed import Article, PubMedXMLError, Style, parse_articles

LABELLED = Style(sections="labelled")
KEPT = Style(inline_tags="keep")


def article(inside: str, beside: str = "") -> str:
    return (
        "<PubmedArticle><MedlineCitation><PMID>7</PMID>"
        f"<Article>{inside}</Article>{beside}</MedlineCitation></PubmedArticle>"
    )


def parse_one(inside: str, beside: str = "", style: Style | None = None) -> Article:
    document = f"<PubmedArticleSet>{article(inside, beside)}</PubmedArticleSet>"
    [found] = parse_articles(document.encode(), style)
    return found


def abstract_of(sections: str, style: Style | None = None) -> str:
    return parse_one(f"<Abstract>{sections}</Abstract>", style=style).abstract


def text_of(inside: str, style: Style | None = None) -> str:
    return abstract_of(f"<AbstractText>{inside}</AbstractText>", style)


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("<i>E. coli</i> makes curli.", "E. coli makes curli."),
        ("CO<sub>2</sub> and Ca<sup>2+</sup> rose", "CO2 and Ca2+ rose"),
        ("a <b>b <i>c</i> d</b> e", "a b c d e"),
        (
            "before <mml:math><mml:mi>p</mml:mi><mml:mo>&lt;</mml:mo><mml:mn>1</mml:mn></mml:math> after",
            "before p<1 after",
        ),
        ("with <!-- no remark --> comments<?and this?> left out", "with comments left out"),
        ("", ""),
        ("<i/>", ""),
    ],
)
def test_inline_elements_cut_no_text(inside: str, text: str) -> None:
    assert text_of(inside) == text


def test_inline_tags_are_kept_on_request_but_those_of_mathml() -> None:
    inside = 'CO<sub>2</sub> <i class="x">in <b>vivo</b></i> <math><mi>p</mi></math>'
    assert text_of(inside, KEPT) == "CO<sub>2</sub> <i>in <b>vivo</b></i> p"


def test_runs_of_white_space_are_one_blank_and_other_spaces_stay() -> None:
    assert text_of("\n  a\t\t b\r\n c\u00a0\u2009d e\u0301 \U0001f9e0  ") == "a b c\u00a0\u2009d e\u0301 \U0001f9e0"


def test_sections_are_joined_as_in_the_collection() -> None:
    sections = '<AbstractText Label="AIM">One.</AbstractText>\n<AbstractText Label="RESULTS"><b>Two</b>.</AbstractText>'
    assert abstract_of(sections) == "One. Two."


def test_sections_have_labels_and_lines_on_request() -> None:
    sections = (
        '<AbstractText Label="AIM ">One.</AbstractText><AbstractText Label="EMPTY"> </AbstractText>'
        '<AbstractText Label="UNLABELLED">Two.</AbstractText><AbstractText>Three.</AbstractText>'
        "<CopyrightInformation>All rights.</CopyrightInformation>"
    )
    assert abstract_of(sections, LABELLED) == "AIM: One.\nTwo.\nThree."


def test_the_copyright_is_no_text() -> None:
    sections = "<AbstractText>One.</AbstractText><CopyrightInformation>All rights.</CopyrightInformation>"
    assert abstract_of(sections) == "One."


@pytest.mark.parametrize(
    ("main", "text"),
    [
        ("<Abstract><AbstractText>Main.</AbstractText></Abstract>", "Main."),
        ("<Abstract><AbstractText> </AbstractText></Abstract>", "Plain."),
        ("", "Plain."),
    ],
)
def test_a_further_abstract_in_english_stands_in_for_a_missing_one(main: str, text: str) -> None:
    others = (
        '<OtherAbstract Type="Publisher" Language="ger"><AbstractText>Deutsch.</AbstractText></OtherAbstract>'
        '<OtherAbstract Type="Publisher" Language="eng"><AbstractText/></OtherAbstract>'
        '<OtherAbstract Type="plain-language-summary"><AbstractText>Plain.</AbstractText></OtherAbstract>'
        '<OtherAbstract Type="Publisher" Language="eng"><AbstractText>Last.</AbstractText></OtherAbstract>'
    )
    assert parse_one(main, others).abstract == text


def test_an_abstract_in_another_language_only_is_none() -> None:
    other = '<OtherAbstract Type="Publisher" Language="spa"><AbstractText>Solo.</AbstractText></OtherAbstract>'
    assert parse_one("", other).abstract == ""


@pytest.mark.parametrize(
    ("inside", "title"),
    [
        ("<ArticleTitle>On <i>guts</i>.</ArticleTitle>", "On guts."),
        ("<ArticleTitle>[On guts].</ArticleTitle><VernacularTitle>Vom Darm.</VernacularTitle>", "[On guts]."),
        ("<ArticleTitle>[Not Available].</ArticleTitle><VernacularTitle>Vom Darm.</VernacularTitle>", "Vom Darm."),
        ("<ArticleTitle/><VernacularTitle>Vom Darm.</VernacularTitle>", "Vom Darm."),
        ("<ArticleTitle>[Not Available].</ArticleTitle>", ""),
        ("", ""),
    ],
)
def test_a_title_is_english_or_vernacular_or_empty(inside: str, title: str) -> None:
    assert parse_one(inside).title == title


def test_authors_journal_and_year_are_written_as_in_the_collection() -> None:
    found = parse_one(
        "<Journal><JournalIssue><PubDate><MedlineDate>2019 Nov-2020 Jan</MedlineDate></PubDate></JournalIssue>"
        "<Title>Journal of guts</Title><ISOAbbreviation>J Guts</ISOAbbreviation></Journal>"
        "<AuthorList><Author><LastName>Doe</LastName><ForeName>Ada B</ForeName><Initials>AB</Initials></Author>"
        "<Author><LastName>Roe</LastName><Initials>C</Initials></Author>"
        "<Author><CollectiveName>The Group</CollectiveName></Author><Author/></AuthorList>"
    )
    assert found == Article("7", author="Ada B Doe; C Roe; The Group", journal="Journal of guts", year="2019")


def test_the_pmid_is_the_articles_own() -> None:
    comment = (
        "<CommentsCorrectionsList><CommentsCorrections><PMID>8</PMID></CommentsCorrections></CommentsCorrectionsList>"
    )
    assert parse_one("", comment).pmid == "7"


def test_books_and_chapters_are_articles() -> None:
    book = (
        "<Book><BookTitle>A book of <i>guts</i></BookTitle><PubDate><Year>2020</Year></PubDate>"
        '<AuthorList Type="editors"><Author><LastName>Ed</LastName></Author></AuthorList></Book>'
    )
    chapter = (
        "<ArticleTitle>A chapter</ArticleTitle>"
        '<AuthorList Type="authors"><Author><LastName>Doe</LastName></Author></AuthorList>'
    )
    text = "<Abstract><AbstractText>Inside.</AbstractText></Abstract>"
    document = "".join(
        f"<PubmedBookArticle><BookDocument><PMID>{pmid}</PMID>{book}{inside}{text}</BookDocument></PubmedBookArticle>"
        for pmid, inside in (("1", ""), ("2", chapter))
    )
    found = parse_articles(f"<PubmedArticleSet>{article('')}{document}</PubmedArticleSet>".encode())
    assert found == [
        Article("7"),
        Article("1", "A book of guts", "Ed", "A book of guts", "2020", "Inside."),
        Article("2", "A chapter", "Doe", "A book of guts", "2020", "Inside."),
    ]


def test_what_was_deleted_is_no_article() -> None:
    assert parse_articles(b"<PubmedArticleSet><DeleteCitation><PMID>7</PMID></DeleteCitation></PubmedArticleSet>") == []


def test_the_dtd_is_not_read_and_the_names_it_declares_are_known() -> None:
    inside = article("<ArticleTitle>&alpha;-synuclein &#945; &lt;</ArticleTitle>")
    doctype = '<!DOCTYPE PubmedArticleSet SYSTEM "http://127.0.0.1:9/no.dtd">'
    document = f"{doctype}<PubmedArticleSet>{inside}</PubmedArticleSet>"
    assert parse_articles(document.encode())[0].title == "α-synuclein α <"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "broken XML"),
        ("<PubmedArticleSet><PubmedArticle>", "broken XML"),
        ('{"error": "API rate limit exceeded"}', "broken XML"),
        ("<html/>", "an answer of <html> instead of <PubmedArticleSet>"),
        ("<eFetchResult><ERROR>no\nway</ERROR></eFetchResult>", "PubMed refuses: no way"),
        ("<PubmedArticleSet><PubmedArticle/></PubmedArticleSet>", "without <Article>"),
        ('<!DOCTYPE a SYSTEM "x"><a>&nosuch;</a>', "the unknown entity &nosuch;"),
        ('<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>', "declares the entity 'b'"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "declares the entity 'b'"),
        ('<?xml version="1.0" encoding="x-nowhere"?><a/>', "broken XML"),
    ],
)
def test_a_bad_answer_is_one_error(document: str, message: str) -> None:
    with pytest.raises(PubMedXMLError, match=message) as caught:
        parse_articles(document.encode())
    assert "\n" not in str(caught.value)
