"""What the HTTP interface's routes share: the hub, its connections, who is asking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg_pool import ConnectionPool

from hub.connectors.base import Source
from hub.database import Connection, reaching_database
from hub.delivery.credentials import Asker, authenticate
from hub.delivery.gate import Gate
from hub.delivery.problems import Problem
from hub.delivery.push import Pushes
from hub.start import Hub

__all__ = ["Auditing", "Context", "Partner", "Shared"]

_bearer = HTTPBearer(auto_error=False, description="The partner's secret, from `silta credentials create`.")


@dataclass(frozen=True, slots=True)
class Context:
    """One process's share of the interface."""

    hub: Hub
    pool: ConnectionPool[Connection]
    gate: Gate
    pushes: Pushes
    sources: dict[str, Source]

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose transaction commits at the end. Raises `TransientError` while PostgreSQL is away or all connections are lent."""
        with reaching_database(), self.pool.connection() as connection:
            yield connection


def _context(request: Request) -> Context:
    found: Context = request.app.state.context
    return found


Shared = Annotated[Context, Depends(_context)]


def _asker(context: Shared, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Asker:
    asker = None
    if credentials is not None:
        with context.transaction() as connection:
            asker = authenticate(connection, credentials.credentials)
    if asker is None or asker.organisation not in context.hub.network.organisations:
        raise Problem(401, detail="send `Authorization: Bearer <secret>`", headers={"WWW-Authenticate": "Bearer"})
    return asker


def _partner(asker: Annotated[Asker, Depends(_asker)]) -> str:
    if asker.role != "partner":
        raise Problem(403, detail="this takes a partner's credential, not an auditor's")
    return asker.organisation


def _auditor(asker: Annotated[Asker, Depends(_asker)]) -> str:
    if asker.role != "auditor":
        raise Problem(403, detail="this takes an auditor's credential")
    return asker.organisation


Partner = Annotated[str, Depends(_partner)]
"""The asking partner's id."""
Auditing = Annotated[str, Depends(_auditor)]
"""The organisation whose auditor is asking."""
