"""The shared client register: who a partner's identifiers stand for.

A client has identities, one for each partner's own record. A hetu or learner number is an anchor: identities that share one are the same client. Two
anchors that name two clients make a review item; nothing merges by itself. Identifiers stand sealed, and are found by HMAC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import psycopg

from hub import codec, keys, outbox, topics
from hub.database import Connection
from hub.drafts import Identifier, Scheme
from hub.errors import TransientError
from hub.vault import KeyClass, Keyring, seal

__all__ = ["Known", "OvertakenError", "Register", "Subject"]

_STRONG = (Scheme.HETU, Scheme.LEARNER_NUMBER)
Subject = tuple[Identifier, ...]
"""A person's identifiers as one partner gave them, strongest first."""
_Mark = tuple[str, str, bytes]
_Anchor = tuple[str, bytes]


class OvertakenError(TransientError):
    """A parallel caller has just made the same person known: roll back, look again, and find them."""

    def __init__(self) -> None:
        super().__init__("the same person was being registered at the same time: try again", retry_after=1)


@dataclass(frozen=True, slots=True)
class Known:
    """A partner's record of a person in the register."""

    identity: UUID
    client: UUID
    person_ref: bytes


@dataclass(frozen=True, slots=True)
class Register:
    """Looks up and makes identities, in the caller's transaction."""

    keyring: Keyring
    wire: codec.Wire
    now: Callable[[], datetime]

    def person_ref(self, partner: str, subject: Subject) -> bytes:
        """What names a person in fact references before anyone is identified: HMAC of the strongest identifier given."""
        return self._mark(partner, subject[0])[2]

    def find(self, connection: Connection, partner: str, subjects: Iterable[Subject]) -> dict[Subject, Known]:
        """The known ones among a partner's subjects, in one query. Of several matches, that of the strongest identifier counts. Creates nothing."""
        wanted = list(subjects)
        by_mark = self._lookup(connection, partner, wanted)
        found = {}
        for subject in wanted:
            matches = [by_mark[mark] for mark in self._marks(partner, subject) if mark in by_mark]
            if matches:
                found[subject] = matches[0]
        return found

    def recognise(self, connection: Connection, partner: str, subjects: Iterable[Subject]) -> dict[Subject, tuple[bytes, Known | None]]:
        """Each subject's person reference, and who it is if known. Subjects of one batch that share an identifier are the same person.

        The reference of an unknown person is the HMAC of the strongest identifier that came first: it exists before anyone is stored.
        """
        wanted = list(dict.fromkeys(subjects))
        known = self.find(connection, partner, wanted)
        people: dict[_Mark, tuple[bytes, Known | None]] = {}
        found: dict[Subject, tuple[bytes, Known | None]] = {}
        for subject in wanted:
            marks = self._marks(partner, subject)
            if subject in known:
                found[subject] = known[subject].person_ref, known[subject]
            else:
                found[subject] = next((people[mark] for mark in marks if mark in people), (self.person_ref(partner, subject), None))
            for mark in marks:
                people.setdefault(mark, found[subject])
        return found

    def identities_of(self, connection: Connection, clients: Sequence[UUID]) -> dict[UUID, list[UUID]]:
        """All identities of each client."""
        rows = connection.execute(
            "SELECT client, identity FROM membership WHERE client = ANY(%b) ORDER BY identity", (list(clients),)
        ).fetchall()
        found: dict[UUID, list[UUID]] = {client: [] for client in clients}
        for client, identity in rows:
            found[client].append(identity)
        return found

    def clients_by_anchor(self, connection: Connection, subjects: Iterable[Subject]) -> dict[Subject, UUID]:
        """The clients whom other partners' records make known by a hetu or learner number; that of the strongest identifier counts."""
        anchors = {subject: self._anchors_of(subject) for subject in subjects}
        holders = _holders(connection, [anchor for found in anchors.values() for anchor in found])
        return {subject: named[0] for subject, found in anchors.items() if (named := [holders[one] for one in found if one in holders])}

    def ensure(
        self, connection: Connection, partner: str, subjects: Iterable[Subject], refs: Mapping[Subject, bytes] | None = None
    ) -> dict[Subject, Known]:
        """The identity of each subject, made where there is none; identifiers not seen before are added to it.

        `refs` are the person references that the caller has built on, from `recognise`. Safe against parallel callers: every insert is sorted by
        HMAC, and the loser of a race takes the winner's identity and client. Raises `OvertakenError` when that would give a person another reference.
        """
        wanted = list(dict.fromkeys(subjects))
        expected = {subject: ref for subject, (ref, _) in self.recognise(connection, partner, wanted).items()} if refs is None else refs
        known = self.find(connection, partner, wanted)
        fresh = [subject for subject in wanted if subject not in known]
        if fresh:
            known |= self._create(connection, partner, {subject: expected[subject] for subject in fresh})
        if any(known[subject].person_ref != expected[subject] for subject in wanted):
            raise OvertakenError
        self._add_identifiers(connection, partner, {subject: known[subject] for subject in wanted})
        return known

    def _lookup(self, connection: Connection, partner: str, subjects: Iterable[Subject]) -> dict[_Mark, Known]:
        marks = {mark for subject in subjects for mark in self._marks(partner, subject)}
        rows = connection.execute(
            "SELECT i.scheme, i.issuer, i.hmac, i.identity, m.client, p.person_ref "
            "FROM unnest(%b::text[], %b::text[], %b::bytea[]) AS wanted (scheme, issuer, hmac) "
            "JOIN identifier i ON i.partner = %s AND (i.scheme, i.issuer, i.hmac) = (wanted.scheme, wanted.issuer, wanted.hmac) "
            "JOIN membership m ON m.identity = i.identity JOIN identity p ON p.id = i.identity",
            (*_columns(marks), partner),
        ).fetchall()
        return {(scheme, issuer, hmac): Known(identity, client, ref) for scheme, issuer, hmac, identity, client, ref in rows}

    def _create(self, connection: Connection, partner: str, refs: Mapping[Subject, bytes]) -> dict[Subject, Known]:
        now = self.now()
        people: dict[bytes, Subject] = {}
        for subject, ref in refs.items():
            people[ref] = tuple(dict.fromkeys((*people.get(ref, ()), *subject)))
        made = connection.execute(
            "INSERT INTO identity (id, partner, person_ref, created_at) SELECT id, %s, ref, %s FROM unnest(%b::uuid[], %b::bytea[]) AS new (id, ref) "
            "ON CONFLICT (partner, person_ref) DO NOTHING RETURNING id, person_ref",
            (partner, now, [uuid4() for _ in people], sorted(people)),
        ).fetchall()
        clients = self._clients(connection, {identity: people[ref] for identity, ref in made}, now)
        self._join(connection, clients, now)
        rows = connection.execute(
            "SELECT p.person_ref, p.id, m.client FROM identity p JOIN membership m ON m.identity = p.id "
            "WHERE p.partner = %s AND p.person_ref = ANY(%b)",
            (partner, list(people)),
        ).fetchall()
        by_ref = {ref: Known(identity, client, ref) for ref, identity, client in rows}
        return {subject: by_ref[ref] for subject, ref in refs.items()}

    def _clients(self, connection: Connection, identities: dict[UUID, Subject], now: datetime) -> dict[UUID, UUID]:
        """The client of each new identity: whom an anchor already names, else a new one."""
        anchors = {identity: self._anchors_of(subject) for identity, subject in identities.items()}
        while True:
            holders = _holders(connection, [anchor for found in anchors.values() for anchor in found])
            clients: dict[UUID, UUID] = {}
            fresh = []
            for identity, found in anchors.items():
                named = [holders[anchor] for anchor in found if anchor in holders]
                if not named:
                    named = [uuid4()]
                    fresh.append(named[0])
                clients[identity] = named[0]
                for anchor in found:
                    holders.setdefault(anchor, named[0])
            if self._try_to_hold(connection, fresh, holders, now):
                break
        for identity, found in anchors.items():
            for other in {holders[anchor] for anchor in found} - {clients[identity]}:
                _review(connection, identity, clients[identity], other, now)
        return clients

    def _try_to_hold(self, connection: Connection, fresh: list[UUID], holders: dict[_Anchor, UUID], now: datetime) -> bool:
        """Make new clients and their anchors; nothing, when a parallel caller was first with one of the anchors: look again, and follow it."""
        held = False
        with connection.transaction() as savepoint:
            connection.execute("INSERT INTO client (id, created_at) SELECT id, %s FROM unnest(%b::uuid[]) AS new (id)", (now, fresh))
            held = _hold(connection, holders) == holders
            if not held:
                raise psycopg.Rollback(savepoint)
        return held

    def _join(self, connection: Connection, clients: dict[UUID, UUID], now: datetime) -> None:
        connection.execute(
            "INSERT INTO membership (identity, client, version) "
            "SELECT identity, client, 1 FROM unnest(%b::uuid[], %b::uuid[]) AS new (identity, client)",
            (list(clients), list(clients.values())),
        )
        form = codec.schema(topics.REGISTER_CHANGES.schema)
        changes = []
        for identity, client in clients.items():
            change = {
                "change_id": self.keyring.stable_id("register-change", identity.bytes, (1).to_bytes(8, "big")),
                "kind": "joined",
                "identity_id": identity,
                "client_id": client,
                "version": 1,
                "recorded_at": now,
            }
            changes.append((identity.bytes, self.wire.encode(form, change)))
        outbox.put(connection, topics.REGISTER_CHANGES, changes)

    def _add_identifiers(self, connection: Connection, partner: str, known: dict[Subject, Known]) -> None:
        present = self._lookup(connection, partner, known)
        missing: dict[_Mark, tuple[Known, Identifier]] = {}
        for subject, person in known.items():
            for mark, item in zip(self._marks(partner, subject), subject, strict=True):
                if mark not in present:
                    missing.setdefault(mark, (person, item))
        if not missing:
            return
        now = self.now()
        strong = {anchor: person for person, item in missing.values() for anchor in self._anchors_of((item,))}
        for anchor, holder in _hold(connection, {anchor: person.client for anchor, person in strong.items()}).items():
            if holder != strong[anchor].client:
                _review(connection, strong[anchor].identity, strong[anchor].client, holder, now)
        data_keys = keys.ensure_keys(connection, self.keyring, [(person.identity, KeyClass.REGISTER) for person, _ in missing.values()])
        rows = []
        for mark, (person, item) in sorted(missing.items(), key=lambda entry: entry[0]):
            data_key = data_keys[person.identity, KeyClass.REGISTER]
            sealed = seal(data_key.key, item.value.encode(), (b"identifier", person.identity.bytes, mark[2]))
            rows.append((*mark, person.identity, data_key.key_id, sealed.nonce + sealed.ciphertext))
        added = connection.execute(
            "INSERT INTO identifier (partner, scheme, issuer, hmac, identity, key_id, sealed, valid_from) SELECT %s, new.*, %s "
            "FROM unnest(%b::text[], %b::text[], %b::bytea[], %b::uuid[], %b::uuid[], %b::bytea[]) AS new ON CONFLICT DO NOTHING",
            (partner, now, *(list(column) for column in zip(*rows, strict=True))),
        )
        if added.rowcount < len(rows):
            raise OvertakenError

    def _anchors_of(self, subject: Subject) -> list[_Anchor]:
        return [(item.scheme.value, self.keyring.anchor(item.scheme, item.value)) for item in subject if item.scheme in _STRONG]

    def _marks(self, partner: str, subject: Subject) -> list[_Mark]:
        return [self._mark(partner, item) for item in subject]

    def _mark(self, partner: str, item: Identifier) -> _Mark:
        return (item.scheme.value, item.issuer, self.keyring.identifier(partner, item.scheme, item.issuer, item.value))


