"""Data keys in PostgreSQL: one per (identity, class), wrapped, made when first needed, and looked up many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from hub.database import Connection
from hub.vault import KeyClass, Keyring

__all__ = ["DataKey", "ensure_keys", "keys_by_id"]


@dataclass(frozen=True, slots=True)
class DataKey:
    """A data key, unwrapped."""

    key_id: UUID
    key: bytes = field(repr=False)


def ensure_keys(connection: Connection, keyring: Keyring, wanted: Iterable[tuple[UUID, KeyClass]]) -> dict[tuple[UUID, KeyClass], DataKey]:
    """The key of each (identity, class), made where there is none yet. Part of the caller's transaction.

    Inserts are sorted, so that parallel callers wait for each other instead of ending in a deadlock.
    """
    pairs = sorted(set(wanted), key=lambda pair: (pair[0].bytes, pair[1]))
    found = _select(connection, keyring, pairs)
    missing = [pair for pair in pairs if pair not in found]
    if missing:
        rows = [(identity, key_class, uuid4()) for identity, key_class in missing]
        connection.execute(
            "INSERT INTO dek (identity, class, key_id, wrapped, epoch) "
            "SELECT * FROM unnest(%b::uuid[], %b::text[], %b::uuid[], %b::bytea[], %b::int[]) ON CONFLICT (identity, class) DO NOTHING",
            (
                [identity for identity, _, _ in rows],
                [key_class.value for _, key_class, _ in rows],
                [key_id for _, _, key_id in rows],
                [keyring.wrap(keyring.new_data_key(), key_id) for _, _, key_id in rows],
                [keyring.epoch] * len(rows),
            ),
        )
        found |= _select(connection, keyring, missing)
    return found


def keys_by_id(connection: Connection, keyring: Keyring, key_ids: Iterable[UUID]) -> Mapping[UUID, bytes]:
    """The keys that still exist; an erased one is absent."""
    rows = connection.execute("SELECT key_id, wrapped, epoch FROM dek WHERE key_id = ANY(%s)", (list(set(key_ids)),)).fetchall()
    return {key_id: keyring.unwrap(wrapped, key_id, epoch) for key_id, wrapped, epoch in rows}


def _select(connection: Connection, keyring: Keyring, pairs: list[tuple[UUID, KeyClass]]) -> dict[tuple[UUID, KeyClass], DataKey]:
    rows = connection.execute(
        "SELECT identity, class, key_id, wrapped, epoch FROM dek "
        "JOIN unnest(%b::uuid[], %b::text[]) AS wanted (identity, class) USING (identity, class)",
        ([identity for identity, _ in pairs], [key_class.value for _, key_class in pairs]),
    ).fetchall()
    return {
        (identity, KeyClass(name)): DataKey(key_id, keyring.unwrap(wrapped, key_id, epoch))
        for identity, name, key_id, wrapped, epoch in rows
    }
