"""The page at /, and the description of the interface at /docs; both load nothing from other servers."""

import re
from base64 import b64encode
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import fastapi_offline
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from ner.inference.display import PALETTE
from ner.integrations.web.bounds import Bounds
from ner.integrations.web.files import format_list
from ner.integrations.web.model import ServedModel
from ner.reports.page.labels import codes
from ner.reports.page.render import render

# What FastAPI itself takes from a content delivery network.
STATIC = Path(fastapi_offline.__file__).with_name("static")


def page(model: ServedModel, bounds: Bounds, needs_token: bool) -> HTMLResponse:
    """Return the page to try the tagger."""
    labels = [
        {"name": name, "code": code, "colour": place % len(PALETTE), "is_striped": place >= len(PALETTE)}
        for place, (name, code) in enumerate(zip(model.labels, codes(model.labels), strict=True))
    ]
    data = {
        "labels": labels,
        "model": {"name": model.name, "digest": model.digest, "version": model.version, "facts": model.facts},
        "limits": asdict(bounds),
        "formats": format_list(),
        "needs_token": needs_token,
    }
    # Its own policy stands in it; what may frame it can only be said here.
    headers = {"Content-Security-Policy": "frame-ancestors 'none'"}
    return HTMLResponse(render("serve", data, connects=True, model=model, labels=labels), headers=headers)


def docs_page(title: str) -> HTMLResponse:
    """Return the page that describes the interface, with the files of the package fastapi-offline."""
    html = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=title,
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
