"""What was delivered under which name, how far it was taken in, and what is wrong with it: the partner's own error list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from hub.database import Connection
from hub.drafts import ItemError
from hub.planning import Consignment

__all__ = ["ListedError", "Opened", "close_part", "list_errors", "open_delivery"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A delivery that is to be taken in, from item `next` on (1: from the start)."""

    delivery_id: UUID
    next: int


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


def open_delivery(connection: Connection, source: str, item: bytes, content: bytes, at: datetime) -> Opened | None:
    """Note that bytes arrived under a name; None when they are a repeat: the same bytes under that name, all admitted.

    A delivery that was interrupted goes on under its own id, so that its decisions are the same ones.
    """
    row = connection.execute(
        "SELECT delivery_id, content, closed, complete FROM delivery WHERE source = %s AND item = %s FOR UPDATE", (source, item)
    ).fetchone()
    if row is not None and row[1] == content:
        if row[2] and row[3]:
            return None
        if not row[2]:
            position = connection.execute("SELECT next FROM source_position WHERE source = %s AND item = %s", (source, item)).fetchone()
            return Opened(row[0], 1 if position is None else position[0])
    delivery_id = uuid4()
    connection.execute(
        "INSERT INTO delivery (source, item, content, delivery_id, closed, complete, opened_at) VALUES (%s, %s, %s, %s, false, true, %s) "
        "ON CONFLICT (source, item) DO UPDATE SET content = excluded.content, delivery_id = excluded.delivery_id, closed = false, complete = true, "
        "opened_at = excluded.opened_at",
        (source, item, content, delivery_id, at),
    )
    connection.execute("DELETE FROM source_position WHERE source = %s AND item = %s", (source, item))
    return Opened(delivery_id, 1)


def close_part(connection: Connection, part: Consignment, errors: Sequence[ItemError], *, complete: bool, at: datetime) -> None:
    """Record a part's errors and how far the delivery was taken in; at its end, clear the errors that the sender has mended."""
    source = part.delivery.source
    faults = [fault for error in errors for fault in error.faults]
    if faults:
        connection.execute(
            "INSERT INTO error_list (source, item, pointer, code, remedy, delivery_id, first_at, last_at) "
            "SELECT DISTINCT ON (new.pointer, new.code) %s, %s, new.pointer, new.code, new.remedy, %s::uuid, %s::timestamptz, %s::timestamptz "
            "FROM unnest(%s::text[], %s::text[], %s::text[]) AS new (pointer, code, remedy) ON CONFLICT (source, item, pointer, code) DO UPDATE "
            "SET delivery_id = excluded.delivery_id, last_at = excluded.last_at, cleared_at = NULL",
            (
                source,
                part.item,
                part.delivery_id,
                at,
                at,
                [fault.pointer for fault in faults],
                [fault.code for fault in faults],
                [fault.remedy for fault in faults],
            ),
        )
    connection.execute(
        "UPDATE delivery SET closed = %s, complete = complete AND %s WHERE source = %s AND item = %s AND delivery_id = %s",
        (part.next is None, complete, source, part.item, part.delivery_id),
    )
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


def list_errors(connection: Connection, sources: Sequence[str]) -> list[ListedError]:
    """What stands uncleared on the error lists of these sources, newest first."""
    rows = connection.execute(
        "SELECT source, delivery_id, pointer, code, remedy, first_at, last_at FROM error_list "
        "WHERE source = ANY(%s) AND cleared_at IS NULL ORDER BY last_at DESC, pointer, code",
        (list(sources),),
    ).fetchall()
    return [ListedError(*row) for row in rows]
