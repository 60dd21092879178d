"""The worker bench's side ``bare``: one confluent-kafka consume loop, read committed, up to 5,000 records a batch, a PostgreSQL transaction each.

Records, key look-ups, rules and statements are the same as Silta's; see `ops.bench.timeline_sql` for what it leaves out. The positions move in the
batch's transaction. Run as ``python -m ops.bench.bare_loop BUILD``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing

from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from hub import topics
from hub.database import Connection, connect
from hub.publisher.client import connection as kafka_options
from hub.settings import Settings, load
from hub.start import Hub, start
from ops.bench.begun import Begun
from ops.bench.timeline_sql import ENTRY, STATE, Knowledge, Opener, columns, entry_row

__all__ = ["read_control_topics"]

_BATCH = 5_000
Write = Callable[[Sequence[bytes | None]], None]


def main() -> None:
    """Bring the build to the topics' present ends, and return."""
    hub = start(load())
    begun = Begun()
    with connect(hub.settings, autocommit=True) as connection, closing(_consumer(hub.settings)) as consumer:
        connection.execute(sql.SQL("SET search_path TO {}, public").format(sql.Identifier(sys.argv[1])))
        opener = Opener(hub)
        knowledge = Knowledge(hub, opener)

        def keep(values: Iterable[bytes | None]) -> None:
            opened = opener.open(connection, values)
            connection.execute(ENTRY, columns([entry_row(*event) for event in opened]))
            connection.execute(STATE, columns([row for event in opened for row in knowledge.states(*event)]))

        _read_control_topics(hub, connection, consumer, knowledge, begun)
        _follow(hub.settings.topic_prefix + topics.CLIENT_EVENTS.name, connection, consumer, keep, begun)


def read_control_topics(hub: Hub, connection: Connection, knowledge: Knowledge) -> None:
    """All register and consent changes so far, into tables and memory."""
    with closing(_consumer(hub.settings)) as consumer:
        _read_control_topics(hub, connection, consumer, knowledge, Begun(noted=True))


def _read_control_topics(hub: Hub, connection: Connection, consumer: Consumer, knowledge: Knowledge, begun: Begun) -> None:
    prefix = hub.settings.topic_prefix
    _follow(prefix + topics.REGISTER_CHANGES.name, connection, consumer, lambda values: knowledge.add_register(connection, values), begun)
    _follow(prefix + topics.CONSENT_CHANGES.name, connection, consumer, lambda values: knowledge.add_consents(connection, values), begun)


def _consumer(settings: Settings) -> Consumer:
    options = {"group.id": "unused", "enable.auto.commit": False, "isolation.level": "read_committed", "auto.offset.reset": "earliest"}
    return Consumer(kafka_options(settings) | options | {"enable.partition.eof": True, "fetch.wait.max.ms": 50})


def _follow(topic: str, connection: Connection, consumer: Consumer, write: Write, begun: Begun) -> None:
    numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    places = [TopicPartition(topic, number, 0) for number in numbers]
    ends = {place.partition: consumer.get_watermark_offsets(place, timeout=10)[1] for place in places}
    consumer.assign(places)
    reached = dict.fromkeys(numbers, 0)
    while any(reached[number] < ends[number] for number in numbers):
        values = [message.value() for message in consumer.consume(_BATCH, 0.05) if message.error() is None]
        moved = {place.partition: max(place.offset, 0) for place in consumer.position(places)}
        if values or moved != reached:
            begun.note()
            with connection.transaction():
                if values:
                    write(values)
                _move(connection, topic, moved)
            reached = moved


def _move(connection: Connection, topic: str, reached: dict[int, int]) -> None:
    connection.execute(
        "INSERT INTO position (processor, topic, partition, next, owner_epoch) SELECT 'timeline', %s, new.partition, new.next, 1 "
        "FROM unnest(%b::int[], %b::bigint[]) AS new (partition, next) "
        "ON CONFLICT (processor, topic, partition) DO UPDATE SET next = excluded.next",
        (topic, list(reached), list(reached.values())),
    )


if __name__ == "__main__":
    main()
