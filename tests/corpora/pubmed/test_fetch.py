"""Fetching the articles of a query, over several runs."""

from pathlib import Path

import pytest

from ner.corpora.pubmed import client as client_module
from ner.corpora.pubmed.fetch import BATCH
from ner.errors import InputError
from tests.corpora.pubmed.eutilities import EUtilitiesServer, article_xml, pmids, run


def test_articles_come_in_the_order_of_the_search_and_in_batches(server: EUtilitiesServer, tmp_path: Path) -> None:
    found = run(server, tmp_path, 450)
    assert pmids(found) == list(range(1000, 1450))
    assert [name for name, _ in server.requests] == ["esearch", "efetch", "efetch", "efetch"]
    assert [asked["retmax"] for _, asked in server.requests[1:]] == [str(BATCH), str(BATCH), "50"]
    assert (found.fetched, found.excluded, found.without_abstract, found.absent) == (450, 0, 0, 0)


def test_excluded_articles_and_those_without_abstract_do_not_count(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.articles |= {pmid: article_xml(pmid, abstract="") for pmid in ("1001", "1003", "1004")}
    found = run(server, tmp_path, 30, ("1000", "1002", "1499", "none"))
    assert pmids(found) == list(range(1005, 1035))
    assert (found.excluded, found.without_abstract) == (2, 3)


def test_excluded_articles_at_the_ends_of_a_batch_are_not_fetched(server: EUtilitiesServer, tmp_path: Path) -> None:
    run(server, tmp_path, 499, tuple(str(pmid) for pmid in range(1000, 1490)))
    assert server.served == [str(pmid) for pmid in range(1490, 1500)]


def test_fewer_are_found_than_wanted(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.articles = {pmid: server.articles[pmid] for pmid in ("1000", "1001")}
    found = run(server, tmp_path, 5)
    assert pmids(found) == [1000, 1001]
    assert not found.is_cut


def test_nothing_found_is_one_line_with_what_pubmed_remarks(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.articles = {}
    server.remarks = "<ErrorList><PhraseNotFound>xyzzy</PhraseNotFound></ErrorList>"
    with pytest.raises(InputError, match=r"^--query: PubMed finds no article for 'xyzzy' \(PhraseNotFound: xyzzy\); "):
        run(server, tmp_path, query="xyzzy")
    assert not (tmp_path / "out.partial").exists()


def test_what_pubmed_hands_out_is_less_than_it_has(
    server: EUtilitiesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MOST_ARTICLES", 10)
    found = run(server, tmp_path, 50)
    assert (len(found.articles), found.is_cut) == (10, True)


def test_articles_missing_from_an_answer_are_asked_for_by_number_once(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.listed_only = {"1002", "1003"}
    found = run(server, tmp_path, 5)
    assert pmids(found) == [1000, 1001, 1004, 1005, 1006]
    assert found.absent == 2
    assert [asked["id"] for _, asked in server.requests if "id" in asked] == ["1002,1003"]
    server.requests.clear()
    run(server, tmp_path, 5)
    assert [name for name, _ in server.requests] == ["esearch"]


def test_an_answer_that_lacks_articles_by_mistake_is_made_whole(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.mishaps = ["", "empty"]
    assert pmids(run(server, tmp_path, 5)) == list(range(1000, 1005))


def test_answers_without_any_article_are_an_error(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.listed_only = set(server.articles)
    with pytest.raises(InputError, match="none of the 20 articles asked for is in the answers; try again later"):
        run(server, tmp_path, 5)


def test_a_run_that_broke_off_fetches_nothing_again(server: EUtilitiesServer, tmp_path: Path) -> None:
    server.mishaps = ["", "", "400"]
    with pytest.raises(InputError):
        run(server, tmp_path, 500)
    assert len(server.served) == BATCH
    found = run(server, tmp_path, 500)
    assert pmids(found) == list(range(1000, 1500))
    assert len(server.served) == len(set(server.served)) == 500


def test_articles_that_are_new_since_come_first_and_alone(server: EUtilitiesServer, tmp_path: Path) -> None:
    run(server, tmp_path, 300)
    server.served.clear()
    server.articles = {"9": article_xml("9"), "8": article_xml("8")} | server.articles
    assert pmids(run(server, tmp_path, 302)) == [9, 8, *range(1000, 1300)]
    assert server.served == ["9", "8"]
