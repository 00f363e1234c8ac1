"""A server on the loopback interface that answers like PubMed's E-utilities, and misbehaves when told to."""

import json
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from ner.corpora.pubmed.client import EUtilities
from ner.corpora.pubmed.fetch import Harvest, harvest
from ner.corpora.pubmed.resume import FetchJournal
from ner.formats._pubmed import Style

QUERY = "gut-brain axis"
EMAIL = "you@example.org"
DOCTYPE = '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle//EN" "http://127.0.0.1:9/never-read.dtd">'


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = time.time()
        self.sleeps: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def article_xml(pmid: str, title: str = "On guts", abstract: str = "<AbstractText>Brains too.</AbstractText>") -> str:
    """An article of the tests' own; title and abstract are XML."""
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article>'
        "<Journal><JournalIssue><PubDate><Year>2021</Year></PubDate></JournalIssue><Title>A journal</Title></Journal>"
        f"<ArticleTitle>{title}</ArticleTitle>{f'<Abstract>{abstract}</Abstract>' if abstract else ''}"
        "<AuthorList><Author><LastName>Doe</LastName><ForeName>Ada B</ForeName></Author></AuthorList>"
        "</Article></MedlineCitation></PubmedArticle>"
    )


class EUtilitiesServer(ThreadingHTTPServer):
    """Serves ``articles``, PMID to XML, in this order; each of ``mishaps`` spoils one request, in their order."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.clock = clock
        self.articles: dict[str, str] = {}
        self.listed_only: set[str] = set()
        self.remarks = ""
        self.mishaps: list[str] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.times: list[float] = []
        self.served: list[str] = []
        self.before_answer: Callable[[str], None] = lambda _: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/eutils/"

    def search(self, asked: dict[str, str]) -> str:
        assert asked["usehistory"] == "y"
        ids = "".join(f"<Id>{pmid}</Id>" for pmid in list(self.articles)[: int(asked["retmax"])])
        return (
            f"<eSearchResult><Count>{len(self.articles)}</Count><QueryKey>1</QueryKey><WebEnv>MCID_tests</WebEnv>"
            f"<IdList>{ids}</IdList><QueryTranslation>{escape(asked['term'])}[All Fields]</QueryTranslation>"
            f"{self.remarks}</eSearchResult>"
        )

    def fetch(self, asked: dict[str, str]) -> str:
        if "id" in asked:
            pmids = asked["id"].split(",")
        else:
            assert (asked["WebEnv"], asked["query_key"]) == ("MCID_tests", "1")
            start = int(asked["retstart"])
            pmids = list(self.articles)[start : start + int(asked["retmax"])]
        handed_out = [pmid for pmid in pmids if pmid not in self.listed_only]
        self.served += handed_out
        return f"{DOCTYPE}<PubmedArticleSet>{''.join(self.articles[pmid] for pmid in handed_out)}</PubmedArticleSet>"


class Handler(BaseHTTPRequestHandler):
    server: EUtilitiesServer

    def do_GET(self) -> None:
        self.answer(urlsplit(self.path).query)

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def answer(self, query: str) -> None:
        utility = urlsplit(self.path).path.removeprefix("/eutils/").removesuffix(".fcgi")
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        self.server.requests.append((utility, asked))
        self.server.times.append(self.server.clock.time())
        self.server.before_answer(utility)
        mishap, _, detail = (self.server.mishaps.pop(0) if self.server.mishaps else "").partition(" ")
        if mishap == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if mishap.isdecimal():
            key = asked.get("api_key", "")
            body = json.dumps({"error": "API rate limit exceeded", "api-key": key}) if mishap != "500" else "<html>"
            self.reply(int(mishap), body, {"Retry-After": detail} if detail else {})
            return
        content = self.server.search(asked) if utility == "esearch" else self.server.fetch(asked)
        content = {
            "broken": content[: len(content) // 2],
            "refused": "<eFetchResult><ERROR>Unable to obtain query #1</ERROR></eFetchResult>",
            "empty": "<PubmedArticleSet></PubmedArticleSet>",
            "nothing": "",
        }.get(mishap, content)
        self.reply(200, content, {}, mishap == "truncate", "text/plain" if mishap == "plain" else "text/xml")

    def reply(
        self, status: int, body: str, headers: dict[str, str], is_cut: bool = False, kind: str = "text/xml"
    ) -> None:
        content = body.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[:-10] if is_cut else content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Keep quiet."""


def client(server: EUtilitiesServer, api_key: str | None = None) -> EUtilities:
    return EUtilities(EMAIL, api_key, server.url)


def run(
    server: EUtilitiesServer,
    folder: Path,
    most: int = 5,
    excluded: tuple[str, ...] = (),
    query: str = QUERY,
    style: Style | None = None,
) -> Harvest:
    """Fetch with a journal ``out.partial``, as a process of its own would."""
    with FetchJournal(folder / "out.partial", query, style or Style()) as journal:
        return harvest(client(server), journal, most, set(excluded))


def pmids(found: Harvest) -> list[int]:
    return [int(article.pmid) for article in found.articles]
