"""Requests as they are read: bodies of limited size, parsed strictly, so that no two readers of one body can differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from hub.connectors.strictjson import parse_json
from hub.delivery.problems import Problem
from hub.errors import Fault, RecordError

__all__ = ["DOCUMENT_LIMIT", "StrictRoute", "read_body"]

_BODY_LIMIT = 256 * 1024
DOCUMENT_LIMIT = 20 * 1024 * 1024
"""Bytes of a pushed document; each format has its own, smaller or equal, limit."""


async def read_body(request: Request, limit: int) -> bytes:
    """The body. Raises `Problem` 413 as soon as it is larger than `limit`."""
    parts = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise Problem(413, Fault("", "too_large", f"send at most {limit} bytes"))
        parts.append(part)
    return b"".join(parts)


class StrictRoute(APIRoute):
    """A route whose JSON body is checked by `parse_json` before FastAPI sees it: no repeated keys, NaN, deep nesting or lone surrogates."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's hook around each request of the route."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def strictly(request: Request) -> Response:
            try:
                value = parse_json(await read_body(request, _BODY_LIMIT), limit=_BODY_LIMIT)
            except RecordError as error:
                raise Problem(400, *error.faults) from None
            body = json.dumps(value, default=_number).encode()
            checked = Request(request.scope, _receiving(body))
            return await handle(checked)

        return strictly


def _receiving(body: bytes) -> Callable[[], Coroutine[Any, Any, dict[str, Any]]]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError
