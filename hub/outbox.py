"""The outbox: what starts in PostgreSQL is written here in the same transaction, and a fenced relay publishes it afterwards.

A row is published under the stable id inside its value, and is given a change number only once Kafka has it: a relay killed in between
publishes it again, and consumers drop the repeat. (A `bigserial` as cursor would skip rows that commit late; the number is given to committed
rows. Nor does it come from a sequence, where a relay that is killed while it numbers would leave a gap.)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from hub.database import Connection, connect, lock_number, reaching_database
from hub.errors import FatalError, TransientError
from hub.publisher import DurableProducer, Message
from hub.settings import Settings
from hub.topics import Topic

__all__ = ["Relay", "put", "run_relay"]

_log = structlog.get_logger()
_BATCH = 500
_IDLE_SECONDS = 5.0
_HOUSEKEEPING_SECONDS = 3600.0
_LEADER = lock_number(b"relay")


def put(connection: Connection, topic: Topic, messages: Sequence[tuple[bytes, bytes]]) -> None:
    """Have these (key, value) pairs published, in their order, once the caller's transaction has committed."""
    connection.execute(
        "INSERT INTO outbox (topic, key, value) SELECT %s, new.key, new.value FROM unnest(%s::bytea[], %s::bytea[]) AS new (key, value)",
        (topic.name, [key for key, _ in messages], [value for _, value in messages]),
    )
    connection.execute("NOTIFY outbox")


@dataclass(slots=True)
class Relay:
    """The one relay that may publish: holds a session lock, and an epoch that ends it when another takes over."""

    connection: Connection
    """In autocommit mode."""
    producer: DurableProducer
    prefix: str
    epoch: int = 0

    def take_over(self) -> bool:
        """Become the relay, unless another one is alive."""
        if not self.connection.execute("SELECT pg_try_advisory_lock(%s)", (_LEADER,)).fetchall()[0][0]:
            return False
        self.epoch = self.connection.execute("UPDATE relay SET epoch = epoch + 1 RETURNING epoch").fetchall()[0][0]
        return True

    def relay_batch(self) -> int:
        """Publish up to 500 waiting rows, oldest first, and number them. Returns how many. Raises `FatalError` when another relay took over."""
        rows = self.connection.execute(
            "SELECT id, topic, key, value FROM outbox WHERE change_no IS NULL ORDER BY id LIMIT %s", (_BATCH,)
        ).fetchall()
        self.producer.publish([Message(self.prefix + topic, key, value) for _, topic, key, value in rows])
        with self.connection.transaction():
            if not self.connection.execute("SELECT FROM relay WHERE epoch = %s FOR UPDATE", (self.epoch,)).fetchall():
                raise FatalError("another relay has taken over")
            self.connection.execute(
                "UPDATE outbox SET change_no = numbered.no FROM ("
                "SELECT id, coalesce((SELECT max(change_no) FROM outbox), 0) + row_number() OVER (ORDER BY id) AS no "
                "FROM unnest(%s::bigint[]) AS ids (id)"
                ") AS numbered WHERE outbox.id = numbered.id AND change_no IS NULL",
                ([row[0] for row in rows],),
            )
        return len(rows)


def run_relay(settings: Settings, stopping: threading.Event, ready: Callable[[], None], keep_house: Callable[[], None]) -> None:
    """Publish what waits in the outbox until `stopping` is set; goes on by itself after faults of PostgreSQL or Kafka.

    There is one active relay, so it also does what must be done once an hour in all.
    """
    while not stopping.is_set():
        try:
            with connect(settings, autocommit=True) as connection, DurableProducer(settings) as producer, reaching_database():
                relay = Relay(connection, producer, settings.topic_prefix)
                while not relay.take_over():
                    ready()
                    if stopping.wait(1.0):
                        return
                connection.execute("LISTEN outbox")
                ready()
                kept = time.monotonic()
                while not stopping.is_set():
                    if time.monotonic() > kept:
                        keep_house()
                        kept = time.monotonic() + _HOUSEKEEPING_SECONDS
                    count = relay.relay_batch()
                    if count:
                        _log.info("outbox_relayed", count=count)
                    else:
                        _wait(connection, stopping)
        except TransientError as error:
            _log.warning("relay_waits", error=str(error), retry_after=error.retry_after)
            stopping.wait(error.retry_after)


def _wait(connection: Connection, stopping: threading.Event) -> None:
    # Short waits: the generator can't be woken by `stopping`.
    for _ in range(int(_IDLE_SECONDS / 0.25)):
        if stopping.is_set() or list(connection.notifies(timeout=0.25, stop_after=1)):
            return
