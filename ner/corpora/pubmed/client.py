"""A client of PubMed's E-utilities that keeps to their limits.

Source: https://www.ncbi.nlm.nih.gov/books/NBK25499/ (parameters) and NBK25497 (usage policy).
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from types import ModuleType
from typing import TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from ner.corpora.pubmed.search import Search, parse_search
from ner.errors import InputError
from ner.formats._pubmed import Article, PubMedXMLError, Style, parse_articles
from ner.io.extras import imported

T = TypeVar("T")

BASE_URL = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils/"
TOOL = "ner-fetch-pubmed"
# PubMed returns no more of any search, https://github.com/biopython/biopython/issues/4189.
MOST_ARTICLES = 9_999
ATTEMPTS = 6
TIMEOUT_SECONDS = 30.0
# After so long a silence the user is told.
PATIENCE_SECONDS = 3.0
# A server under load asks for less; after a longer wait the user had better try again.
LONGEST_WAIT = 300.0
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
REASON_CHARACTERS = 200


class _TransientError(Exception):
    """A failed request that may succeed later."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class EUtilities:
    """Search and fetch: at most 3 requests a second, 10 with a key, with retries where they may help.

    Biopython builds the requests and limits their rate; its module-wide settings are changed only during a request.

    Args:
        email: PubMed writes to this address before it blocks a user.
        api_key: The key of an account at NCBI.
        base_url: The address of the folder of ``esearch.fcgi`` and ``efetch.fcgi``.
        on_wait: Called before each wait with its reason and length, and when an answer is long in coming.

    Raises:
        InputError: if an address is malformed, or Biopython is missing.
    """

    def __init__(
        self,
        email: str,
        api_key: str | None = None,
        base_url: str = BASE_URL,
        on_wait: Callable[[str], None] = lambda _: None,
    ) -> None:
        if not EMAIL.fullmatch(email) or not email.isprintable():
            raise InputError(
                f"--email: {email!r} is not an e-mail address; PubMed asks for yours, as in you@example.org"
            )
        if not _is_web_address(base_url):
            raise InputError(f"--base_url: {base_url!r} is not a web address; it must be like {BASE_URL}")
        self.email = email
        self.api_key = api_key or None
        self.base_url = base_url.rstrip("/") + "/"
        self.on_wait = on_wait
        _import_entrez()

    def search(self, query: str) -> Search:
        """Search, and have the server keep the result.

        Raises:
            InputError: if there is no usable answer.
        """
        wanted = {"usehistory": "y", "retmax": str(MOST_ARTICLES), "retmode": "xml"}
        return self._ask("esearch", parse_search, {"term": query, **wanted})

    def fetch(self, search: Search, start: int, pmids: Sequence[str], style: Style) -> list[Article]:
        """Fetch the articles of a search from ``start`` on, which have the PMIDs ``pmids``; PubMed may lack some.

        Raises:
            InputError: if there is no usable answer, or several articles were asked for and none is in it.
        """

        def parse(content: bytes) -> list[Article]:
            return parse_articles(content, style)

        kept = {"WebEnv": search.web_environment, "query_key": search.query_key}
        place = {"retstart": str(start), "retmax": str(len(pmids)), "retmode": "xml"}
        found = {article.pmid: article for article in self._ask("efetch", parse, {**kept, **place})}
        if missing := [pmid for pmid in pmids if pmid not in found]:
            # Answers sometimes lack articles that PubMed has.
            by_number = self._ask("efetch", parse, {"id": ",".join(missing), "retmode": "xml"})
            found |= {article.pmid: article for article in by_number}
        articles = [found[pmid] for pmid in pmids if pmid in found]
        if not articles and len(pmids) > 1:
            what = f"none of the {len(pmids)} articles asked for is in the answers"
            raise InputError(f"{self.base_url}efetch.fcgi: {what}; try again later")
        return articles

    def _ask(self, utility: str, parse: Callable[[bytes], T], parameters: dict[str, str]) -> T:
        """Return a parsed answer, with retries."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._telling_of_silence(attempt):
                    return parse(self._answer(utility, parameters))
            except (_TransientError, PubMedXMLError) as error:
                asked_for = error.wait if isinstance(error, _TransientError) else 0.0
                reason = self._one_line(str(error))
            if attempt == ATTEMPTS or asked_for > LONGEST_WAIT:
                break
            wait = max(2.0 ** (attempt - 1), asked_for)
            again = f"attempt {attempt + 1} of {ATTEMPTS} in {wait:.0f} s"
            self.on_wait(f"{urlsplit(self.base_url).netloc}: {reason}; {again}")
            time.sleep(wait)
        when = f"in {asked_for:.0f} seconds" if asked_for else "later"
        raise InputError(
            f"{self.base_url}{utility}.fcgi: {reason}, at attempt {attempt}; check the connection, or try again {when}"
        )

    @contextmanager
    def _telling_of_silence(self, attempt: int) -> Iterator[None]:
        """Tell the user within a block if it takes long."""
        bound = f"attempt {attempt} of {ATTEMPTS} waits {TIMEOUT_SECONDS:g} s"
        message = f"{urlsplit(self.base_url).netloc}: no answer yet; {bound}"
        timer = threading.Timer(PATIENCE_SECONDS, self.on_wait, [message])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

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
            system = reason.strerror if isinstance(reason, OSError) else None
            raise _TransientError(system or f"{type(reason).__name__}: {reason}") from None
        # Biopython decodes answers that are declared as plain text.
        return content.encode() if isinstance(content, str) else content

    def _refusal(self, utility: str, error: HTTPError) -> _TransientError | InputError:
        """Turn an HTTP error into one to retry, or into one that no retry helps."""
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
        fix = "check --base_url, --email and --api_key"
        return InputError(f"{self.base_url}{utility}.fcgi: {self._one_line(reason)}; {fix}")

    @contextmanager
    def _entrez(self) -> Iterator[ModuleType]:
        """Yield Biopython's module with our settings, and restore it after the request."""
        entrez = _import_entrez()
        # It knows only PubMed's address and no timeout, and has retries of its own.
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
        """Shorten a server's text to one line, without the key, which error messages repeat."""
        shown = text.replace(self.api_key, "…") if self.api_key else text
        return " ".join(shown.split())[:REASON_CHARACTERS]


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and address.isprintable()
    except ValueError:
        return False


def _seconds(retry_after: str) -> float:
    """Return the wait that a server asks for, given as seconds or as a date; 0 if it is neither."""
    if retry_after.isascii() and retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _import_entrez() -> ModuleType:
    return imported("Bio.Entrez", "fetch-pubmed needs Biopython", "pubmed")
