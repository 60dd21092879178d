"""Records as processors use them: decoded, events unsealed with keys looked up a batch at a time, the unreadable parked by their place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import structlog

from hub import codec
from hub.envelope import Envelope, open_envelope, read_envelope
from hub.errors import RecordError
from hub.streams.records import Record
from hub.vault import Keyring

__all__ = ["KeyCache", "OpenedEvent", "decode_all", "open_events"]

_T = TypeVar("_T")
_log = structlog.get_logger()
_KEY_SECONDS = 30.0
"""How long a key may still be used after its erasure."""


@dataclass(frozen=True, slots=True)
class OpenedEvent:
    """An event, unsealed."""

    envelope: Envelope
    inside: dict[str, Any] = field(repr=False)


@dataclass(slots=True)
class KeyCache:
    """Unwrapped data keys by id, for 30 s."""

    keyring: Keyring
    _keys: dict[UUID, tuple[float, bytes]] = field(default_factory=dict, repr=False)

    async def fetch(self, connection: psycopg.AsyncConnection, key_ids: Iterable[UUID]) -> dict[UUID, bytes]:
        """The keys that still exist; an erased one is absent."""
        now = time.monotonic()
        found, missing = {}, []
        for key_id in set(key_ids):
            until, key = self._keys.get(key_id, (0.0, b""))
            if until > now:
                found[key_id] = key
            else:
                missing.append(key_id)
        if missing:
            rows = await (await connection.execute("SELECT key_id, wrapped, epoch FROM dek WHERE key_id = ANY(%s)", (missing,))).fetchall()
            for key_id, wrapped, epoch in rows:
                found[key_id] = self.keyring.unwrap(wrapped, key_id, epoch)
                self._keys[key_id] = (now + _KEY_SECONDS, found[key_id])
            for key_id in [key_id for key_id, (until, _) in self._keys.items() if until <= now]:
                del self._keys[key_id]
        return found


async def decode_all(
    connection: psycopg.AsyncConnection, records: Sequence[Record], decode: Callable[[Record], _T]
) -> list[tuple[Record, _T]]:
    """What `decode` makes of each record; those for which it raises `RecordError` are parked."""
    found = []
    for record in records:
        try:
            found.append((record, decode(record)))
        except RecordError as error:
            await _park(connection, record, error)
    return found


async def open_events(
    connection: psycopg.AsyncConnection, wire: codec.Wire, cache: KeyCache, records: Sequence[Record]
) -> list[OpenedEvent]:
    """The events that can be read. One whose key was erased is passed over: that is what erasure means."""
    envelopes = await decode_all(connection, records, lambda record: read_envelope(wire, record.value))
    keys = await cache.fetch(connection, (envelope.key_id for _, envelope in envelopes))
    opened = []
    for record, envelope in envelopes:
        if envelope.key_id in keys:
            try:
                opened.append(OpenedEvent(envelope, open_envelope(envelope, keys[envelope.key_id])))
            except RecordError as error:
                await _park(connection, record, error)
    return opened


async def _park(connection: psycopg.AsyncConnection, record: Record, error: RecordError) -> None:
    code = error.faults[0].code
    _log.warning("record_unreadable", topic=record.topic, partition=record.partition, offset=record.offset, code=code)
    await connection.execute(
        'INSERT INTO unreadable (topic, partition, "offset", code) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING',
        (record.topic, record.partition, record.offset, code),
    )
