"""Where each processor stands in each partition, kept in PostgreSQL and moved in the transaction that writes the effects.

Two workers that both believe to own a partition can't both commit: each claim raises the owner's epoch, and a batch moves the position only
from where it began and under its own epoch. A build is a PostgreSQL schema with all that processors write, positions included; the one
that is read is named by the single row of `public.active_build`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from hub.errors import FatalError
from hub.streams.records import TP, Batch, Handler

__all__ = ["POSITION_TABLE", "Position", "active_build", "apply", "claim", "connect"]

POSITION_TABLE = """
CREATE TABLE position (
    processor text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL CHECK (partition >= 0),
    next bigint NOT NULL CHECK (next >= 0),
    owner_epoch bigint NOT NULL,
    PRIMARY KEY (processor, topic, partition)
) WITH (fillfactor = 50)
"""
"""Stands in the schema of each build. Rows change with every batch and no index holds what changes: room on the page keeps them in place."""

_STALLED_MS = 40_000
_NO_BUILD = "PostgreSQL holds no active build of the stream processors: run `silta migrate`"

_ACTIVE = "SELECT build FROM public.active_build"
_BUILD = f"SELECT set_config('search_path', quote_ident(%(build)s) || ', public', true), ({_ACTIVE})"
_MOVE = """
UPDATE position SET next = %(to)s
WHERE processor = %(processor)s AND topic = %(topic)s AND partition = %(partition)s AND next = %(from)s AND owner_epoch = %(epoch)s
"""
_CLAIM = """
INSERT INTO {build}.position AS p (processor, topic, partition, next, owner_epoch) VALUES (%(processor)s, %(topic)s, %(partition)s, 0, 1)
ON CONFLICT (processor, topic, partition) DO UPDATE SET owner_epoch = p.owner_epoch + 1
RETURNING next, owner_epoch
"""


@dataclass(frozen=True, slots=True)
class Position:
    """A claimed partition: `next` is the next offset to handle, `epoch` the claim that may move it."""

    processor: str
    tp: TP
    build: str
    next: int
    epoch: int


async def connect(database_url: str) -> psycopg.AsyncConnection:
    """A connection for one partition's batches. Raises `psycopg.OperationalError` while PostgreSQL is away.

    The server ends what stalls: the transaction of a worker whose machine is gone would keep the position's row from the next owner.
    """
    connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True, connect_timeout=10, application_name="silta-streams")
    try:
        await connection.execute(
            "SELECT set_config(name, %s, false) FROM unnest(ARRAY['idle_in_transaction_session_timeout', 'statement_timeout']) AS name",
            [str(_STALLED_MS)],
        )
    except BaseException:
        await connection.close()
        raise
    return connection


async def active_build(connection: psycopg.AsyncConnection) -> str:
    """The schema that is read. Raises `FatalError` if there is none."""
    try:
        row = await (await connection.execute(_ACTIVE)).fetchone()
    except psycopg.errors.UndefinedTable as error:
        raise FatalError(_NO_BUILD) from error
    if row is None:
        raise FatalError(_NO_BUILD)
    return str(row[0])


async def claim(connection: psycopg.AsyncConnection, processor: str, tp: TP, *, build: str | None = None) -> Position:
    """Own the partition: earlier claims can commit nothing more. A partition seen for the first time begins at offset 0.

    Waits for a batch that is being written under an earlier claim. `build` is by default the active one.
    """
    build = build or await active_build(connection)
    statement = sql.SQL(_CLAIM).format(build=sql.Identifier(build))
    values = {"processor": processor, "topic": tp.topic, "partition": tp.partition}
    try:
        row = await (await connection.execute(statement, values)).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        raise FatalError(f"the build {build} has no table of positions: run `silta migrate`, or rebuild it") from error
    assert row is not None
    return Position(processor, tp, build, row[0], row[1])


async def apply(
    connection: psycopg.AsyncConnection, position: Position, batch: Batch, handler: Handler, *, active: bool = True
) -> Position | None:
    """One transaction: move the position past the batch, then write its effects. None, and nothing written, if the claim is lost.

    The claim is lost to a later one, and (with `active`) to another build's becoming the active one. The position is compared with what
    was claimed, never with the first record: transaction markers leave gaps. Offsets before the position are passed over.
    """
    reached = None
    async with connection.transaction():
        row = await (await connection.execute(_BUILD, {"build": position.build})).fetchone()
        if active and (row is None or row[1] != position.build):
            raise psycopg.Rollback
        moved = await connection.execute(
            _MOVE,
            {
                "processor": position.processor,
                "topic": position.tp.topic,
                "partition": position.tp.partition,
                "from": position.next,
                "to": batch.reached,
                "epoch": position.epoch,
            },
        )
        if moved.rowcount != 1:
            raise psycopg.Rollback
        if batch.records:
            await handler(connection, batch.records)
        reached = replace(position, next=batch.reached)
    return reached  # noqa: RET504 - Rollback leaves the block in silence
