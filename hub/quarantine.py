"""Quarantine: what could not be read at all is kept sealed, under a key of its own that dies after 30 days, for people to look into."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from hub import codec, outbox, topics
from hub.database import Connection
from hub.errors import Fault
from hub.vault import Keyring, seal

__all__ = ["LARGEST", "destroy_expired_keys", "quarantine"]

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
    sealed = seal(key, body, (topics.QUARANTINE.name.encode(), quarantine_id.bytes))
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


def destroy_expired_keys(connection: Connection, now: datetime) -> int:
    """Delete the keys whose time is over. Returns how many."""
    return connection.execute("DELETE FROM quarantine_key WHERE expires_at < %s", (now,)).rowcount
