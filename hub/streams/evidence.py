"""Decisions and reads as tables, for whoever asks why something was let through and who has seen it. Repeats are dropped by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from hub import codec, topics
from hub.streams.opening import decode_all
from hub.streams.records import Handler, Record

__all__ = ["fold_decisions", "fold_reads"]

_DECISION = codec.schema(topics.DECISIONS.schema)
_READ = codec.schema(topics.READS.schema)


def fold_decisions(wire: codec.Wire) -> Handler:
    """Handler of decisions."""

    async def handle(connection: psycopg.AsyncConnection, records: Sequence[Record]) -> None:
        decisions = await decode_all(connection, records, lambda record: wire.decode(_DECISION, record.value))
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO decision (decision_id, event_id, identity, partner, source, delivery_id, item, category, action, outcome, results, "
                "network_version, at) VALUES (%(decision_id)s, %(event_id)s, %(identity_id)s, %(partner)s, %(source)s, %(delivery_id)s, %(item)s, "
                "%(category)s, %(action)s, %(outcome)s, %(results)s, %(network_version)s, %(at)s) ON CONFLICT DO NOTHING",
                [decision | {"results": Jsonb(_readable(decision["results"]))} for _, decision in decisions],
            )

    return handle


def fold_reads(wire: codec.Wire) -> Handler:
    """Handler of reads."""

    async def handle(connection: psycopg.AsyncConnection, records: Sequence[Record]) -> None:
        reads = await decode_all(connection, records, lambda record: wire.decode(_READ, record.value))
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO read (read_id, partner, client, purpose, at, outcome, entries, withheld, bases) VALUES (%(read_id)s, %(partner)s, "
                "%(client_id)s, %(purpose)s, %(at)s, %(outcome)s, %(entries)s, %(withheld)s, %(bases)s) ON CONFLICT DO NOTHING",
                [read | {"bases": Jsonb(_readable(read["bases"]))} for _, read in reads],
            )

    return handle


def _readable(bases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The list as JSON can hold it: hashes in hexadecimal."""
    return [{**basis, "consents": [digest.hex() for digest in basis["consents"]]} for basis in bases]
