"""The built site: what is looked for is found, nothing is asked of another server, and search works offline.

`.ci/run docs` builds it and names its folder in `SITE`.
"""

import os
import re
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser import Watched

if TYPE_CHECKING:
    from playwright import sync_api as playwright

DOCS = Path(__file__).parents[1] / "docs"
# What a new user looks for: the page, its section, and what is said there.
QUESTIONS = {
    "how to train on brat files": ("corpora/", "files-in-a-format-that-is-read", "folders of brat files"),
    "how to tag a million abstracts": ("bulk/", "tag-millions-of-documents", "main.py bulk --checkpoints"),
    "what the probability means": ("tag/", "what-the-score-means", "the probability, under the CRF"),
    "how to add a format": ("formats/", "a-format-of-your-own", "a subclass of"),
    "why a stranger's checkpoint is safe": ("safety/", "what-is-safe-to-open", "No code of it"),
}


class Page(HTMLParser):
    """The links, sections and text of the article of a page, without the site's menus."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.sections: dict[str, str] = {}
        self._section = ""
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self._inside |= tag == "article"
        if tag in ("script", "img", "iframe", "source"):
            self.loaded.append(found.get("src", ""))
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preconnect", "preload"):
            self.loaded.append(found.get("href", ""))
        if self._inside and tag == "a" and found.get("class") != "headerlink":
            self.links.append(found.get("href", ""))
        if self._inside and re.fullmatch("h[1-6]", tag):
            self._section = found.get("id", "")
            self.sections[self._section] = ""

    def handle_endtag(self, tag: str) -> None:
        self._inside &= tag != "article"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.sections[self._section] = self.sections.get(self._section, "") + data


@pytest.fixture(scope="session")
def site() -> Path:
    folder = os.environ.get("SITE")
    if not folder:
        pytest.skip("SITE names no built site; .ci/run docs builds one")
    return Path(folder)


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Page]:
    """The pages by their address."""
    return {
        str(path.parent.relative_to(site)).removeprefix(".") + "/": Page(path.read_text(encoding="utf-8"))
        for path in site.rglob("index.html")
    }


@pytest.fixture(scope="session")
def served(site: Path) -> Iterator[str]:
    """The address of the site on a server of this machine."""
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def reached(pages: dict[str, Page], clicks: int) -> set[str]:
    """Return the pages to which so many clicks on links in the text lead, from the first page on."""
    known = {"/"}
    for _ in range(clicks):
        for page in sorted(known):
            for link in pages[page].links:
                if not urlsplit(link).scheme:
                    target = os.path.normpath(f"/{page}/{unquote(urlsplit(link).path)}").strip("/") + "/"
                    known |= {target} & pages.keys()
    return known


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_new_user_finds_it_within_three_clicks(question: str, pages: dict[str, Page]) -> None:
    page, section, words = QUESTIONS[question]
    # Two clicks to the page leave the third for the section.
    assert page in reached(pages, 2)
    text = " ".join(list_from(pages[page].sections, section))
    assert words in " ".join(text.split())


def list_from(sections: dict[str, str], first: str) -> list[str]:
    """Return the text of a section and of what follows it."""
    return list(sections.values())[list(sections).index(first) :]


def test_every_page_is_reached_by_links_in_the_text(pages: dict[str, Page]) -> None:
    assert pages.keys() - reached(pages, 4) <= {"reference/"}


def test_no_page_loads_anything_from_another_server(pages: dict[str, Page], site: Path) -> None:
    assert [source for page in pages.values() for source in page.loaded if urlsplit(source).netloc] == []
    assert not [
        sheet for sheet in site.rglob("*.css") if re.search(r"url\(['\"]?https?:|@import", sheet.read_text("utf-8"))
    ]


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_to_other_sites_are_well_formed(page: Path) -> None:
    for target in re.findall(r"\]\((\w+:[^)]*)\)", page.read_text(encoding="utf-8")):
        parts = urlsplit(target)
        assert parts.scheme == "https", target
        assert re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.netloc), target


def test_search_finds_words_without_another_server(browser: "playwright.Browser", served: str) -> None:
    watched = Watched(browser, own=served)
    page = watched.page
    page.goto(served)
    page.keyboard.press("/")
    page.get_by_placeholder("Search").type("probability")
    page.wait_for_selector(".md-search-result__item a")
    found = page.eval_on_selector_all(".md-search-result__item a", "links => links.map(link => link.href)")
    assert any(link.startswith(f"{served}tag/") for link in found)
    assert watched.seen == []
    watched.context.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_and_a_desktop(scheme: str, width: int, browser: "playwright.Browser", served: str) -> None:
    watched = Watched(browser, own=served, viewport={"width": width, "height": 800}, color_scheme=scheme)
    for path in ("", "comparison/", "results/"):
        watched.page.goto(served + path)
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
        assert watched.page.evaluate("document.body.dataset.mdColorScheme") == (
            "slate" if scheme == "dark" else "default"
        )
    assert watched.seen == []
    watched.context.close()
