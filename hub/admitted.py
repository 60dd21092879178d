"""Claims and the snapshot of admitted facts, in PostgreSQL. A claim is made before an event is published and settled after."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import dict_row

from hub.database import Connection
from hub.planning import Admitted, Event
from hub.vault import KeyClass

__all__ = ["Claim", "ContendedError", "claim_events", "free_claims", "open_claims", "prune_claims", "select_facts", "settle_published"]

_CLAIM_KEPT = timedelta(days=1)
"""A settled claim stays this long, so that a late rival that saw the older snapshot still meets it."""
_FACT_COLUMNS = "fact_ref, parent_ref, type, category, event_id, content, source_version, kept_when_omitted, denied, key_class"


@dataclass(frozen=True, slots=True)
class Claim:
    """An event about to be published, with the ids that it keeps whoever publishes it."""

    event: Event
    identity: UUID
    key_id: UUID


class ContendedError(Exception):
    """Another slot has claimed one of these facts at the same version."""

    def __init__(self, holders: Sequence[tuple[str, int]]) -> None:
        super().__init__(f"claimed by {holders}")
        self.holders = holders
        """(source, slot) of the claims that are not settled yet; empty if all are."""


def select_facts(connection: Connection, refs: Collection[bytes]) -> list[Admitted]:
    """The admitted facts that these references name, and every fact under them."""
    columns = ", ".join(f"s.{column}" for column in _FACT_COLUMNS.split(", "))
    cursor = connection.cursor(row_factory=dict_row)
    rows = cursor.execute(
        f"WITH RECURSIVE found AS (SELECT {_FACT_COLUMNS} FROM snapshot WHERE fact_ref = ANY(%(refs)s) OR parent_ref = ANY(%(refs)s) "  # noqa: S608 - constants
        f"UNION SELECT {columns} "
        f"FROM snapshot s JOIN found ON s.parent_ref = found.fact_ref) SELECT {_FACT_COLUMNS} FROM found",
        {"refs": list(refs)},
    ).fetchall()
    return [Admitted(**row | {"key_class": KeyClass(row["key_class"])}) for row in rows]


def claim_events(
    connection: Connection,
    claims: Sequence[Claim],
    *,
    source: str,
    slot: int,
    epoch: int,
    recorded_at: datetime,
    low_offsets: Mapping[int, int],
) -> None:
    """Claim every event, or raise `ContendedError`: then the caller rolls back, waits, and plans again."""
    if not claims:
        return
    rows = [
        (
            claim.event.event_id,
            claim.event.after.fact_ref,
            claim.event.after.parent_ref,
            claim.event.after.type,
            claim.event.after.category,
            claim.event.predecessor,
            claim.event.after.content,
            claim.event.after.source_version,
            claim.event.after.kept_when_omitted,
            claim.event.after.denied,
            claim.event.after.key_class.value,
            claim.identity,
            claim.key_id,
            claim.event.decision_id,
        )
        # Rivals for a fact differ in event id but not in this order, so that they wait for each other instead of ending in a deadlock.
        for claim in sorted(claims, key=lambda claim: (claim.event.after.fact_ref, claim.event.predecessor or b""))
    ]
    made = connection.execute(
        "INSERT INTO claim (event_id, fact_ref, parent_ref, type, category, predecessor, content, source_version, kept_when_omitted, denied, "
        "key_class, identity, key_id, decision_id, source, slot, epoch, state, recorded_at, low_offsets, expires_at) "
        "SELECT new.*, %s, %s, %s, 'claimed', %s, %s, %s FROM unnest(%s::bytea[], %s::bytea[], %s::bytea[], %s::text[], %s::text[], %s::bytea[], "
        "%s::bytea[], %s::bigint[], %s::boolean[], %s::boolean[], %s::text[], %s::uuid[], %s::uuid[], %s::uuid[]) AS new ON CONFLICT DO NOTHING",
        (
            source,
            slot,
            epoch,
            recorded_at,
            json.dumps({str(partition): offset for partition, offset in low_offsets.items()}),
            recorded_at + _CLAIM_KEPT,
            *(list(column) for column in zip(*rows, strict=True)),
        ),
    )
    if made.rowcount < len(rows):
        raise ContendedError(_rivals(connection, rows, (source, slot)))


def settle_published(connection: Connection, event_ids: Collection[bytes]) -> None:
    """These events are in the topic: their facts become the admitted ones, the last of each chain counting."""
    updates = ", ".join(f"{column} = excluded.{column}" for column in _FACT_COLUMNS.split(", ")[1:])
    connection.execute(
        "WITH done AS (UPDATE claim SET state = 'published' WHERE event_id = ANY(%s) AND state = 'claimed' RETURNING *) "  # noqa: S608 - constants
        f"INSERT INTO snapshot ({_FACT_COLUMNS}) SELECT {_FACT_COLUMNS} FROM done "
        "WHERE NOT EXISTS (SELECT FROM done later WHERE later.fact_ref = done.fact_ref AND later.predecessor = done.event_id) ORDER BY fact_ref "
        f"ON CONFLICT (fact_ref) DO UPDATE SET {updates}",
        (list(event_ids),),
    )


def open_claims(connection: Connection, source: str, slot: int) -> tuple[set[bytes], dict[int, int]]:
    """The slot's claims that are not settled, and the offsets before which none of their records stands."""
    rows = connection.execute(
        "SELECT event_id, low_offsets FROM claim WHERE source = %s AND slot = %s AND state = 'claimed'", (source, slot)
    ).fetchall()
    low: dict[int, int] = {}
    for _, offsets in rows:
        for partition, offset in offsets.items():
            low[int(partition)] = min(offset, low.get(int(partition), offset))
    return {event_id for event_id, _ in rows}, low


def free_claims(connection: Connection, event_ids: Collection[bytes]) -> None:
    """These events are not in the topic and never will be: their facts are to be decided afresh."""
    connection.execute("DELETE FROM claim WHERE event_id = ANY(%s) AND state = 'claimed'", (list(event_ids),))


def prune_claims(connection: Connection, now: datetime) -> int:
    """Drop settled claims that have served their time. Returns how many."""
    return connection.execute("DELETE FROM claim WHERE state = 'published' AND expires_at < %s", (now,)).rowcount


def _rivals(connection: Connection, rows: Iterable[tuple[object, ...]], mine: tuple[str, int]) -> list[tuple[str, int]]:
    found = connection.execute(
        "SELECT DISTINCT source, slot FROM claim JOIN unnest(%s::bytea[], %s::bytea[], %s::bytea[]) AS wanted (event_id, fact_ref, predecessor) "
        "ON claim.event_id = wanted.event_id OR (claim.fact_ref = wanted.fact_ref AND claim.predecessor IS NOT DISTINCT FROM wanted.predecessor) "
        "WHERE state = 'claimed'",
        tuple(list(column) for column in zip(*((row[0], row[1], row[5]) for row in rows), strict=True)),
    ).fetchall()
    return [(source, slot) for source, slot in found if (source, slot) != mine]
