"""Rebuilding: the topics are replayed into tables of their own, and take the live ones' place if the two are found equal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from psycopg import sql

from hub.database import Connection, connect, reaching_database
from hub.start import Hub
from hub.streams.processors import PROCESSOR, handlers
from hub.streams.records import TP
from hub.streams.replay import replay
from hub.timeline.builds import activate_build, active_build, create_build, drop_build, other_builds
from hub.timeline.digest import digest_of

__all__ = ["Rebuilt", "rebuild"]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild came to: equal digests, and the new build is active."""

    build: str
    records: int
    seconds: float
    before: str
    after: str


def rebuild(hub: Hub, progress: Callable[[str], None]) -> Rebuilt:
    """Replay beside the running workers, then hold them for the last few records, compare, and swap if both digests are equal.

    The build before stays until the next rebuild.
    """
    began = time.monotonic()
    with reaching_database(), connect(hub.settings) as connection:
        live = active_build(connection)
        for left in other_builds(connection):
            drop_build(connection, left)
        build = f"build_{int(live.removeprefix('build_')) + 1}"
        create_build(connection, build)
        connection.commit()
        progress(f"replaying into {build} …")
        records = _replay(hub, connection, live, build)
        connection.commit()
        progress(f"{records} records replayed; holding the workers for what came since …")
        # Their batches wait at the positions' rows, and find another build active when they go on.
        connection.execute(sql.SQL("SELECT FROM {}.position FOR UPDATE").format(sql.Identifier(live)))
        records += _replay(hub, connection, live, build)
        before, after = digest_of(connection, hub.keyring, live), digest_of(connection, hub.keyring, build)
        if before == after:
            activate_build(connection, build)
    return Rebuilt(build, records, time.monotonic() - began, before, after)


def _replay(hub: Hub, connection: Connection, live: str, build: str) -> int:
    """Bring the new build to where the live one stands."""
    rows = connection.execute(
        sql.SQL("SELECT topic, partition, next FROM {}.position WHERE processor = %s").format(sql.Identifier(live)), (PROCESSOR,)
    ).fetchall()
    until = {TP(topic, partition): reached for topic, partition, reached in rows}
    followed = handlers(hub)
    return asyncio.run(
        replay(hub.settings, {tp.topic: followed[tp.topic] for tp in until}, build=build, until=until, processor=PROCESSOR)
    ).records
