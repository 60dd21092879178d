"""Errors as problem details (RFC 9457): one table from Silta's errors to answers. No answer repeats a value that was sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from hub.consents import ConflictError, NotFoundError
from hub.errors import Fault, RecordError, RequestError, SiltaError, TransientError
from hub.logs import redact

__all__ = ["Problem", "install", "problem"]

_log = structlog.get_logger()
_MEDIA = "application/problem+json"
_TITLES = {
    400: "The request can't be read",
    401: "The credential is missing or not valid",
    403: "This credential may not do that",
    404: "Not found",
    405: "This address does not take that method",
    409: "The request contradicts what is on record",
    413: "The request is too large",
    422: "The request has faults",
    500: "The hub failed",
    503: "The hub can't answer now",
}


class Problem(HTTPException):
    """An answer that is a problem."""

    def __init__(self, status: int, *faults: Fault, detail: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail or _TITLES[status], headers)
        self.faults = faults


def problem(status: int, faults: Sequence[Fault] = (), detail: str = "", headers: dict[str, str] | None = None) -> JSONResponse:
    """The answer: `errors` hold a JSON pointer into the request's body each; `at_fault` says who has to act."""
    body: dict[str, Any] = {
        "type": f"urn:silta:problem:{faults[0].code if faults else status}",
        "title": _TITLES.get(status, "The request failed"),
        "status": status,
        "at_fault": "hub" if status >= 500 else "sender",  # noqa: PLR2004 - HTTP's own border
    }
    if detail and detail != body["title"]:
        body["detail"] = detail
    if faults:
        body["errors"] = [{"pointer": redact(fault.pointer), "code": fault.code, "remedy": fault.remedy} for fault in faults]
    return JSONResponse(body, status, headers, _MEDIA)


def install(app: FastAPI) -> None:
    """Answer every error of this application as a problem."""
    app.add_exception_handler(SiltaError, _silta)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _silta(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, TransientError):
        _log.warning("request_deferred", route=_route(request), error=str(error))
        return problem(
            503, detail="a server behind the hub is away: nothing was lost, try again", headers={"Retry-After": f"{error.retry_after:.0f}"}
        )
    if isinstance(error, NotFoundError):
        return problem(404, error.faults)
    if isinstance(error, ConflictError):
        return problem(409, error.faults)
    if isinstance(error, RequestError | RecordError):
        return problem(422, error.faults)
    return await _unexpected(request, error)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    del request
    assert isinstance(error, RequestValidationError)
    # Only place and kind: pydantic's messages and inputs can hold what was sent.
    faults = [
        Fault(_pointer(found["loc"], found["type"]), found["type"].replace(".", "_"), _remedy(found["type"])) for found in error.errors()
    ]
    return problem(422, faults)


async def _http(request: Request, error: Exception) -> JSONResponse:
    del request
    assert isinstance(error, HTTPException)
    faults = error.faults if isinstance(error, Problem) else ()
    return problem(error.status_code, faults, str(error.detail), dict(error.headers or {}))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("request_failed", route=_route(request), error=type(error).__name__)
    return problem(500, detail="nothing was released; operations staff see it in the log")


def _route(request: Request) -> str:
    """The address as it is declared: what a sender put into it may name somebody."""
    return str(getattr(request.scope.get("route"), "path", "unknown"))


def _pointer(location: Sequence[str | int], kind: str) -> str:
    # The name of a field that does not exist is the sender's, and may be anything: the pointer is that of the object it stands in.
    named = location[:-1] if kind == "extra_forbidden" else location
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in named if part != "body")


def _remedy(kind: str) -> str:
    return {"missing": "give this field", "extra_forbidden": "a field stands here that does not exist: leave it out"}.get(
        kind, "see the OpenAPI document for what may stand here"
    )
