"""An answer that holds its client's lock until its last byte was handed over: a withdrawal that has answered finds no answer still on its way."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from hub.delivery.gate import Answer
from hub.drafts import Identifier
from hub.locks import DELIVERY_SECONDS

if TYPE_CHECKING:
    from hub.delivery.context import Context

__all__ = ["LockedAnswer", "answer_under_lock"]


def answer_under_lock(context: Context, partner: str, identifier: Identifier, purpose: str, request_id: str) -> tuple[Answer, ExitStack]:
    """The gate's answer, and what to close once it has left: the transaction that holds the lock."""
    with ExitStack() as stack:
        connection = stack.enter_context(context.transaction())
        answer = context.gate.answer(connection, partner, identifier, purpose, request_id)
        return answer, stack.pop_all()


class LockedAnswer(Response):
    """A JSON answer. Sending takes 5 s at most: a receiver slower than that is cut off, so that nobody's withdrawal waits for it."""

    media_type = "application/json"

    def __init__(self, body: BaseModel, lock: ExitStack) -> None:
        super().__init__(body.model_dump_json(), headers={"Cache-Control": "no-store"})
        self._lock = lock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                await super().__call__(scope, receive, send)
        finally:
            await asyncio.shield(run_in_threadpool(self._lock.close))
