"""The page at /, and the description of the interface at /docs; both load nothing from other servers."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from html import escape
from itertools import islice
from pathlib import Path

import fastapi_offline
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from ner.corpora.sample import Sample
from ner.integrations.web.bounds import Bounds
from ner.integrations.web.files import format_list
from ner.integrations.web.model import ServedModel
from ner.reports.page.labels import labels_of
from ner.reports.page.render import render

# What FastAPI itself takes from a content delivery network.
STATIC = Path(fastapi_offline.__file__).with_name("static")
# Formats that the page offers, and what it calls them.
DOWNLOADS = {
    "JsonLines": "JSON",
    "PubTator": "PubTator",
    "BioCXML": "BioC (XML)",
    "BioCJSON": "BioC (JSON)",
    "Brat": "brat (zip)",
}
EXAMPLES, LONGEST_EXAMPLE = 4, 300


def page(model: ServedModel, bounds: Bounds, needs_token: bool) -> HTMLResponse:
    """Return the page to try the tagger."""
    labels = list(labels_of(model.labels).values())
    formats = format_list()
    examples = list(islice(_examples(), EXAMPLES))
    data = {
        "labels": [label.as_json() for label in labels],
        "limits": asdict(bounds),
        "export": asdict(bounds.of_export()),
        "examples": [text for _, text in examples],
        "readable": [suffix for each in formats if each["can_read"] for suffix in each["suffixes"]],  # type: ignore[attr-defined]
        "endings": {each["name"]: each["ending"] for each in formats if each["can_write"]},
    }
    # Its own policy stands in it; what may frame it can only be said here.
    headers = {"Content-Security-Policy": "frame-ancestors 'none'"}
    html = render(
        "serve",
        data,
        connects=True,
        model=model,
        labels=labels,
        limits=bounds,
        examples=[title for title, _ in examples],
        formats=DOWNLOADS,
        needs_token=needs_token,
    )
    return HTMLResponse(html, headers=headers)


def _examples() -> Iterator[tuple[str, str]]:
    """Yield the titles and the texts of short documents of the sample corpus that have entities and no markup."""
    for document in Sample().read("dev"):
        text = "\n\n".join(passage.text for passage in document.passages)
        if document.passages[0].spans and not set("<>&") & set(text) and len(text) <= LONGEST_EXAMPLE:
            yield document.passages[0].text, text


def docs_page(title: str) -> HTMLResponse:
    """Return the page that describes the interface, with the files of the package fastapi-offline."""
    html = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=escape(title),  # it may be a stranger's
        swagger_js_url="static/swagger-ui-bundle.js",
        swagger_css_url="static/swagger-ui.css",
        swagger_favicon_url="static/favicon.png",
    )
    scripts = re.findall(rb"<script>(.*?)</script>", bytes(html.body), re.S)
    hashes = " ".join(f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in scripts)
    policy = (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; frame-ancestors 'none'"
    )
    html.headers["Content-Security-Policy"] = policy
    return html


def static_files() -> StaticFiles:
    """Return the application that serves the files of /docs."""
    return StaticFiles(directory=STATIC)
