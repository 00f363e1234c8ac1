"""The routes of the service."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from ner.documents import Document
from ner.integrations.web import schemas
from ner.integrations.web.batches import Batches
from ner.integrations.web.bounds import Bounds
from ner.integrations.web.documents import (
    answer_of,
    check_mentions,
    check_texts,
    entities_of,
    groups_of,
    read_records,
    text_documents,
)
from ner.integrations.web.files import read_file, write_file
from ner.integrations.web.model import ServedModel
from ner.integrations.web.refusals import CLIENT_LEFT, refusal

T = TypeVar("T")
Shape = Literal["entities", "transformers"]
BINARY = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}
REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"model": schemas.ErrorAnswer} for status in (400, 401, 403, 408, 413, 415, 421, 422, 503, 504)
}

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Service:
    """What the routes share."""

    model: ServedModel
    batches: Batches
    bounds: Bounds

    @property
    def origin(self) -> dict[str, object]:
        """What every answer says of the model."""
        return {"model": self.model.digest, "version": self.model.version, "labels": self.model.labels}

    async def tag(self, request: Request, documents: Sequence[Document]) -> list[Document]:
        """Return documents with the entities that are found in them.

        Raises:
            HTTPException: if their texts are beyond the bounds.
        """
        request.state.texts = check_texts(documents, self.bounds)
        return await _while_connected(request, self.batches.tag(documents))


def service_of(request: Request) -> Service:
    """Return the service that a request is for."""
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(service_of)]


@router.post("/tag", response_model=schemas.TagAnswer | list[list[schemas.GroupAnswer]], responses=REFUSED)
async def tag(request: Request, service: Serving, body: schemas.TagRequest, shape: Shape = "entities") -> Response:
    """Find the entities of texts or documents.

    With `shape=transformers` the answer is a list of entities for each text, in the shape of transformers' token
    classification; a document has a list for each of its passages.
    """
    if body.texts is not None:
        documents = text_documents(body.texts)
    else:
        documents = read_records(body.documents or [], with_annotation=False)
    tagged = await service.tag(request, documents)
    if shape == "transformers":
        return JSONResponse([groups for document in tagged for groups in groups_of(document)])
    results = [{"entities": entities_of(document, service.model.labels)} for document in tagged]
    return JSONResponse({**service.origin, "results": results})


@router.post("/files", response_model=schemas.FileAnswer, responses=REFUSED, openapi_extra=BINARY)
async def files(
    request: Request,
    service: Serving,
    name: Annotated[str, Query(description="The file's name, whose ending tells its format")],
    format_name: Annotated[str | None, Query(alias="format", description="Its format, as in `convert`")] = None,
) -> Response:
    """Find the entities of the documents in a file: the body is the file as it is."""
    if request.headers.get("content-type", "") != "application/octet-stream":
        raise refusal(415, "send the file as Content-Type: application/octet-stream")
    kind, documents = await run_in_threadpool(read_file, await request.body(), name, format_name)
    tagged = await service.tag(request, documents)
    answers = [answer_of(document, service.model.labels) for document in tagged]
    return JSONResponse({**service.origin, "format": kind, "documents": answers})


@router.post("/export", response_class=Response, responses=REFUSED)
async def export(
    request: Request,
    service: Serving,
    body: schemas.ExportRequest,
    format_name: Annotated[str, Query(alias="format", description="A format that holds entities")],
) -> Response:
    """Return documents with entities as a file; a format of many files is zipped."""
    documents = read_records(body.documents, with_annotation=True)
    bounds = service.bounds.of_export()
    request.state.texts = check_texts(documents, bounds)
    check_mentions(documents, bounds)
    name, media_type, content = await run_in_threadpool(write_file, documents, format_name)
    return Response(content, 200, {"Content-Disposition": f'attachment; filename="{name}"'}, media_type)


@router.get("/health", responses={200: {"model": schemas.HealthAnswer}})
async def health(service: Serving) -> Response:
    """Say that the service is ready."""
    return JSONResponse({"status": "ok", "model": service.model.digest})


@router.get("/labels", responses={200: {"model": schemas.ModelAnswer}, 401: {"model": schemas.ErrorAnswer}})
async def labels(service: Serving) -> Response:
    """Return the entity types."""
    return JSONResponse(service.origin)


async def _while_connected(request: Request, work: Coroutine[None, None, T]) -> T:
    """Return what work returns, and cancel it when the client leaves.

    Raises:
        HTTPException: if the client has left; nobody reads it.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise HTTPException(CLIENT_LEFT, "the client has left")
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
