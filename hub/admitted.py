"""Claims and the snapshot of admitted facts, in PostgreSQL. A claim is made before an event is published and settled after."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from hub.database import Connection
from hub.planning import Admitted, Event
from hub.vault import KeyClass

__all__ = [
    "Claim",
    "ContendedError",
    "OpenBatch",
    "claim_events",
    "free_batch",
    "open_batches",
    "prune_claims",
    "select_facts",
    "settle_batch",
]

_CLAIM_KEPT = timedelta(days=1)
"""A settled claim stays this long, so that a late rival that saw the older snapshot still meets it."""
_FACT_COLUMNS = "fact_ref, parent_ref, type, category, event_id, content, source_version, kept_when_omitted, denied, key_class"


@dataclass(frozen=True, slots=True)
class Claim:
    """An event about to be published, with the ids that it keeps whoever publishes it."""

    event: Event
    identity: UUID
    key_id: UUID


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch of which nobody has noted yet whether it was published. `low_offsets`: none of its records stands before these, by partition."""

    id: int
    event_ids: frozenset[bytes]
    low_offsets: dict[int, int]


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
        f"WITH RECURSIVE found AS (SELECT {_FACT_COLUMNS} FROM snapshot WHERE fact_ref = ANY(%(refs)b) OR parent_ref = ANY(%(refs)b) "  # noqa: S608 - constants
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
    claimed_at: datetime,
    low_offsets: Mapping[int, int],
) -> int:
    """Claim every event (one at least) as a batch, or raise `ContendedError`: then the caller rolls back, waits, and plans again."""
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
    batch: int = connection.execute(
        "INSERT INTO claim_batch (source, slot, epoch, state, claimed_at, low_offsets) VALUES (%s, %s, %s, 'claimed', %s, %s) RETURNING id",
        (source, slot, epoch, claimed_at, Jsonb({str(partition): offset for partition, offset in low_offsets.items()})),
    ).fetchall()[0][0]
    made = connection.execute(
        "INSERT INTO claim (event_id, fact_ref, parent_ref, type, category, predecessor, content, source_version, kept_when_omitted, denied, "
        "key_class, identity, key_id, decision_id, batch) SELECT new.*, %s FROM unnest(%b::bytea[], %b::bytea[], %b::bytea[], %b::text[], "
        "%b::text[], %b::bytea[], %b::bytea[], %b::bigint[], %b::boolean[], %b::boolean[], %b::text[], %b::uuid[], %b::uuid[], %b::uuid[]) "
        "AS new ON CONFLICT DO NOTHING",
        (batch, *(list(column) for column in zip(*rows, strict=True))),
    )
    if made.rowcount < len(rows):
        raise ContendedError(_rivals(connection, rows, (source, slot)))
    return batch


def settle_batch(connection: Connection, batch: int) -> None:
    """The batch's events are in the topic: their facts become the admitted ones, the last of each chain counting. Settled before: nothing changes."""
    updates = ", ".join(f"{column} = excluded.{column}" for column in _FACT_COLUMNS.split(", ")[1:])
    settled = connection.execute("UPDATE claim_batch SET state = 'published' WHERE id = %s AND state = 'claimed'", (batch,))
    if settled.rowcount:
        connection.execute(
            f"INSERT INTO snapshot ({_FACT_COLUMNS}) SELECT {_FACT_COLUMNS} FROM claim WHERE batch = %(batch)s "  # noqa: S608 - constants
            "AND NOT EXISTS (SELECT FROM claim later WHERE later.batch = %(batch)s AND later.fact_ref = claim.fact_ref "
            "AND later.predecessor = claim.event_id) ORDER BY fact_ref "
            f"ON CONFLICT (fact_ref) DO UPDATE SET {updates}",
            {"batch": batch},
        )


def open_batches(connection: Connection, source: str, slot: int) -> list[OpenBatch]:
    """The slot's batches that are not settled, oldest first."""
    rows = connection.execute(
        "SELECT b.id, array_agg(c.event_id), b.low_offsets FROM claim_batch b JOIN claim c ON c.batch = b.id "
        "WHERE b.source = %s AND b.slot = %s AND b.state = 'claimed' GROUP BY b.id ORDER BY b.id",
        (source, slot),
    ).fetchall()
    return [OpenBatch(batch, frozenset(ids), {int(number): offset for number, offset in low.items()}) for batch, ids, low in rows]


def free_batch(connection: Connection, batch: int) -> None:
    """The batch's events are not in the topic and never will be: their facts are to be decided afresh."""
    freed = connection.execute("DELETE FROM claim_batch WHERE id = %s AND state = 'claimed'", (batch,))
    if freed.rowcount:
        connection.execute("DELETE FROM claim WHERE batch = %s", (batch,))


def prune_claims(connection: Connection, now: datetime) -> int:
    """Drop settled claims that have served their time. Returns how many."""
    return connection.execute(
        "WITH old AS (DELETE FROM claim_batch WHERE state = 'published' AND claimed_at < %s RETURNING id) "
        "DELETE FROM claim USING old WHERE claim.batch = old.id",
        (now - _CLAIM_KEPT,),
    ).rowcount


def _rivals(connection: Connection, rows: Iterable[tuple[object, ...]], mine: tuple[str, int]) -> list[tuple[str, int]]:
    found = connection.execute(
        "SELECT DISTINCT b.source, b.slot FROM claim JOIN claim_batch b ON b.id = claim.batch AND b.state = 'claimed' "
        "JOIN unnest(%b::bytea[], %b::bytea[], %b::bytea[]) AS wanted (event_id, fact_ref, predecessor) ON claim.event_id = wanted.event_id "
        "OR (claim.fact_ref = wanted.fact_ref AND claim.predecessor IS NOT DISTINCT FROM wanted.predecessor)",
        tuple(list(column) for column in zip(*((row[0], row[1], row[5]) for row in rows), strict=True)),
    ).fetchall()
    return [(source, slot) for source, slot in found if (source, slot) != mine]
