"""Questions to the active build of the timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import sql

from hub.database import Connection
from hub.envelope import Envelope
from hub.timeline.builds import active_build
from hub.vault import Sealed

__all__ = ["Candidate", "Seen", "candidates", "live_entries", "reads_of"]

_ENTRY = sql.SQL(
    "e.event_id, e.identity, e.decision_id, e.key_id, e.schema_fingerprint, e.recorded_at, e.nonce, e.sealed, e.partner, e.source, e.category"
)
_LIVE = sql.SQL("e.action <> 'retract' AND NOT EXISTS (SELECT FROM {build}.entry later WHERE later.target = e.event_id)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A live entry that the second gate lets through."""

    envelope: Envelope
    partner: str
    source: str
    category: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A read on record."""

    read_id: UUID
    partner: str
    purpose: str
    at: datetime
    outcome: str
    entries: int
    withheld: int
    bases: list[dict[str, Any]]


def candidates(connection: Connection, client: UUID, recipient: str, purpose: str, at: datetime) -> tuple[list[Candidate], int]:
    """The client's live entries that rest on something towards this recipient and purpose, oldest first; and how many are live in all."""
    build = sql.Identifier(active_build(connection))
    live = _LIVE.format(build=build)
    rows = connection.execute(
        sql.SQL(
            "SELECT {entry} FROM {build}.entry e JOIN membership m ON m.identity = e.identity "
            "JOIN {build}.basis_state b ON b.event_id = e.event_id AND b.recipient = %(recipient)s AND b.purpose = %(purpose)s "
            "WHERE m.client = %(client)s AND {live} AND (b.state = 'statute_candidate' "
            "OR (b.state = 'given' AND b.valid_from <= %(at)s AND %(at)s < b.valid_until)) ORDER BY e.recorded_at, e.event_id"
        ).format(entry=_ENTRY, build=build, live=live),
        {"client": client, "recipient": recipient, "purpose": purpose, "at": at},
    ).fetchall()
    total = connection.execute(
        sql.SQL("SELECT count(*) FROM {build}.entry e JOIN membership m ON m.identity = e.identity WHERE m.client = %s AND {live}").format(
            build=build, live=live
        ),
        (client,),
    ).fetchall()[0][0]
    return [_candidate(row) for row in rows], total


def live_entries(connection: Connection, build: str) -> list[tuple[Candidate, UUID, bytes]]:
    """Every live entry of a build, with its identity and fact reference."""
    name = sql.Identifier(build)
    rows = connection.execute(
        sql.SQL("SELECT {entry}, e.fact_ref FROM {build}.entry e WHERE {live}").format(
            entry=_ENTRY, build=name, live=_LIVE.format(build=name)
        )
    ).fetchall()
    return [(_candidate(row), row[1], row[-1]) for row in rows]


def reads_of(connection: Connection, client: UUID, limit: int = 1000) -> list[Seen]:
    """Who was shown something of a client, newest first."""
    build = sql.Identifier(active_build(connection))
    rows = connection.execute(
        sql.SQL(
            "SELECT read_id, partner, purpose, at, outcome, entries, withheld, bases FROM {}.read "
            "WHERE client = %s ORDER BY at DESC, read_id LIMIT %s"
        ).format(build),
        (client, limit),
    ).fetchall()
    return [Seen(*row) for row in rows]


def _candidate(row: Sequence[Any]) -> Candidate:
    event_id, identity, decision_id, key_id, fingerprint, recorded_at, nonce, sealed, partner, source, category = row[:11]
    envelope = Envelope(
        bytes(event_id), identity, decision_id, key_id, bytes(fingerprint), recorded_at, Sealed(bytes(nonce), bytes(sealed))
    )
    return Candidate(envelope, partner, source, category)
