"""The process of the service: its socket, its log and its end."""

import logging
import socket
from contextlib import suppress
from ipaddress import ip_address

import uvicorn
from starlette.types import ASGIApp

from ner.errors import InputError, one_line
from ner.integrations.web.bounds import Bounds
from ner.integrations.web.log import start_log

# Connections beyond are closed by uvicorn with 503; a connection alone costs little.
MOST_CONNECTIONS = 2_000


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens, so that no other process takes its address; connections wait to be served.

    Raises:
        InputError: if the address cannot be used.
    """
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen()
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or one_line(error)
        raise InputError(f"cannot listen on {host}, port {port} ({reason}); choose another --host or --port") from None
    return bound


def is_loopback(bound: socket.socket) -> bool:
    """Return if only this machine reaches a socket."""
    return ip_address(bound.getsockname()[0]).is_loopback


def address_of(bound: socket.socket) -> str:
    """Return the address of a socket as a browser takes it."""
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def server_of(app: ASGIApp, bounds: Bounds) -> uvicorn.Server:
    """Return a server, to be run on a socket; it ends once what it has taken is answered."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=bounds.seconds,
    )
    return uvicorn.Server(config)


def serve(app: ASGIApp, bound: socket.socket, bounds: Bounds) -> None:
    """Answer requests until SIGINT or SIGTERM; those that were taken are answered first."""
    start_log()
    # What uvicorn says of connections that break protocol is no matter of the service.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    # uvicorn raises the signal again once it has ended.
    with suppress(KeyboardInterrupt):
        server_of(app, bounds).run([bound])
