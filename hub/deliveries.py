"""What was delivered under which name, how far it was taken in, and what is wrong with it: the partner's own error list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from hub.database import Connection, lock_number
from hub.errors import Fault, RequestError
from hub.planning import Consignment

__all__ = ["ListedError", "Opened", "Outcome", "ReusedNameError", "close_part", "list_errors", "open_delivery", "stored_outcomes"]


class ReusedNameError(RequestError):
    """Other bytes came under a name that stands for one document for good."""


@dataclass(slots=True)
class Outcome:
    """What became of a delivery. Each draft is admitted, unchanged, denied, or part of an item with an error; retractions come on top."""

    delivery_id: UUID
    items: int = 0
    """Items found, faulty ones included."""
    admitted: int = 0
    """Events published, retractions among them."""
    unchanged: int = 0
    """Facts that had been admitted before as they are."""
    denied: int = 0
    """Facts that no agreement, statute or consent lets through."""
    errors: list[Fault] = field(default_factory=list)

    def add(self, part: Outcome) -> None:
        """Count another part of the same delivery in."""
        self.items = max(self.items, part.items)
        self.admitted += part.admitted
        self.unchanged += part.unchanged
        self.denied += part.denied
        self.errors += part.errors

    def as_json(self) -> dict[str, Any]:
        """For answers and outcome files."""
        return asdict(self) | {"delivery_id": str(self.delivery_id)}


@dataclass(frozen=True, slots=True)
class Opened:
    """A delivery to be taken in from item `next` on (1: from the start). `done` holds the outcome of one that was taken in before."""

    delivery_id: UUID
    next: int = 1
    done: Outcome | None = None
    again: bool = False
    """The same bytes were taken in before, but for what was denied or wrong."""


@dataclass(frozen=True, slots=True)
class ListedError:
    """A fault that stands on a partner's error list."""

    source: str
    delivery_id: UUID
    pointer: str
    code: str
    remedy: str
    first_at: datetime
    last_at: datetime


def open_delivery(
    connection: Connection,
    source: str,
    item: bytes,
    *,
    content: bytes,
    stamp: str,
    at: datetime,
    repeats: bool = True,
    replaceable: bool = True,
) -> Opened:
    """Note that bytes arrived under a name, in the caller's transaction.

    The same bytes again are done already when all of them was admitted, or when it is the same sending (`stamp`), unless such `repeats` are
    sendings of their own; if not all was, they are taken in `again`. A delivery that was interrupted goes on under its own id, so that its
    decisions are the same ones. Raises `ReusedNameError` for other bytes under a name that is not `replaceable`.
    """
    # Two senders of one name at once: the second finds the row of the first.
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number(b"delivery", source.encode(), item),))
    row = connection.execute(
        "SELECT delivery_id, content, stamp, closed, complete, outcome FROM delivery WHERE source = %s AND item = %s FOR UPDATE",
        (source, item),
    ).fetchone()
    if row is not None and row[1] != content and not replaceable:
        raise ReusedNameError(Fault("", "idempotency_key_reused", "this key was used for another document: choose a new one"))
    again = False
    if row is not None and row[1] == content and repeats:
        delivery_id, _, last_stamp, closed, complete, outcome = row
        if closed and (complete or last_stamp == stamp):
            return Opened(delivery_id, done=_outcome(delivery_id, outcome))
        if not closed:
            position = connection.execute("SELECT next FROM source_position WHERE source = %s AND item = %s", (source, item)).fetchone()
            return Opened(delivery_id, 1 if position is None else position[0], again="again" in outcome)
        again = True
    delivery_id = uuid4()
    connection.execute(
        "INSERT INTO delivery (source, item, content, stamp, delivery_id, closed, complete, opened_at, outcome) "
        "VALUES (%s, %s, %s, %s, %s, false, true, %s, %s) ON CONFLICT (source, item) DO UPDATE SET content = excluded.content, "
        "stamp = excluded.stamp, delivery_id = excluded.delivery_id, closed = false, complete = true, opened_at = excluded.opened_at, "
        "outcome = excluded.outcome",
        (source, item, content, stamp, delivery_id, at, Jsonb({"again": True} if again else {})),
    )
    connection.execute("DELETE FROM source_position WHERE source = %s AND item = %s", (source, item))
    return Opened(delivery_id, again=again)


