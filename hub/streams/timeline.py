"""The timeline processor: events, consent changes and register changes become entries and what each of them rests on.

What stands in the tables is a function of the *set* of records: repeats are dropped by id, and nothing depends on the order in which topics or
partitions arrive. Whoever folds something of a person first locks the identity, then its client, so that of two transactions that bring two
halves of something, the later one sees both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import psycopg

from consent.errors import ConsentError
from consent.model import BasisState, ConsentRecord, Network, Request
from consent.networks import network_from_json
from hub import codec, topics
from hub.consent_change import open_record, read_record
from hub.errors import Fault, RecordError
from hub.streams.opening import KeyCache, OpenedEvent, decode_all, open_events
from hub.streams.records import Record

__all__ = ["JudgeBasis", "Timeline"]

_CONSENT = codec.schema(topics.CONSENT_CHANGES.schema)
_REGISTER = codec.schema(topics.REGISTER_CHANGES.schema)
_NETWORK_LOCK = 0x511A01


class JudgeBasis(Protocol):
    """The second gate, `consent.rules.basis_state`: passed in, so that a test can put a permit in its place."""

    def __call__(self, request: Request, network: Network, consents: Sequence[ConsentRecord], /) -> BasisState: ...


@dataclass(slots=True)
class Timeline:
    """Handlers of three topics, all writing the same build."""

    wire: codec.Wire
    keys: KeyCache
    judge: JudgeBasis
    _networks: dict[str, Network] = field(default_factory=dict, repr=False)

    async def fold_events(self, connection: psycopg.AsyncConnection, records: Sequence[Record]) -> None:
        """Handler of client-events."""
        await connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_NETWORK_LOCK,))
        events = await open_events(connection, self.wire, self.keys, records)
        fresh = await _insert_entries(connection, events)
        await _lock(connection, {event.envelope.identity_id for event in events})
        await self._judge_entries(connection, fresh)

    async def fold_consents(self, connection: psycopg.AsyncConnection, records: Sequence[Record]) -> None:
        """Handler of consent-changes: consent records and versions of the network's rules."""
        changes = await decode_all(connection, records, self._decode_consent_change)
        networks = [change for _, change in changes if "network" in change["change"]]
        sealed = [(record, change["change"]) for record, change in changes if "sealed" in change["change"]]
        await connection.execute(
            f"SELECT pg_advisory_xact_lock{'' if networks else '_shared'}(%s)",
            (_NETWORK_LOCK,),
        )
        before = await self._network(connection)
        for change in networks:
            await _insert_network(connection, change)
        await self._insert_consents(connection, sealed)
        await _lock(connection, {change["identity_id"] for _, change in sealed})
        after = await self._network(connection)
        if after is not None and (before is None or after.version != before.version):
            await self._judge_everything(connection)
        else:
            await self._judge_people(connection, {change["identity_id"] for _, change in sealed})

    async def fold_register(self, connection: psycopg.AsyncConnection, records: Sequence[Record]) -> None:
        """Handler of register-changes: who is whom."""
        await connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_NETWORK_LOCK,))
        changes = [change for _, change in await decode_all(connection, records, lambda record: self.wire.decode(_REGISTER, record.value))]
        touched = {change["identity_id"] for change in changes}
        await _lock_identities(connection, touched)
        await connection.execute(
            "UPDATE subject SET client = new.client, version = new.version "
            "FROM (SELECT DISTINCT ON (identity) * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS new (identity, client, version) "
            "ORDER BY identity, version DESC) AS new WHERE subject.identity = new.identity AND subject.version < new.version",
            (
                [change["identity_id"] for change in changes],
                [change["client_id"] for change in changes],
                [change["version"] for change in changes],
            ),
        )
        await _lock_clients(connection, touched)
        await self._judge_people(connection, touched)

    def _decode_consent_change(self, record: Record) -> dict[str, Any]:
        change = self.wire.decode(_CONSENT, record.value)
        if "network" in change["change"]:
            try:
                network_from_json(change["change"]["content"])
            except (ValueError, ConsentError):
                raise RecordError(Fault("/change/content", "unreadable_network", "announce the network again")) from None
        return change

    async def _network(self, connection: psycopg.AsyncConnection) -> Network | None:
        """The rules in force: the newest version that was announced."""
        row = await (await connection.execute("SELECT version FROM network ORDER BY recorded_at DESC, version DESC LIMIT 1")).fetchone()
        if row is None:
            return None
        if row[0] not in self._networks:
            content = await (await connection.execute("SELECT content FROM network WHERE version = %s", (row[0],))).fetchone()
            assert content is not None
            self._networks[row[0]] = network_from_json(content[0])
        return self._networks[row[0]]

    async def _insert_consents(self, connection: psycopg.AsyncConnection, changes: Sequence[tuple[Record, dict[str, Any]]]) -> None:
        keys = await self.keys.fetch(connection, (change["key_id"] for _, change in changes))
        places = {(record.partition, record.offset): change for record, change in changes if change["key_id"] in keys}

        def unsealed(record: Record) -> tuple[dict[str, Any], str]:
            change = places[record.partition, record.offset]
            return change, open_record(change, keys[change["key_id"]])

        readable = [record for record, _ in changes if (record.partition, record.offset) in places]
        rows = [
            (change["consent_id"], change["version"], change["identity_id"], text, change["record_hash"])
            for _, (change, text) in await decode_all(connection, readable, unsealed)
        ]
        if rows:
            await connection.execute(
                "INSERT INTO consent (consent_id, version, subject, record, hash) SELECT * FROM "
                "unnest(%b::uuid[], %b::int[], %b::uuid[], %b::text[], %b::bytea[]) ON CONFLICT DO NOTHING",
                tuple(list(column) for column in zip(*rows, strict=True)),
            )

    async def _judge_people(self, connection: psycopg.AsyncConnection, identities: set[UUID]) -> None:
        """Judge every entry of these people anew: of all identities of their clients."""
        rows = await (
            await connection.execute(
                "SELECT event_id FROM entry WHERE identity = ANY(%(ids)s) OR identity IN "
                "(SELECT peer.identity FROM subject one JOIN subject peer ON peer.client = one.client WHERE one.identity = ANY(%(ids)s))",
                {"ids": list(identities)},
            )
        ).fetchall()
        await self._judge_again(connection, [event_id for (event_id,) in rows])

    async def _judge_everything(self, connection: psycopg.AsyncConnection) -> None:
        rows = await (await connection.execute("SELECT event_id FROM entry")).fetchall()
        await self._judge_again(connection, [event_id for (event_id,) in rows])

    async def _judge_again(self, connection: psycopg.AsyncConnection, event_ids: Sequence[bytes]) -> None:
        await connection.execute("DELETE FROM basis_state WHERE event_id = ANY(%b)", (list(event_ids),))
        await self._judge_entries(connection, event_ids)

    async def _judge_entries(self, connection: psycopg.AsyncConnection, event_ids: Sequence[bytes]) -> None:
        """The second gate: write what these entries, of which nothing is written, rest on, from the consent records so far."""
        network = await self._network(connection)
        if network is None or not event_ids:
            return
        rows = await (
            await connection.execute(
                "SELECT e.event_id, e.partner, e.category, e.identity, s.client FROM entry e JOIN subject s ON s.identity = e.identity "
                "WHERE e.event_id = ANY(%b) AND e.action <> 'retract'",
                (list(event_ids),),
                binary=True,
            )
        ).fetchall()
        consents = await _consents(connection, {identity for *_, identity, _ in rows}, {client for *_, client in rows if client})
        answers: dict[tuple[str, str, UUID], list[tuple[str, str, BasisState]]] = {}
        states = []
        for event_id, partner, category, identity, client in rows:
            owner = client or identity
            if (partner, category, owner) not in answers:
                records = consents.get(owner, ())
                answers[partner, category, owner] = [
                    (recipient, purpose, self.judge(Request(partner, recipient, category, purpose), network, records))
                    for recipient, purpose in network.pairs.get((partner, category), ())
                ]
            states += [(event_id, recipient, purpose, state) for recipient, purpose, state in answers[partner, category, owner]]
        await _insert_states(connection, states)


