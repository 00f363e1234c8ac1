"""The service as an ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.security import HTTPBearer
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException as AnyHTTPException

from ner import __version__
from ner.integrations.web.batches import Batches
from ner.integrations.web.bounds import Bounds
from ner.integrations.web.guard import Guard
from ner.integrations.web.model import ServedModel
from ner.integrations.web.page import docs_page, page, static_files
from ner.integrations.web.refusals import answer_to, refusal
from ner.integrations.web.routes import Service, router

DESCRIPTION = "Finds biomedical entities in texts. Offsets are half-open and count code points of a passage."

# Variables of the environment could otherwise have texts and errors sent to a collector.
NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def create_app(
    model: ServedModel, bounds: Bounds, token: str | None = None, hosts: Collection[str] | None = None
) -> FastAPI:
    """Build the application.

    Args:
        model: What it tags with.
        bounds: What a request may cost.
        token: What requests have to bring as a bearer token, if anything.
        hosts: Names under which the service may be called, if not under any.
    """
    batches = Batches(model.tagger.tag_documents)

    @asynccontextmanager
    async def working(_: FastAPI) -> AsyncIterator[None]:
        work = asyncio.create_task(batches.run())
        yield
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    app = FastAPI(
        title=model.name,
        description=DESCRIPTION,
        version=__version__,
        lifespan=working,
        docs_url=None,
        redoc_url=None,
        telemetry=NO_TELEMETRY,
    )
    app.state.service = Service(model, batches, bounds)
    # For /docs to ask for the token; the guard has checked it.
    scheme = [] if token is None else [Depends(HTTPBearer(auto_error=False))]
    app.include_router(router, dependencies=scheme)
    app.mount("/static", static_files())
    pages = {"/": page(model, bounds, token is not None), "/docs": docs_page(model.name)}
    for path, html in pages.items():
        app.add_api_route(path, _always(html), include_in_schema=False, response_class=HTMLResponse)
    app.add_exception_handler(AnyHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(Guard, bounds=bounds, token=token, hosts=hosts)
    return app


def _always(html: HTMLResponse) -> Callable[[], Awaitable[Response]]:
    async def answer() -> Response:
        return html

    return answer


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, AnyHTTPException)
    return answer_to(error)


async def _invalid(request: Request, error: Exception) -> Response:
    """Answer a request that is not as the schema says with one line, which repeats nothing of it but keys."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return answer_to(refusal(422, f"the body is no JSON: {first['ctx']['error']} at character {first['loc'][-1]}"))
    if first["loc"] == ("body",) and not request.headers.get("content-type", "").startswith("application/json"):
        return answer_to(refusal(415, "send the body as Content-Type: application/json"))
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query"))
    message = first["msg"].removeprefix("Value error, ")
    return answer_to(refusal(422, f"{place:.200}: {message}" if place else message))
