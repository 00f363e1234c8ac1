"""Files in the layout of PubMed's baseline, with articles of the tests' own."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from xml.sax.saxutils import escape

from ner.io.files import writing

HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" '
    '"http://127.0.0.1:9/pubmed_250101.dtd">\n<PubmedArticleSet>\n'
)
END = "</PubmedArticleSet>\n"
AFFILIATION = "<AffiliationInfo><Affiliation>Department of Guts, University of Brains.</Affiliation></AffiliationInfo>"
DATE = "<Year>2021</Year><Month>03</Month><Day>04</Day>"


def article(pmid: int | str, title: str = "On guts.", abstract: str = "Brains too.", year: int = 2021) -> str:
    """Return an article with all that a record of PubMed has besides title and abstract, about as long as theirs."""
    author = f'<Author ValidYN="Y"><LastName>Doe</LastName><ForeName>Ada B</ForeName>{AFFILIATION}</Author>'
    heading = (
        '<MeshHeading><DescriptorName UI="D000818" MajorTopicYN="N">Animals</DescriptorName>'
        '<QualifierName UI="Q000378" MajorTopicYN="Y">metabolism</QualifierName></MeshHeading>'
    )
    reference = (
        "<Reference><Citation>Doe A, Roe B. On guts. J Guts. 2019;1(2):3-4.</Citation><ArticleIdList>"
        '<ArticleId IdType="pubmed">8</ArticleId></ArticleIdList></Reference>'
    )
    return f"""<PubmedArticle>
  <MedlineCitation Status="MEDLINE" IndexingMethod="Automated" Owner="NLM">
    <PMID Version="1">{pmid}</PMID>
    <DateCompleted>{DATE}</DateCompleted>
    <Article PubModel="Print-Electronic">
      <Journal><ISSN IssnType="Electronic">1234-5678</ISSN>
        <JournalIssue CitedMedium="Internet"><Volume>1</Volume><PubDate><Year>{year}</Year></PubDate></JournalIssue>
        <Title>Journal of guts</Title><ISOAbbreviation>J Guts</ISOAbbreviation></Journal>
      <ArticleTitle>{escape(title)}</ArticleTitle>
      <Abstract><AbstractText Label="AIM" NlmCategory="OBJECTIVE">{escape(abstract)}</AbstractText>
        <CopyrightInformation>Copyright.</CopyrightInformation></Abstract>
      <AuthorList CompleteYN="Y">{author * 6}</AuthorList>
      <Language>eng</Language>
    </Article>
    <MedlineJournalInfo><Country>England</Country><MedlineTA>J Guts</MedlineTA></MedlineJournalInfo>
    <MeshHeadingList>{heading * 10}</MeshHeadingList>
    <CommentsCorrectionsList><CommentsCorrections RefType="CommentIn"><RefSource>J Guts. 2022</RefSource>
      <PMID Version="1">9</PMID></CommentsCorrections></CommentsCorrectionsList>
  </MedlineCitation>
  <PubmedData><History><PubMedPubDate PubStatus="received">{DATE}</PubMedPubDate></History>
    <ArticleIdList><ArticleId IdType="pubmed">{pmid}</ArticleId></ArticleIdList>
    <ReferenceList>{reference * 15}</ReferenceList></PubmedData>
</PubmedArticle>
"""


def deletion(*pmids: int | str) -> str:
    """Return the part of an update file that takes citations back."""
    return (
        "<DeleteCitation>\n" + "".join(f'<PMID Version="1">{pmid}</PMID>\n' for pmid in pmids) + "</DeleteCitation>\n"
    )


def write_set(path: Path, parts: Iterable[str], head: str = HEAD, end: str = END) -> Path:
    """Write parts, one after the other, as a file of PubMed; compressed if its name says so."""
    with writing(path) as file:
        file.writelines(chain([head], parts, [end]))
    return path