async def _insert_entries(connection: psycopg.AsyncConnection, events: Sequence[OpenedEvent]) -> list[bytes]:
    """Insert what is new; returns the ids of that."""
    rows = [
        (
            event.envelope.event_id,
            event.envelope.identity_id,
            event.envelope.decision_id,
            event.inside["partner"],
            event.inside["source"],
            event.inside["category"],
            event.inside["fact_ref"],
            event.inside["action"],
            event.inside["target_event"],
            event.envelope.key_id,
            event.envelope.schema_fingerprint,
            event.envelope.sealed.nonce,
            event.envelope.sealed.ciphertext,
            event.envelope.recorded_at,
        )
        for event in events
    ]
    if not rows:
        return []
    found = await connection.execute(
        "INSERT INTO entry (event_id, identity, decision_id, partner, source, category, fact_ref, action, target, key_id, schema_fingerprint, nonce, "
        "sealed, recorded_at) SELECT * FROM unnest(%b::bytea[], %b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::text[], "
        "%b::bytea[], %b::uuid[], %b::bytea[], %b::bytea[], %b::bytea[], %b::timestamptz[]) ON CONFLICT DO NOTHING RETURNING event_id",
        tuple(list(column) for column in zip(*rows, strict=True)),
        binary=True,
    )
    return [event_id for (event_id,) in await found.fetchall()]


