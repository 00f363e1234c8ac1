"""Answers to requests that are refused: each is one line."""

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as AnyHTTPException

RETRY_SECONDS = 2
CLIENT_LEFT = 499


def refusal(status: int, message: str) -> HTTPException:
    """Return the exception that answers a request with one line."""
    return HTTPException(status, " ".join(message.encode(errors="replace").decode().split()))


def try_later(message: str) -> HTTPException:
    """Return the exception that sends a request away for a moment."""
    return HTTPException(503, message, {"Retry-After": str(RETRY_SECONDS)})


def too_large(most_bytes: int) -> HTTPException:
    """Return the exception that answers too large a body, of which the rest is not read."""
    message = f"the body has more than {most_bytes:,} bytes; send less at once"
    return HTTPException(413, message, {"Connection": "close"})


def answer_to(error: AnyHTTPException) -> JSONResponse:
    """Return the answer that an exception stands for."""
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
