"""The worker bench's side ``faust``: an agent as Faust's documentation writes it, an event at a time, each event's rows in a transaction of its own.

Consents and register changes are read beforehand, unmeasured: its rate is of events alone. Faust's own commits to Kafka keep the position.
Run as ``python -m ops.bench.plain_faust BUILD``.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any
from uuid import UUID

import faust
import psycopg
from faust.app.base import BootStrategy
from psycopg import sql

from hub import keys, topics
from hub.database import connect
from hub.envelope import open_envelope, read_envelope
from hub.settings import Settings, load
from hub.start import Hub, start
from ops.bench.bare_loop import read_control_topics
from ops.bench.begun import Begun
from ops.bench.timeline_sql import Knowledge, Opener, entry_row

_ENTRY = (
    "INSERT INTO entry (event_id, identity, decision_id, partner, source, category, fact_ref, action, target, key_id, schema_fingerprint, nonce, "
    "sealed, recorded_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_STATE = (
    "INSERT INTO basis_state (event_id, recipient, purpose, state, consent, valid_from, valid_until) VALUES (%s, %s, %s, %s, %s, %s, %s) "
    "ON CONFLICT DO NOTHING"
)


class _NoServers(BootStrategy):
    # `web_enabled=False` alone still opens a port on all interfaces.
    enable_web = False


class _App(faust.App):
    BootStrategy = _NoServers


def main() -> None:
    """Keep events until SIGTERM."""
    hub, build = start(load()), sys.argv[1]
    with connect(hub.settings, autocommit=True) as connection:
        connection.execute(sql.SQL("SET search_path TO {}, public").format(sql.Identifier(build)))
        opener = Opener(hub)
        knowledge = Knowledge(hub, opener)
        read_control_topics(hub, connection, knowledge)
        found = opener.fetch(connection, set())
        rows = connection.execute("SELECT key_id FROM dek").fetchall()
        found = dict(found) | dict(keys.keys_by_id(connection, hub.keyring, [key_id for (key_id,) in rows]))
    asyncio.run(_run(hub, build, knowledge, found))


async def _run(hub: Hub, build: str, knowledge: Knowledge, data_keys: dict[UUID, bytes]) -> None:
    settings = hub.settings
    begun = Begun()
    url = settings.database_url.get_secret_value()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(sql.SQL("SET search_path TO {}, public").format(sql.Identifier(build)))
        app = _app(settings, build)
        events = app.topic(
            settings.topic_prefix + topics.CLIENT_EVENTS.name, value_type=bytes, value_serializer="raw", key_serializer="raw"
        )

        @app.agent(events)
        async def keep(stream: faust.StreamT[Any]) -> None:
            async for value in stream:
                begun.note()
                envelope = read_envelope(hub.wire, value)
                inside = open_envelope(envelope, data_keys[envelope.key_id])
                async with connection.transaction(), connection.cursor() as cursor:
                    await cursor.execute(_ENTRY, entry_row(envelope, inside))
                    await cursor.executemany(_STATE, knowledge.states(envelope, inside))

        stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
        await app.start()
        await stopping.wait()
        await app.stop()


def _app(settings: Settings, build: str) -> faust.App:
    credentials = None
    if settings.kafka_username is not None and settings.kafka_password is not None:
        credentials = faust.SASLCredentials(
            username=settings.kafka_username, password=settings.kafka_password.get_secret_value(), mechanism="SCRAM-SHA-512"
        )
    return _App(
        f"{settings.topic_prefix}faust-{build}",
        broker=[f"kafka://{address}" for address in settings.kafka_bootstrap.split(",")],
        broker_credentials=credentials,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        datadir=f"{settings.home}/faust-{build}",
    )


if __name__ == "__main__":
    main()