async def _insert_network(connection: psycopg.AsyncConnection, change: dict[str, Any]) -> None:
    network = change["change"]
    await connection.execute(
        "INSERT INTO network (version, network, content, recorded_at) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (version) DO UPDATE SET recorded_at = greatest(network.recorded_at, excluded.recorded_at)",
        (network["version"], network["network"], network["content"], change["recorded_at"]),
    )


async def _consents(connection: psycopg.AsyncConnection, identities: set[UUID], clients: set[UUID]) -> dict[UUID, list[ConsentRecord]]:
    """Every consent record of these people, by client, and by identity where no client is known yet."""
    rows = await (
        await connection.execute(
            "SELECT coalesce(s.client, s.identity), c.record FROM consent c JOIN subject s ON s.identity = c.subject "
            "WHERE s.client = ANY(%s) OR (s.client IS NULL AND s.identity = ANY(%s))",
            (list(clients), list(identities)),
        )
    ).fetchall()
    found: dict[UUID, list[ConsentRecord]] = {}
    for owner, text in rows:
        found.setdefault(owner, []).append(read_record(text))
    return found


async def _insert_states(connection: psycopg.AsyncConnection, states: Sequence[tuple[bytes, str, str, BasisState]]) -> None:
    if not states:
        return
    rows = [
        (event_id, recipient, purpose, state.state.value, state.consent, state.valid_from, state.valid_until)
        for event_id, recipient, purpose, state in states
    ]
    await connection.execute(
        "INSERT INTO basis_state (event_id, recipient, purpose, state, consent, valid_from, valid_until) "
        "SELECT * FROM unnest(%b::bytea[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::timestamptz[], %b::timestamptz[])",
        tuple(list(column) for column in zip(*rows, strict=True)),
    )


async def _lock(connection: psycopg.AsyncConnection, identities: set[UUID]) -> None:
    await _lock_identities(connection, identities)
    await _lock_clients(connection, identities)


async def _lock_identities(connection: psycopg.AsyncConnection, identities: set[UUID]) -> None:
    ordered = sorted(identities)
    await connection.execute("INSERT INTO subject (identity) SELECT * FROM unnest(%s::uuid[]) ON CONFLICT DO NOTHING", (ordered,))
    await connection.execute("SELECT FROM subject WHERE identity = ANY(%s) ORDER BY identity FOR NO KEY UPDATE", (ordered,))


async def _lock_clients(connection: psycopg.AsyncConnection, identities: set[UUID]) -> None:
    rows = await (await connection.execute("SELECT DISTINCT client FROM subject WHERE identity = ANY(%s)", (list(identities),))).fetchall()
    clients = sorted(client for (client,) in rows if client is not None)
    await connection.execute("INSERT INTO client (id) SELECT * FROM unnest(%s::uuid[]) ON CONFLICT DO NOTHING", (clients,))
    await connection.execute("SELECT FROM client WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", (clients,))
