"""An answer that holds its client's lock until its last byte has left this machine: a withdrawal that has answered finds none on its way."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from contextlib import ExitStack
from fcntl import ioctl
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from hub.delivery.gate import Answer
from hub.drafts import Identifier
from hub.locks import DELIVERY_SECONDS

if TYPE_CHECKING:
    from hub.delivery.context import Context

__all__ = ["Connection", "LockedAnswer", "answer_under_lock"]

_log = structlog.get_logger()
_OUTLET = "silta.outlet"
_UNSENT = 0x894B
"""Linux's SIOCOUTQNSD: the bytes that a socket has not sent yet."""
_LOOK_AGAIN_SECONDS = 0.002


def answer_under_lock(
    context: Context, partner: str, identifier: Identifier, purpose: str, request_id: str, render: Callable[[Answer], BaseModel]
) -> LockedAnswer:
    """The gate's answer as it is sent. Sending it ends the transaction that holds the lock; so does any error before that."""
    with ExitStack() as stack:
        connection = stack.enter_context(context.transaction())
        body = render(context.gate.answer(connection, partner, identifier, purpose, request_id)).model_dump_json()
        return LockedAnswer(body, stack.pop_all())


class LockedAnswer(Response):
    """A JSON answer. Sending takes 5 s at most: a receiver slower than that is cut off, so that nobody's withdrawal waits for it."""

    media_type = "application/json"

    def __init__(self, body: str, lock: ExitStack) -> None:
        super().__init__(body, headers={"Cache-Control": "no-store"})
        self._lock = lock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        outlet: _Outlet | None = None
        try:
            outlet = _outlet(scope)
            async with asyncio.timeout(DELIVERY_SECONDS):
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await send({"type": "http.response.body", "body": self.body, "more_body": True})
                await outlet.emptied()
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            if outlet is not None:
                outlet.cut()
            _log.warning("delivery_cut_off", bytes=len(self.body), seconds=DELIVERY_SECONDS)
        finally:
            await asyncio.shield(run_in_threadpool(self._lock.close))


class Connection(H11Protocol):
    """uvicorn's connection, whose requests carry an outlet. Without it a body counts as sent once it is in a buffer, and may arrive much later."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called once, when a client has connected."""
        super().connection_made(transport)
        self.app = _with_outlet(self.app, _Outlet(transport))  # type: ignore[arg-type, assignment, unused-ignore]


class _Outlet:
    """The way out of a connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._socket: Any = transport.get_extra_info("socket")

    async def emptied(self) -> None:
        """Wait until neither this process nor the kernel holds anything that is still to be sent, or the connection is gone."""
        while not self._transport.is_closing() and (self._transport.get_write_buffer_size() or self._unsent()):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)  # the kernel tells nobody when a queue is empty

    def cut(self) -> None:
        """End the connection and throw away what was not sent; a plain close would send it for as long as the receiver takes."""
        if not self._transport.is_closing():
            self._socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def _unsent(self) -> int:
        try:
            return int(struct.unpack("i", ioctl(self._socket.fileno(), _UNSENT, b"\0" * 4))[0])
        except OSError:  # the connection is gone, or the system can't tell (macOS): what is in the kernel's hands counts as sent there
            return 0


def _outlet(scope: Scope) -> _Outlet:
    found: _Outlet = scope["extensions"][_OUTLET]
    return found


def _with_outlet(app: ASGIApp, outlet: _Outlet) -> ASGIApp:
    async def carrying(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "extensions": {**scope.get("extensions", {}), _OUTLET: outlet}}, receive, send)

    return carrying
