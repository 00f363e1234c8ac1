"""PubMed's search results."""

from dataclasses import dataclass

from ner.formats._pubmed import PubMedXMLError, field_of, root_of, text_of


@dataclass(frozen=True, slots=True)
class Search:
    """The result of a search.

    Args:
        count: The number of articles.
        pmids: The first of them, in PubMed's order.
        web_environment: The name and
        query_key: the number under which the server keeps the result.
        translation: The query as PubMed understood it.
        remarks: Its warnings and errors about parts of the query.
    """

    count: int
    pmids: tuple[str, ...]
    web_environment: str = ""
    query_key: str = ""
    translation: str = ""
    remarks: tuple[str, ...] = ()


def parse_search(content: bytes) -> Search:
    """Read an ``esearch`` answer.

    Raises:
        PubMedXMLError: if it is truncated, not XML, or a refusal.
    """
    root = root_of(content, "eSearchResult")
    count = field_of(root, "Count")
    if not (count.isascii() and count.isdecimal()):
        raise PubMedXMLError(f"a search result with {count!r} as its count")
    remarks = [
        f"{element.tag}: {text}"
        for group in (*root.findall("ErrorList"), *root.findall("WarningList"))
        for element in group
        if (text := text_of(element))
    ]
    return Search(
        int(count),
        tuple(dict.fromkeys(pmid for element in root.findall("IdList/Id") if (pmid := text_of(element)))),
        field_of(root, "WebEnv"),
        field_of(root, "QueryKey"),
        field_of(root, "QueryTranslation"),
        tuple(remarks),
    )