def _columns(marks: set[_Mark]) -> tuple[list[str], list[str], list[bytes]]:
    ordered = sorted(marks)
    return [mark[0] for mark in ordered], [mark[1] for mark in ordered], [mark[2] for mark in ordered]


def _holders(connection: Connection, anchors: Iterable[_Anchor]) -> dict[_Anchor, UUID]:
    """The client of each anchor that stands."""
    ordered = sorted(set(anchors))
    rows = connection.execute(
        "SELECT scheme, hmac, client FROM anchor JOIN unnest(%b::text[], %b::bytea[]) AS wanted (scheme, hmac) USING (scheme, hmac)",
        ([scheme for scheme, _ in ordered], [hmac for _, hmac in ordered]),
    ).fetchall()
    return {(scheme, hmac): client for scheme, hmac, client in rows}


def _hold(connection: Connection, holders: dict[_Anchor, UUID]) -> dict[_Anchor, UUID]:
    """Make the anchors that are missing, and return whom each of them names: another client where a parallel caller was first."""
    ordered = sorted(holders.items())
    connection.execute(
        "INSERT INTO anchor (scheme, hmac, client) SELECT * FROM unnest(%b::text[], %b::bytea[], %b::uuid[]) ON CONFLICT DO NOTHING",
        ([scheme for (scheme, _), _ in ordered], [hmac for (_, hmac), _ in ordered], [client for _, client in ordered]),
    )
    return _holders(connection, holders)


def _review(connection: Connection, identity: UUID, client: UUID, other: UUID, now: datetime) -> None:
    connection.execute(
        "INSERT INTO review_item (id, identity, client, other_client, created_at) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (uuid4(), identity, client, other, now),
    )