def close_part(connection: Connection, part: Consignment, outcome: Outcome, at: datetime) -> None:
    """Record what became of a part of a delivery, and how far that was; at its end, clear the errors that the sender has mended.

    A part counts once: not again when a parallel sender of the same delivery was first, and not when a later sending has taken its place.
    """
    source = part.delivery.source
    _list(connection, part, outcome.errors, at)
    counted = connection.execute(
        "UPDATE delivery SET closed = %(closed)s, complete = complete AND %(complete)s, outcome = outcome || jsonb_build_object("
        "'items', %(items)s::int, 'admitted', coalesce((outcome->>'admitted')::int, 0) + %(admitted)s, "
        "'unchanged', coalesce((outcome->>'unchanged')::int, 0) + %(unchanged)s, 'denied', coalesce((outcome->>'denied')::int, 0) + %(denied)s, "
        "'errors', coalesce(outcome->'errors', '[]') || %(errors)s) "
        "WHERE source = %(source)s AND item = %(item)s AND delivery_id = %(delivery_id)s AND NOT closed AND (%(closed)s OR "
        "%(next)s::bigint > coalesce((SELECT next FROM source_position p WHERE p.source = delivery.source AND p.item = delivery.item), 1))",
        {
            "closed": part.next is None,
            "next": part.next,
            "complete": not outcome.errors and not outcome.denied,
            "items": outcome.items,
            "admitted": outcome.admitted,
            "unchanged": outcome.unchanged,
            "denied": outcome.denied,
            "errors": Jsonb([asdict(fault) for fault in outcome.errors]),
            "source": source,
            "item": part.item,
            "delivery_id": part.delivery_id,
        },
    ).rowcount
    if not counted:
        return
    if part.next is None:
        connection.execute(
            "UPDATE error_list SET cleared_at = %s WHERE source = %s AND item = %s AND delivery_id <> %s AND cleared_at IS NULL",
            (at, source, part.item, part.delivery_id),
        )
        connection.execute("DELETE FROM source_position WHERE source = %s AND item = %s", (source, part.item))
    else:
        connection.execute(
            "INSERT INTO source_position (source, item, next, epoch) VALUES (%s, %s, %s, 1) "
            "ON CONFLICT (source, item) DO UPDATE SET next = excluded.next, epoch = source_position.epoch + 1",
            (source, part.item, part.next),
        )


def stored_outcomes(connection: Connection, source: str, delivery_ids: Mapping[UUID, bytes]) -> dict[UUID, Outcome]:
    """What became of these deliveries (id to item), all their parts together; a delivery that is not closed, or was sent again since, is absent."""
    rows = connection.execute(
        "SELECT d.delivery_id, d.outcome FROM delivery d JOIN unnest(%s::uuid[], %s::bytea[]) AS wanted (delivery_id, item) "
        "ON d.source = %s AND d.item = wanted.item AND d.delivery_id = wanted.delivery_id WHERE d.closed",
        (list(delivery_ids), list(delivery_ids.values()), source),
    ).fetchall()
    return {delivery_id: _outcome(delivery_id, outcome) for delivery_id, outcome in rows}


def list_errors(connection: Connection, sources: Sequence[str]) -> list[ListedError]:
    """What stands uncleared on the error lists of these sources, newest first."""
    rows = connection.execute(
        "SELECT source, delivery_id, pointer, code, remedy, first_at, last_at FROM error_list "
        "WHERE source = ANY(%s) AND cleared_at IS NULL ORDER BY last_at DESC, pointer, code",
        (list(sources),),
    ).fetchall()
    return [ListedError(*row) for row in rows]


def _list(connection: Connection, part: Consignment, faults: Sequence[Fault], at: datetime) -> None:
    if not faults:
        return
    connection.execute(
        "INSERT INTO error_list (source, item, pointer, code, remedy, delivery_id, first_at, last_at) "
        "SELECT DISTINCT ON (new.pointer, new.code) %s, %s::bytea, new.pointer, new.code, new.remedy, %s::uuid, %s::timestamptz, %s::timestamptz "
        "FROM unnest(%s::text[], %s::text[], %s::text[]) AS new (pointer, code, remedy) ON CONFLICT (source, item, pointer, code) DO UPDATE "
        "SET delivery_id = excluded.delivery_id, last_at = excluded.last_at, cleared_at = NULL",
        (
            part.delivery.source,
            part.item,
            part.delivery_id,
            at,
            at,
            [fault.pointer for fault in faults],
            [fault.code for fault in faults],
            [fault.remedy for fault in faults],
        ),
    )


def _outcome(delivery_id: UUID, stored: dict[str, Any]) -> Outcome:
    faults = [Fault(**fault) for fault in stored.get("errors", [])]
    return Outcome(delivery_id, **{name: stored.get(name, 0) for name in ("items", "admitted", "unchanged", "denied")}, errors=faults)
