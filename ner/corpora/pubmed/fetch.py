"""Fetch the articles of a query, each once, over as many runs as it takes."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ner.corpora.pubmed.client import EUtilities
from ner.corpora.pubmed.resume import FetchJournal
from ner.corpora.pubmed.search import Search
from ner.errors import InputError
from ner.formats._pubmed import Article

BATCH = 200
# The smallest request where few articles are missing: some of them will have no abstract.
SMALLEST_BATCH = 20


@dataclass(frozen=True, slots=True)
class Harvest:
    """The articles for a query, and counts up to the last of them.

    Args:
        search: The result of the search.
        articles: Those with an abstract that are not excluded, in PubMed's order.
        fetched: Articles fetched, including those of earlier runs.
        excluded: Articles left out because of their PMID.
        without_abstract: Articles left out because they have no abstract.
        absent: Articles that PubMed lists but does not return.
    """

    search: Search
    articles: tuple[Article, ...]
    fetched: int
    excluded: int
    without_abstract: int
    absent: int

    @property
    def is_cut(self) -> bool:
        """Return whether PubMed has more articles than it returns."""
        return self.search.count > len(self.search.pmids)


def harvest(
    server: EUtilities,
    journal: FetchJournal,
    most: int,
    excluded: Collection[str],
    on_progress: Callable[[int], None] = lambda _: None,
) -> Harvest:
    """Fetch articles until ``most`` of them have an abstract and are not excluded.

    Args:
        server: The client.
        journal: The query, and the articles that were fetched for it; new ones are added.
        most: The number of articles to fetch.
        excluded: PMIDs to leave out.
        on_progress: Called with the number of articles so far.

    Raises:
        InputError: if nothing is found, or PubMed gives no usable answer; the journal keeps the articles so far.
    """
    search = server.search(journal.query)
    if not search.pmids:
        because = f" ({'; '.join(search.remarks)})" if search.remarks else ""
        raise InputError(
            f"--query: PubMed finds no article for {journal.query!r}{because}; try the query on its web site"
        )
    while True:
        wanted = _select(search, most, excluded, journal)
        on_progress(len(wanted.articles))
        start, stop = _next_window(search.pmids, most - len(wanted.articles), excluded, journal)
        if start == stop or len(wanted.articles) == most:
            return wanted
        pmids = search.pmids[start:stop]
        articles = server.fetch(search, start, pmids, journal.style)
        journal.add(articles, set(pmids) - {article.pmid for article in articles})


def _select(search: Search, most: int, excluded: Collection[str], journal: FetchJournal) -> Harvest:
    articles: list[Article] = []
    left_out = without_abstract = absent = 0
    for pmid in search.pmids:
        if len(articles) == most:
            break
        if pmid in excluded:
            left_out += 1
        elif pmid in journal.absent:
            absent += 1
        elif pmid in journal.articles:
            article = journal.articles[pmid]
            without_abstract += not article.abstract
            articles += [article] if article.abstract else []
        else:
            # Not fetched yet; later articles must not take its place.
            break
    return Harvest(search, tuple(articles), len(journal.articles), left_out, without_abstract, absent)


def _next_window(
    pmids: Sequence[str], wanted: int, excluded: Collection[str], journal: FetchJournal
) -> tuple[int, int]:
    """Return the range of the search result to fetch next; empty if there is nothing left to fetch.

    It begins and ends with an article to fetch, and holds none that was fetched before.
    """
    needed = [rank for rank, pmid in enumerate(pmids) if pmid not in excluded and pmid not in journal]
    if not needed:
        return 0, 0
    start = needed[0]
    end = start + min(BATCH, max(wanted, SMALLEST_BATCH))
    known = next((rank for rank in range(start, min(end, len(pmids))) if pmids[rank] in journal), end)
    return start, max(rank for rank in needed if rank < min(end, known)) + 1
