"""What every request passes through: who may ask, how much and how many, for how long; headers and the log."""

import asyncio
import hmac
import time
from collections.abc import Collection

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ner.integrations.web.bounds import Bounds
from ner.integrations.web.log import log_request, place_of
from ner.integrations.web.refusals import CLIENT_LEFT, answer_to, refusal, too_large, try_later

# A browser asks for these without a token; they hold nothing of what others have sent.
OPEN_PATHS = ("/", "/health", "/docs", "/openapi.json", "/static/")
EXPORT_PATH = "/export"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# Times the largest body that is read and thrown away, so that a client has sent its request when it is refused.
DRAINED = 8


class Guard:
    """ASGI middleware around the whole service.

    Args:
        app: The service.
        bounds: What a request may cost.
        token: What requests have to bring; ``None`` for no such thing.
        hosts: Names under which the service may be called; ``None`` for any. It keeps a website whose name points to
            the loopback address away from a service there.
    """

    def __init__(self, app: ASGIApp, bounds: Bounds, token: str | None, hosts: Collection[str] | None) -> None:
        self.app = app
        self.bounds = bounds
        self.token = token
        self.hosts = hosts
        self._working = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_export = scope["path"] == EXPORT_PATH
        exchange = _Exchange(scope, receive, send, self.bounds.of_export() if is_export else self.bounds)
        error = ""
        try:
            async with asyncio.timeout(self.bounds.seconds):
                await self._answer(exchange)
        except TimeoutError:
            late = refusal(504, f"it took more than {self.bounds.seconds} s; send less at once")
            await exchange.refuse(late if exchange.is_read else refusal(408, "the request did not arrive in time"))
        except Exception as fault:  # noqa: BLE001 - nothing but the log learns of it
            error = place_of(fault)
            await exchange.refuse(refusal(500, "internal error; the log of the service says where"))
        finally:
            log_request(scope, exchange.status or CLIENT_LEFT, exchange.received, exchange.start, error)

    async def _answer(self, exchange: "_Exchange") -> None:
        try:
            self._check(exchange)
        except HTTPException as refused:
            await exchange.drain()
            await exchange.refuse(refused)
            return
        is_work = exchange.scope["method"] == "POST"
        self._working += is_work
        try:
            await self.app(exchange.scope, exchange.receive, exchange.send)
        finally:
            self._working -= is_work

    def _check(self, exchange: "_Exchange") -> None:
        headers, path = Headers(scope=exchange.scope), exchange.scope["path"]
        host = headers.get("host", "")
        if self.hosts is not None and _name(host) not in self.hosts:
            raise refusal(421, f"this service is not called {host[:80]!r}; use the address that it listens on")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            raise refusal(403, "pages of other websites may not use this service")
        if self.token is not None and not path.startswith(OPEN_PATHS[-1]) and path not in OPEN_PATHS:
            given = headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
                message = "this service needs a token; send it as 'Authorization: Bearer ...'"
                raise HTTPException(401, message, {"WWW-Authenticate": "Bearer"})
        if exchange.announced > exchange.bounds.body_bytes:
            raise too_large(exchange.bounds.body_bytes)
        if exchange.scope["method"] == "POST" and self._working >= self.bounds.waiting:
            raise try_later("too many requests are waiting; try again in a moment")


class _Exchange:
    """A request and its answer, counted and bounded.

    Attributes:
        bounds: What it may cost.
        announced: Bytes of the body, as far as the client tells it.
        status: Of the answer, 0 until it begins.
        received: Bytes of the body so far.
        is_read: The whole body has arrived.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, bounds: Bounds) -> None:
        self.scope = scope
        self.bounds = bounds
        self.start = time.monotonic()
        # h11 lets no other than a number through.
        self.announced = int(Headers(scope=scope).get("content-length", "0"))
        self.status = 0
        self.received = 0
        self.is_read = False
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
            self.is_read = not message.get("more_body", False)
            if self.received > self.bounds.body_bytes:
                raise too_large(self.bounds.body_bytes)
        return message

    async def drain(self) -> None:
        """Read the body, as far as it is not very large, and throw it away."""
        while not self.is_read and max(self.received, self.announced) <= DRAINED * self.bounds.body_bytes:
            message = await self._receive()
            self.received += len(message.get("body", b""))
            self.is_read = not message.get("more_body", False)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)

    async def refuse(self, error: HTTPException) -> None:
        """Answer with one line, unless an answer has begun."""
        if not self.status:
            await answer_to(error)(self.scope, self.receive, self.send)


def _name(host: str) -> str:
    """Return the name or address in a Host header, without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower().strip("[]")
