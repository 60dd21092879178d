"""The third gate: what a partner is shown of a client, decided at this moment, under the client's lock, and on record before it leaves.

One straight line: lock, decide again, unseal, record the read, answer. The lock is the transaction's, and the caller ends it once the last byte was
handed over; a withdrawal waits for that.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from consent import store as consent_store
from consent.model import ConsentRecord, Decision, Network, Request
from hub import codec, keys, topics
from hub.database import Connection
from hub.delivery.lookup import find_client
from hub.drafts import Identifier
from hub.envelope import open_envelope
from hub.locks import lock_shared
from hub.publisher import DurableProducer, Message
from hub.register.store import Register
from hub.start import Hub
from hub.timeline.store import Candidate, candidates

__all__ = ["Answer", "Decide", "Entry", "Gate"]

_READ = codec.schema(topics.READS.schema)


class Decide(Protocol):
    """The third gate's rule, `consent.rules.decide`: passed in, so that a test can put a permit in its place."""

    def __call__(self, request: Request, network: Network, consents: Sequence[ConsentRecord], at: datetime, /) -> Decision: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the timeline as a partner is shown it."""

    event_id: bytes
    partner: str
    source: str
    type: str
    category: str
    action: str
    occurred_from: datetime | None
    occurred_until: datetime | None
    recorded_at: datetime
    payload: dict[str, Any] = field(repr=False)
    decision: Decision


@dataclass(frozen=True, slots=True)
class Answer:
    """What is shown, and the id of the read on record."""

    read_id: UUID
    entries: list[Entry]


@dataclass(slots=True)
class Gate:
    """Answers partners' questions about clients. Safe to share between threads."""

    hub: Hub
    producer: DurableProducer
    decide: Decide
    register: Register = field(init=False)
    _writer: str = field(init=False, default_factory=lambda: f"api-{uuid4().hex[:12]}")
    _records: int = field(init=False, default=0)
    _numbering: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.register = Register(self.hub.keyring, self.hub.wire, self.hub.now)

    def answer(self, connection: Connection, partner: str, identifier: Identifier, purpose: str, request_id: str) -> Answer:
        """What `partner` may see of a client for `purpose`, in the caller's open transaction, which holds the client's lock until it ends.

        An unknown client and one without a basis are answered alike, in as many steps. A retry is the same read on record only if it shows the
        same of the same client: an id used again for anything else must not hide what was seen. Raises `TransientError` if the read can't be put
        on record: then nothing may leave.
        """
        client = find_client(connection, self.register, self.hub.network, partner, identifier, purpose)
        stand_in = UUID(bytes=self.hub.keyring.name("unknown-client", identifier.value.encode())[:16])
        lock_shared(connection, (client or stand_in).bytes)
        at = self.hub.now()
        found, live = candidates(connection, client or stand_in, partner, purpose, at)
        decisions = self._decide(connection, client or stand_in, partner, purpose, at)
        shown = [(candidate, decision) for candidate in found if (decision := decisions(candidate)).permitted]
        entries = self._open(connection, shown)
        seen = [entry.event_id for entry in entries]
        place = (partner.encode(), request_id.encode(), (client or stand_in).bytes, purpose.encode(), at.date().isoformat().encode())
        read_id = self.hub.keyring.stable_id("read", *place, *seen)
        self._record(
            read_id, {"partner": partner, "client_id": client, "purpose": purpose, "at": at, "withheld": live - len(entries)}, entries
        )
        return Answer(read_id, entries)

    def _decide(self, connection: Connection, client: UUID, partner: str, purpose: str, at: datetime) -> Callable[[Candidate], Decision]:
        # What stands in for an unknown client is looked up like an identity, so that the answer takes as many steps.
        identities = self.register.identities_of(connection, [client])[client] or [client]
        records = [record for found in consent_store.latest(connection, identities).values() for record in found]
        answers: dict[tuple[str, str], Decision] = {}

        def decided(candidate: Candidate) -> Decision:
            key = (candidate.partner, candidate.category)
            if key not in answers:
                answers[key] = self.decide(Request(candidate.partner, partner, candidate.category, purpose), self.hub.network, records, at)
            return answers[key]

        return decided

    def _open(self, connection: Connection, shown: Sequence[tuple[Candidate, Decision]]) -> list[Entry]:
        """Unseal; an entry whose key was erased meanwhile is gone."""
        data_keys = keys.keys_by_id(connection, self.hub.keyring, {candidate.envelope.key_id for candidate, _ in shown})
        entries = []
        for candidate, decision in shown:
            key = data_keys.get(candidate.envelope.key_id)
            if key is not None:
                entries.append(_entry(candidate, open_envelope(candidate.envelope, key), decision))
        return sorted(entries, key=lambda entry: (entry.occurred_from or entry.recorded_at, entry.event_id))

    def _record(self, read_id: UUID, read: dict[str, Any], entries: Sequence[Entry]) -> None:
        with self._numbering:
            n = self._records
            self._records += 1
        value = {
            **read,
            "read_id": read_id,
            "outcome": "answered" if entries else "empty",
            "entries": len(entries),
            "bases": _bases(entries),
            "network_version": self.hub.network.version,
            "writer": self._writer,
            "epoch": 1,
            "n": n,
        }
        topic = self.hub.settings.topic_prefix + topics.READS.name
        self.producer.publish([Message(topic, str(read_id).encode(), self.hub.wire.encode(_READ, value))])


def _entry(candidate: Candidate, inside: dict[str, Any], decision: Decision) -> Entry:
    payload = codec.decode(codec.by_fingerprint(inside["payload_fingerprint"]), inside["payload"])
    return Entry(
        candidate.envelope.event_id,
        candidate.partner,
        candidate.source,
        inside["type"],
        candidate.category,
        inside["action"],
        inside["occurred_from"],
        inside["occurred_until"],
        candidate.envelope.recorded_at,
        {name: _plain(value) for name, value in payload.items() if decision.fields is None or name in decision.fields},
        decision,
    )


def _bases(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """What the entries rest on, by sending partner and data category."""
    decisions = {(entry.partner, entry.category): entry.decision for entry in entries}
    counts = Counter((entry.partner, entry.category) for entry in entries)
    return [
        {
            "partner": partner,
            "category": category,
            "entries": counts[partner, category],
            "agreement": decision.agreement,
            "agreement_version": decision.agreement_version,
            "statute": decision.statute,
            "statute_version": decision.statute_version,
            "consents": list(decision.consents),
        }
        for (partner, category), decision in sorted(decisions.items(), key=lambda item: item[0])
    ]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
