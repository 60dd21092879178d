"""Intake slots: one transactional producer each, held by a PostgreSQL session lock, fenced by an epoch, and recovered by whoever takes it over."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

import psycopg
import structlog

from hub import admitted, topics
from hub.codec import Wire
from hub.database import Connection, connect, lock_number, reaching_database
from hub.envelope import read_envelope
from hub.errors import FatalError, RecordError
from hub.publisher import Message, TransactionalProducer, committed_since, end_offsets
from hub.settings import Settings

__all__ = ["Slot", "recover_if_abandoned"]

_log = structlog.get_logger()
_OFFSETS_NOTED_SECONDS = 60.0
"""How far back recovery may have to read."""


class Slot:
    """The right to publish for a source under one transactional id, until closed or until the database connection is lost."""

    def __init__(self, settings: Settings, wire: Wire, source: str) -> None:
        """Take the lowest free slot of the source and settle what its last holder left open."""
        self._settings = settings
        self._wire = wire
        self.source = source
        self.records = 0
        """How many decisions this writer has published in its epoch: the next one's number."""
        self.low_offsets: dict[int, int] = {}
        """By partition of client-events: none of this slot's records to come stands before these."""
        self.connection: Connection = connect(settings)
        try:
            self.number = self._take()
            self._restart()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """The writer's name in decisions."""
        return f"intake-{self.source}-{self.number}"

    def close(self) -> None:
        """Give the slot back."""
        with suppress(psycopg.Error):
            self.connection.close()

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish in one transaction. Raises `UncertainError` for any failure; `settle` must follow."""
        self._producer.publish(messages)
        if time.monotonic() > self._offsets_noted + _OFFSETS_NOTED_SECONDS:
            self._note_offsets()

    def settle(self) -> None:
        """After an uncertain transaction: fence and abort it, then find out what took place, and free or finish its claims."""
        self.connection.rollback()
        self._restart()

    def check_epoch(self) -> None:
        """In the current transaction: raise `FatalError` if another process has taken the slot over."""
        held = self.connection.execute(
            "SELECT FROM slot WHERE source = %s AND slot = %s AND epoch = %s FOR SHARE", (self.source, self.number, self.epoch)
        ).fetchall()
        if not held:
            raise FatalError(f"{self.name} was taken over by another process")

    def _note_offsets(self) -> None:
        self.low_offsets = end_offsets(self._settings, self._settings.topic_prefix + topics.CLIENT_EVENTS.name)
        self._offsets_noted = time.monotonic()

    def _take(self) -> int:
        number = 0
        while True:
            if self.connection.execute("SELECT pg_try_advisory_lock(%s)", (_lock(self._settings, self.source, number),)).fetchall()[0][0]:
                self.connection.commit()
                return number
            number += 1

    def _restart(self) -> None:
        self.epoch: int = self.connection.execute(
            "INSERT INTO slot (source, slot, epoch) VALUES (%s, %s, 1) "
            "ON CONFLICT (source, slot) DO UPDATE SET epoch = slot.epoch + 1 RETURNING epoch",
            (self.source, self.number),
        ).fetchall()[0][0]
        self.connection.commit()
        self.records = 0
        self._producer = TransactionalProducer(self._settings, _transactional_id(self._settings, self.source, self.number))
        self._note_offsets()
        _recover(self._settings, self._wire, self.connection, self.source, self.number)


def recover_if_abandoned(settings: Settings, wire: Wire, source: str, number: int) -> bool:
    """Settle the claims of a slot whose holder is gone. False while the holder is alive."""
    with reaching_database(), connect(settings) as connection:
        if not connection.execute("SELECT pg_try_advisory_lock(%s)", (_lock(settings, source, number),)).fetchall()[0][0]:
            return False
        connection.execute("UPDATE slot SET epoch = epoch + 1 WHERE source = %s AND slot = %s", (source, number))
        connection.commit()
        TransactionalProducer(settings, _transactional_id(settings, source, number))
        _recover(settings, wire, connection, source, number)
        return True


def _recover(settings: Settings, wire: Wire, connection: Connection, source: str, number: int) -> None:
    """With the predecessor fenced: what was committed is finished, what was not is freed. The claims' ids are looked for in the topic itself."""
    waiting = admitted.open_batches(connection, source, number)
    connection.commit()
    for batch in waiting:
        published: set[bytes] = set()

        def note(
            _key: bytes | None, value: bytes | None, wanted: frozenset[bytes] = batch.event_ids, found: set[bytes] = published
        ) -> None:
            with suppress(RecordError):
                found.update(wanted & {read_envelope(wire, value).event_id})

        committed_since(settings, settings.topic_prefix + topics.CLIENT_EVENTS.name, batch.low_offsets, note)
        # One transaction: all of its records are there, or none.
        if published == batch.event_ids:
            admitted.settle_batch(connection, batch.id)
        else:
            admitted.free_batch(connection, batch.id)
        connection.commit()
        _log.info("batch_recovered", source=source, slot=number, events=len(batch.event_ids), published=published == batch.event_ids)


def _transactional_id(settings: Settings, source: str, number: int) -> str:
    return f"{settings.topic_prefix}intake-{source}-{number}"


def _lock(settings: Settings, source: str, number: int) -> int:
    return lock_number(b"slot", settings.topic_prefix.encode(), source.encode(), str(number).encode())
