"""The timeline's digest: two builds, or two runs under the same keys, hold the same timeline when their digests are equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from psycopg import sql

from hub import codec, keys
from hub.database import Connection, connect, reaching_database
from hub.envelope import open_envelope
from hub.settings import Settings
from hub.timeline.builds import active_build
from hub.timeline.store import live_entries
from hub.vault import Keyring, load_keyring

__all__ = ["digest", "digest_of"]


def digest(settings: Settings) -> str:
    """The active build's digest."""
    with reaching_database(), connect(settings) as connection:
        return digest_of(connection, load_keyring(settings.keys), active_build(connection))


def digest_of(connection: Connection, keyring: Keyring, build: str) -> str:
    """SHA-256 (hex) over the sorted canonical JSON lines of the live entries: client, source, fact, category, action, times, payload, bases.

    Random ids, nonces, record hashes and times of recording are left out. An entry whose key was erased is no live entry.
    """
    lines = sorted(
        json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")) for value in _values(connection, keyring, build)
    )
    total = hashlib.sha256()
    for line in lines:
        total.update(line.encode() + b"\n")
    return total.hexdigest()


def _values(connection: Connection, keyring: Keyring, build: str) -> Iterator[dict[str, Any]]:
    entries = live_entries(connection, build)
    data_keys = keys.keys_by_id(connection, keyring, {entry.envelope.key_id for entry, _, _ in entries})
    labels = _client_labels(connection, build)
    bases = _bases(connection, build)
    for entry, identity, fact_ref in entries:
        key = data_keys.get(entry.envelope.key_id)
        if key is None:
            continue
        inside = open_envelope(entry.envelope, key)
        form = codec.by_fingerprint(inside["payload_fingerprint"])
        yield {
            "client": labels.get(identity, ""),
            "source": entry.source,
            "fact": bytes(fact_ref).hex(),
            "category": entry.category,
            "type": inside["type"],
            "from": str(inside["occurred_from"]),
            "until": str(inside["occurred_until"]),
            "payload": {name: str(value) for name, value in codec.decode(form, inside["payload"]).items()},
            "bases": bases.get(entry.envelope.event_id, []),
        }


def _client_labels(connection: Connection, build: str) -> dict[UUID, str]:
    """For each identity, the smallest identifier HMAC of its client."""
    rows = connection.execute(
        sql.SQL(
            "SELECT s.identity, min(encode(i.hmac, 'hex')) OVER (PARTITION BY coalesce(s.client, s.identity)) "
            "FROM {}.subject s JOIN identifier i ON i.identity = s.identity"
        ).format(sql.Identifier(build))
    ).fetchall()
    return dict(rows)


def _bases(connection: Connection, build: str) -> dict[bytes, list[list[str]]]:
    rows = connection.execute(
        sql.SQL("SELECT event_id, recipient, purpose, state, valid_until FROM {}.basis_state ORDER BY event_id, recipient, purpose").format(
            sql.Identifier(build)
        )
    ).fetchall()
    found: dict[bytes, list[list[str]]] = {}
    for event_id, *basis, until in rows:
        found.setdefault(bytes(event_id), []).append([*basis, str(until)])
    return found
