"""Templates to one self-contained page, whose policy lets its own style and script run and nothing else."""

import json
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ner.inference.display import PALETTE, visible

TEMPLATES = Path(__file__).parents[1] / "templates"


def render(
    template: str, data: object, blocks: Iterable[object] = (), connects: bool = False, **context: object
) -> str:
    """Return a page.

    Args:
        template: The name of its template, which the style and the script have too; ``common`` comes before both.
        data: What its script reads at once.
        blocks: What its script reads later, part by part.
        connects: Let its script send requests to the server that the page comes from.
        context: What its template reads; texts are escaped.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters["decimals"] = lambda value: f"{value:.4f}"
    environment.filters["signed"] = lambda value: f"{value:+.4f}"
    parts = ("common", template)
    style = "".join(environment.get_template(f"{part}.css").render(palette=PALETTE) for part in parts)
    script = "".join((TEMPLATES / f"{part}.js").read_text(encoding="utf-8") for part in parts)
    policy = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "img-src": "data:",
        "connect-src": "'self'" if connects else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return environment.get_template(f"{template}.html").render(
        policy="; ".join(f"{name} {value}" for name, value in policy.items()),
        style=Markup(style),  # noqa: S704 - the package's own file
        script=Markup(script),  # noqa: S704 - the package's own file
        data=_json(data),
        blocks=map(_json, blocks),
        **context,
    )


def _json(data: object) -> Markup:
    """Return JSON in ASCII in which no markup begins."""
    return Markup(json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"))  # noqa: S704 - for a script element


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
