"""PubMed's articles for a query, through the E-utilities, politely and so that nothing is fetched twice.

Source: https://www.ncbi.nlm.nih.gov/books/NBK25499/ (parameters) and NBK25497 (usage policy).
"""

import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from importlib import import_module
from types import ModuleType
from typing import TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from ner.corpora.pubmed.resume import Partial
from ner.corpora.pubmed.xml import Article, PubMedXMLError, Search, Style, parse_articles, parse_search
from ner.errors import InputError

T = TypeVar("T")

BASE_URL = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils/"
TOOL = "ner-fetch-pubmed"
# PubMed hands out no more of any search, https://github.com/biopython/biopython/issues/4189.
MOST_ARTICLES = 9_999
BATCH = 200
# Where few are still wanted, so many are asked for all the same: some of them will have no abstract.
SMALLEST_BATCH = 20
ATTEMPTS = 6
TIMEOUT_SECONDS = 60.0
# Longer than a server under load asks for; beyond that it is better to come back than to wait.
LONGEST_WAIT = 300.0
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
REASON_CHARACTERS = 200


class _TransientError(Exception):
    """A request that failed; a later one may do better."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class EUtilities:
    """Search and fetch, at most 3 requests a second, 10 with a key, again after a while where that may help.

    Biopython builds the requests and keeps their distance; its module-wide settings are ours only during a request.

    Args:
        email: Whom the people of PubMed write to before they lock somebody out.
        api_key: Key of an account there.
        base_url: Address below which ``esearch.fcgi`` and ``efetch.fcgi`` lie.
        on_wait: Told why and how long before each wait.

    Raises:
        InputError: if the address or the e-mail address is none, or Biopython is missing.
    """

    def __init__(
        self,
        email: str,
        api_key: str | None = None,
        base_url: str = BASE_URL,
        on_wait: Callable[[str], None] = lambda _: None,
    ) -> None:
        if not EMAIL.fullmatch(email) or not email.isprintable():
            raise InputError(f"--email: {email!r} is no e-mail address; PubMed asks for yours, as in you@example.org")
        if not _is_web_address(base_url):
            raise InputError(f"--base_url: {base_url!r} is no web address; it must be like {BASE_URL}")
        self.email = email
        self.api_key = api_key or None
        self.base_url = base_url.rstrip("/") + "/"
        self.on_wait = on_wait
        _import_entrez()

    def search(self, query: str) -> Search:
        """Search, and let the server keep the result.

        Raises:
            InputError: if there is no usable answer.
        """
        wanted = {"usehistory": "y", "retmax": str(MOST_ARTICLES), "retmode": "xml"}
        return self._ask("esearch", parse_search, {"term": query, **wanted})

    def fetch(self, search: Search, start: int, pmids: Sequence[str], style: Style) -> list[Article]:
        """The articles of a search from ``start`` on, whose PMIDs are ``pmids``; fewer if some are not handed out.

        Raises:
            InputError: if there is no usable answer, or none of several articles in it.
        """

        def parse(content: bytes) -> list[Article]:
            return parse_articles(content, style)

        kept = {"WebEnv": search.web_environment, "query_key": search.query_key}
        place = {"retstart": str(start), "retmax": str(len(pmids)), "retmode": "xml"}
        found = {article.pmid: article for article in self._ask("efetch", parse, {**kept, **place})}
        if missing := [pmid for pmid in pmids if pmid not in found]:
            # Answers now and then lack articles that are there.
            by_number = self._ask("efetch", parse, {"id": ",".join(missing), "retmode": "xml"})
            found |= {article.pmid: article for article in by_number}
        articles = [found[pmid] for pmid in pmids if pmid in found]
        if not articles and len(pmids) > 1:
            what = f"none of the {len(pmids)} articles asked for is in the answers"
            raise InputError(f"{self.base_url}efetch.fcgi: {what}; try again later")
        return articles

    def _ask(self, utility: str, parse: Callable[[bytes], T], parameters: dict[str, str]) -> T:
        """A parsed answer, after as many attempts as it takes within reason."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return parse(self._answer(utility, parameters))
            except (_TransientError, PubMedXMLError) as error:
                asked_for = error.wait if isinstance(error, _TransientError) else 0.0
                reason = self._one_line(str(error))
            if attempt == ATTEMPTS or asked_for > LONGEST_WAIT:
                break
            wait = max(2.0 ** (attempt - 1), asked_for)
            self.on_wait(f"{reason}; again in {wait:.0f} s")
            time.sleep(wait)
        when = f"in {asked_for:.0f} seconds" if asked_for else "later"
        raise InputError(
            f"{self.base_url}{utility}.fcgi: {reason}, at attempt {attempt}; check the connection, or try again {when}"
        )

    def _answer(self, utility: str, parameters: dict[str, str]) -> bytes:
        try:
            with self._entrez() as entrez, getattr(entrez, utility)(db="pubmed", **parameters) as response:
                content: bytes | str = response.read()
        except HTTPError as error:
            raise self._refusal(utility, error) from None
        except (OSError, HTTPException, UnicodeDecodeError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            if isinstance(reason, TimeoutError):
                raise _TransientError(f"no answer within {TIMEOUT_SECONDS:g} seconds") from None
            raise _TransientError(f"{type(reason).__name__}: {reason}") from None
        # Biopython decodes what calls itself plain text.
        return content.encode() if isinstance(content, str) else content

    def _refusal(self, utility: str, error: HTTPError) -> _TransientError | InputError:
        """What an answer that is an error means: that one should wait, or that waiting is no use."""
        try:
            with error:
                body = error.read()
            content: object = json.loads(body)
        except (OSError, HTTPException, ValueError, RecursionError):
            content = None
        detail = content.get("error") if isinstance(content, dict) else None
        reason = f"the server answers {error.code} {error.reason}{f' ({detail})' if detail else ''}"
        if error.code == 429 or error.code >= 500:
            return _TransientError(reason, _seconds(error.headers.get("Retry-After", "")))
        mend = "check --base_url, --email and --api_key"
        return InputError(f"{self.base_url}{utility}.fcgi: {self._one_line(reason)}; {mend}")

    @contextmanager
    def _entrez(self) -> Iterator[ModuleType]:
        """Biopython's module with our settings for the time of a request, then as it was."""
        entrez = _import_entrez()
        # It knows no other address than PubMed's, no time-out, and waits in its own way between attempts.
        settings = {"email": self.email, "api_key": self.api_key, "tool": TOOL, "max_tries": 1, "urlopen": self._open}
        before = {name: getattr(entrez, name) for name in settings}
        try:
            vars(entrez).update(settings)
            yield entrez
        finally:
            vars(entrez).update(before)

    def _open(self, request: Request) -> HTTPResponse:
        request.full_url = self.base_url + request.full_url.removeprefix(BASE_URL)
        response: HTTPResponse = urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310 - __init__ checks the scheme
        return response

    def _one_line(self, text: str) -> str:
        """What a server said, fit for a message, and without the key, which errors like to repeat."""
        shown = text.replace(self.api_key, "…") if self.api_key else text
        return " ".join(shown.split())[:REASON_CHARACTERS]


@dataclass(frozen=True, slots=True)
class Harvest:
    """What came of a search, counted up to the last article that is wanted.

    Args:
        search: What PubMed found.
        articles: Those with an abstract that are not excluded, in PubMed's order.
        fetched: Articles fetched, by earlier runs too.
        excluded: Articles left out because of their PMID.
        without_abstract: Articles left out because they have none.
        absent: Articles that PubMed lists but does not hand out.
    """

    search: Search
    articles: tuple[Article, ...]
    fetched: int
    excluded: int
    without_abstract: int
    absent: int

    @property
    def is_cut(self) -> bool:
        """Whether PubMed has more articles than it hands out."""
        return self.search.count > len(self.search.pmids)


def harvest(
    server: EUtilities,
    partial: Partial,
    most: int,
    excluded: Collection[str],
    on_progress: Callable[[int], None] = lambda _: None,
) -> Harvest:
    """Fetch a query's articles until ``most`` are there that have an abstract and are not excluded.

    Args:
        server: Whom to ask.
        partial: For which query, what is there already, and where what comes is kept.
        most: How many articles are wanted.
        excluded: PMIDs that are not.
        on_progress: Told how many articles are there.

    Raises:
        InputError: if nothing is found, or PubMed gives no usable answer; what was fetched is kept.
    """
    search = server.search(partial.query)
    if not search.pmids:
        because = f" ({'; '.join(search.remarks)})" if search.remarks else ""
        raise InputError(
            f"--query: PubMed finds no article for {partial.query!r}{because}; try the query on its web site"
        )
    while True:
        wanted = _select(search, most, excluded, partial)
        on_progress(len(wanted.articles))
        start, stop = _next_window(search.pmids, most - len(wanted.articles), excluded, partial)
        if start == stop or len(wanted.articles) == most:
            return wanted
        pmids = search.pmids[start:stop]
        articles = server.fetch(search, start, pmids, partial.style)
        partial.add(articles, set(pmids) - {article.pmid for article in articles})


def _select(search: Search, most: int, excluded: Collection[str], partial: Partial) -> Harvest:
    articles: list[Article] = []
    left_out = without_abstract = absent = 0
    for pmid in search.pmids:
        if len(articles) == most:
            break
        if pmid in excluded:
            left_out += 1
        elif pmid in partial.absent:
            absent += 1
        elif pmid in partial.articles:
            article = partial.articles[pmid]
            without_abstract += not article.abstract
            articles += [article] if article.abstract else []
        else:
            # Not fetched yet: what lies behind it is not to move up.
            break
    return Harvest(search, tuple(articles), len(partial.articles), left_out, without_abstract, absent)


def _next_window(pmids: Sequence[str], wanted: int, excluded: Collection[str], partial: Partial) -> tuple[int, int]:
    """Where the next articles to fetch stand in the result of a search; empty if there are none.

    It begins and ends with an article that is to be had, and holds none that is there already.
    """
    needed = [rank for rank, pmid in enumerate(pmids) if pmid not in excluded and pmid not in partial]
    if not needed:
        return 0, 0
    start = needed[0]
    end = start + min(BATCH, max(wanted, SMALLEST_BATCH))
    known = next((rank for rank in range(start, min(end, len(pmids))) if pmids[rank] in partial), end)
    return start, max(rank for rank in needed if rank < min(end, known)) + 1


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and address.isprintable()
    except ValueError:
        return False


def _seconds(retry_after: str) -> float:
    """The wait that a server asks for, as a number of seconds or as a date; none if it says neither."""
    if retry_after.isascii() and retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _import_entrez() -> ModuleType:
    try:
        return import_module("Bio.Entrez")
    except ModuleNotFoundError:
        raise InputError(
            "fetch-pubmed needs Biopython, the extra `pubmed`: pip install -c constraints.txt -e '.[pubmed]'"
        ) from None
