"""The worker bench's end state as the rivals write it: the timeline's own tables and the same statements, without what makes order irrelevant.

They read consents and register changes to their end before the first event, and keep them in memory; so an entry is judged once, nothing is locked,
and only one process may run. Silta's worker takes the topics in any order, on any number of processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from consent.model import BasisState, ConsentRecord, Network, Request
from consent.networks import network_from_json
from consent.records import from_text
from consent.rules import basis_state
from hub import codec, keys, topics
from hub.consent_change import open_record
from hub.database import Connection
from hub.envelope import Envelope, open_envelope, read_envelope
from hub.start import Hub

__all__ = ["ENTRY", "STATE", "Knowledge", "Opener", "columns", "entry_row"]

_REGISTER = codec.schema(topics.REGISTER_CHANGES.schema)
_CONSENT = codec.schema(topics.CONSENT_CHANGES.schema)

ENTRY = (
    "INSERT INTO entry (event_id, identity, decision_id, partner, source, category, fact_ref, action, target, key_id, schema_fingerprint, nonce, "
    "sealed, recorded_at) SELECT * FROM unnest(%b::bytea[], %b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::text[], "
    "%b::bytea[], %b::uuid[], %b::bytea[], %b::bytea[], %b::bytea[], %b::timestamptz[]) ON CONFLICT DO NOTHING"
)
STATE = (
    "INSERT INTO basis_state (event_id, recipient, purpose, state, consent, valid_from, valid_until) SELECT * FROM unnest(%b::bytea[], %b::text[], "
    "%b::text[], %b::text[], %b::bytea[], %b::timestamptz[], %b::timestamptz[]) ON CONFLICT DO NOTHING"
)


def columns(rows: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    """Rows as the arrays that `unnest` takes."""
    return tuple(list(column) for column in zip(*rows, strict=True))


def entry_row(envelope: Envelope, inside: dict[str, Any]) -> tuple[Any, ...]:
    """An event as a row of `entry`."""
    return (
        envelope.event_id,
        envelope.identity_id,
        envelope.decision_id,
        inside["partner"],
        inside["source"],
        inside["category"],
        inside["fact_ref"],
        inside["action"],
        inside["target_event"],
        envelope.key_id,
        envelope.schema_fingerprint,
        envelope.sealed.nonce,
        envelope.sealed.ciphertext,
        envelope.recorded_at,
    )


@dataclass(slots=True)
class Opener:
    """Unseals events; a key is looked up once."""

    hub: Hub
    _keys: dict[UUID, bytes] = field(default_factory=dict, repr=False)

    def open(self, connection: Connection, values: Iterable[bytes | None]) -> list[tuple[Envelope, dict[str, Any]]]:
        envelopes = [read_envelope(self.hub.wire, value) for value in values]
        self.fetch(connection, {envelope.key_id for envelope in envelopes})
        return [(envelope, open_envelope(envelope, self._keys[envelope.key_id])) for envelope in envelopes]

    def fetch(self, connection: Connection, key_ids: set[UUID]) -> dict[UUID, bytes]:
        """All keys so far, these included."""
        if missing := key_ids - self._keys.keys():
            self._keys.update(keys.keys_by_id(connection, self.hub.keyring, missing))
        return self._keys


@dataclass(slots=True)
class Knowledge:
    """Clients, consents and rules, complete before the first entry is judged."""

    hub: Hub
    opener: Opener
    _clients: dict[UUID, UUID] = field(default_factory=dict)
    _consents: dict[UUID, list[ConsentRecord]] = field(default_factory=dict)
    _network: Network | None = None
    _answers: dict[tuple[str, str, UUID], list[tuple[str, str, BasisState]]] = field(default_factory=dict)

    def add_register(self, connection: Connection, values: Iterable[bytes | None]) -> None:
        """Register changes: to the tables and to memory."""
        changes = [self.hub.wire.decode(_REGISTER, value) for value in values]
        connection.execute(
            "INSERT INTO subject (identity, client, version) SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::bigint[])",
            columns([(change["identity_id"], change["client_id"], change["version"]) for change in changes]),
        )
        connection.execute(
            "INSERT INTO client (id) SELECT DISTINCT * FROM unnest(%b::uuid[]) ON CONFLICT DO NOTHING",
            ([change["client_id"] for change in changes],),
        )
        self._clients.update((change["identity_id"], change["client_id"]) for change in changes)

    def add_consents(self, connection: Connection, values: Iterable[bytes | None]) -> None:
        """Consent changes, the network's rules among them."""
        changes = [(change["recorded_at"], change["change"]) for change in (self.hub.wire.decode(_CONSENT, value) for value in values)]
        sealed = [change for _, change in changes if "sealed" in change]
        found = self.opener.fetch(connection, {change["key_id"] for change in sealed})
        rows = []
        for change in sealed:
            text = open_record(change, found[change["key_id"]])
            self._consents.setdefault(change["identity_id"], []).append(from_text(text))
            rows.append((change["consent_id"], change["version"], change["identity_id"], text, change["record_hash"]))
        if rows:
            connection.execute(
                "INSERT INTO consent (consent_id, version, subject, record, hash) SELECT * FROM "
                "unnest(%b::uuid[], %b::int[], %b::uuid[], %b::text[], %b::bytea[])",
                columns(rows),
            )
        for at, change in changes:
            if "network" in change:
                self._network = network_from_json(change["content"])
                connection.execute(
                    "INSERT INTO network (version, network, content, recorded_at) VALUES (%s, %s, %s, %s)",
                    (change["version"], change["network"], change["content"], at),
                )

    def states(self, envelope: Envelope, inside: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Rows of `basis_state` for an entry. The bench's clients have one identity each."""
        assert self._network is not None
        key = (inside["partner"], inside["category"], envelope.identity_id)
        if key not in self._answers:
            consents = self._consents.get(envelope.identity_id, ())
            self._answers[key] = [
                (recipient, purpose, basis_state(Request(key[0], recipient, key[1], purpose), self._network, consents))
                for recipient, purpose in self._network.pairs.get(key[:2], ())
            ]
        return [
            (envelope.event_id, recipient, purpose, state.state.value, state.consent, state.valid_from, state.valid_until)
            for recipient, purpose, state in self._answers[key]
        ]
