"""Serve a tagger: a page to try it in the browser, and an HTTP interface."""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ner.cli.parser import LightParser
from ner.errors import InputError
from ner.inference.display import visible
from ner.inference.min_scores import MinScore, check_min_score
from ner.integrations.web.bounds import Bounds
from ner.io.extras import command

PACKAGES = ("fastapi", "fastapi_offline", "uvicorn")
TOKEN_VARIABLE = "NER_SERVE_TOKEN"  # noqa: S105 - the name of one
LEAST_TOKEN = 16
DEFAULT_PORT = 8000
LOOPBACK = ("localhost", "127.0.0.1", "::1")
BOUNDS = {
    "body_bytes": "most bytes of a request",
    "texts": "most texts of a request; each passage of a document is one",
    "characters": "most characters of a text",
    "waiting": "most requests at once; others are told to try again",
    "seconds": "most seconds of a request",
}
DESCRIPTION = f"""Answer requests until SIGINT or SIGTERM. The address that is printed is that of the page; /docs there
describes the interface. Only this machine reaches it, unless --host says otherwise; then set a token, in the variable
{TOKEN_VARIABLE} or in a file. The log is one JSON line a request, on standard output. Needs the extra `serve`."""


def main(arguments: Sequence[str]) -> int:
    """Serve, and return the exit code.

    Raises:
        InputError: if a checkpoint or the address cannot be used, or the extra is missing.
    """
    chosen = _parser().parse_args(list(arguments))
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise InputError(f"serve needs {', '.join(missing)}: {command('serve')}")
    min_score, token = _min_score(chosen.min_score), _token(chosen.token_file)
    from ner.integrations.web import app, model, server  # noqa: PLC0415 - an extra

    bounds = Bounds(**{key: value for key, value in vars(chosen).items() if key in BOUNDS})
    bound = server.bind(chosen.host, getattr(chosen, "port", DEFAULT_PORT))
    is_local = server.is_loopback(bound)
    served = model.load_model(chosen.checkpoints, min_score)
    application = app.create_app(served, bounds, token, {*LOOPBACK, chosen.host.lower()} if is_local else None)
    sys.stderr.write(f"Open {server.address_of(bound)} in a browser to use {visible(served.name)} (end with Ctrl-C).\n")
    if not is_local and token is None:
        sys.stderr.write(f"anyone who reaches this machine can use it; set {TOKEN_VARIABLE} or --token_file\n")
    server.serve(application, bound, bounds)
    return 0


def _parser() -> LightParser:
    parser = LightParser(prog="serve", description=DESCRIPTION)
    parser.add_checkpoints()
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_number("--port", "the port; 0 takes a free one", DEFAULT_PORT, 0, 65535)
    parser.add_argument(
        "--min_score",
        default="auto",
        metavar="SCORE",
        help="leave out entities of a lower score (default: what the checkpoint has)",
    )
    parser.add_argument("--token_file", type=Path, metavar="FILE", help="a file with the token that requests need")
    for name, words in BOUNDS.items():
        parser.add_number(f"--{name}", words, getattr(Bounds(), name), 1)
    return parser


def _min_score(text: str) -> MinScore:
    try:
        value: MinScore = "auto" if text == "auto" else float(text)
    except ValueError:
        raise InputError(f"min_score is {text!r}; it should be a number from 0 to 1, or auto") from None
    check_min_score(value)
    return value


def _token(path: Path | None) -> str | None:
    """Return the token of a file, else that of the environment, if there is one.

    Raises:
        InputError: if the file cannot be read, or the token is too short or not of visible ASCII characters.
    """
    where, token = TOKEN_VARIABLE, os.environ.get(TOKEN_VARIABLE)
    if path is not None:
        where = f"--token_file {path}"
        try:
            token = path.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            raise InputError(f"{where}: cannot be read ({reason}); check the path") from None
    if token is not None and (len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable()):
        raise InputError(f"{where}: a token has at least {LEAST_TOKEN} characters, all of them visible ASCII")
    return token
