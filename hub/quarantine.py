"""Quarantine: what could not be read at all is kept sealed, under a key of its own that dies after 30 days, for people to look into."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from hub import codec, outbox, topics
from hub.database import Connection
from hub.errors import FatalError, Fault, RecordError
from hub.publisher import read_all
from hub.settings import Settings
from hub.vault import Keyring, Sealed, seal, unseal

__all__ = ["LARGEST", "Kept", "destroy_expired_keys", "destroy_key", "kept", "quarantine", "reopen"]

LARGEST = 900_000
"""Bytes. What is larger is not kept: its sender has it, and the error list says why it was refused."""
_KEPT = timedelta(days=30)
_FORM = codec.schema(topics.QUARANTINE.schema)


def quarantine(
    connection: Connection,
    keyring: Keyring,
    wire: codec.Wire,
    *,
    source: str,
    delivery_id: UUID,
    body: bytes,
    faults: Sequence[Fault],
    at: datetime,
) -> None:
    """Keep these bytes, in the caller's transaction; a repeat for the same delivery changes nothing."""
    if len(body) > LARGEST:
        return
    quarantine_id = keyring.stable_id("quarantine", delivery_id.bytes)
    key = keyring.new_data_key()
    made = connection.execute(
        "INSERT INTO quarantine_key (quarantine_id, wrapped, epoch, expires_at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (quarantine_id, keyring.wrap(key, quarantine_id), keyring.epoch, at + _KEPT),
    )
    if made.rowcount == 0:
        return
    sealed = seal(key, body, _bound_to(quarantine_id))
    value = {
        "quarantine_id": quarantine_id,
        "source": source,
        "delivery_id": delivery_id,
        "faults": [{"pointer": fault.pointer, "code": fault.code} for fault in faults],
        "received_at": at,
        "nonce": sealed.nonce,
        "sealed": sealed.ciphertext,
    }
    outbox.put(connection, topics.QUARANTINE, [(quarantine_id.bytes, wire.encode(_FORM, value))])


@dataclass(frozen=True, slots=True)
class Kept:
    """Something in quarantine whose key still exists."""

    quarantine_id: UUID
    source: str
    faults: tuple[tuple[str, str], ...]
    """Pointer and reason code."""
    received_at: datetime
    sealed: Sealed


def kept(connection: Connection, settings: Settings, wire: codec.Wire) -> list[Kept]:
    """What can still be opened, oldest first. Reads the topic from its start."""
    alive = {row[0] for row in connection.execute("SELECT quarantine_id FROM quarantine_key").fetchall()}
    found = {}
    for _, value in read_all(settings, settings.topic_prefix + topics.QUARANTINE.name):
        with suppress(RecordError):
            one = wire.decode(_FORM, value)
            if one["quarantine_id"] in alive:
                faults = tuple((fault["pointer"], fault["code"]) for fault in one["faults"])
                sealed = Sealed(one["nonce"], one["sealed"])
                found[one["quarantine_id"]] = Kept(one["quarantine_id"], one["source"], faults, one["received_at"], sealed)
    return sorted(found.values(), key=lambda one: one.received_at)


def reopen(connection: Connection, keyring: Keyring, one: Kept) -> bytes:
    """The bytes as they were received. Raises `RecordError` when they don't open, `FatalError` when the key is gone."""
    row = connection.execute("SELECT wrapped, epoch FROM quarantine_key WHERE quarantine_id = %s", (one.quarantine_id,)).fetchone()
    if row is None:
        raise FatalError(f"{one.quarantine_id} was replayed before, or its 30 days are over")
    return unseal(keyring.unwrap(row[0], one.quarantine_id, row[1]), one.sealed, _bound_to(one.quarantine_id))


def destroy_key(connection: Connection, quarantine_id: UUID) -> None:
    """Make it unreadable for ever, in the caller's transaction."""
    connection.execute("DELETE FROM quarantine_key WHERE quarantine_id = %s", (quarantine_id,))


def _bound_to(quarantine_id: UUID) -> tuple[bytes, ...]:
    return (topics.QUARANTINE.name.encode(), quarantine_id.bytes)


def destroy_expired_keys(connection: Connection, now: datetime) -> int:
    """Delete the keys whose time is over. Returns how many."""
    return connection.execute("DELETE FROM quarantine_key WHERE expires_at < %s", (now,)).rowcount
