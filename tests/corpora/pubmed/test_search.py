"""PubMed's search results, on answers that were written for these tests."""

import pytest

from ner.corpora.pubmed.search import parse_search
from ner.formats._pubmed import PubMedXMLError


def test_a_search_result_has_its_number_its_place_and_its_remarks() -> None:
    found = parse_search(
        b"<eSearchResult><Count>3</Count><QueryKey>1</QueryKey><WebEnv>W</WebEnv>"
        b"<IdList><Id>9</Id><Id>8</Id><Id>9</Id></IdList><QueryTranslation>gut</QueryTranslation>"
        b"<ErrorList><PhraseNotFound>xyzzy</PhraseNotFound></ErrorList>"
        b"<WarningList><OutputMessage>No items.</OutputMessage></WarningList></eSearchResult>"
    )
    assert (found.count, found.pmids, found.web_environment, found.query_key) == (3, ("9", "8"), "W", "1")
    assert found.translation == "gut"
    assert found.remarks == ("PhraseNotFound: xyzzy", "OutputMessage: No items.")


@pytest.mark.parametrize("document", ["<eSearchResult/>", "<eSearchResult><ERROR>no</ERROR></eSearchResult>", "<a"])
def test_a_bad_search_result_is_an_error(document: str) -> None:
    with pytest.raises(PubMedXMLError):
        parse_search(document.encode())
