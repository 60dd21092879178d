"""Consents as the hub handles them: whose they are, under which lock they change, and how their records leave for the topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeVar
from uuid import UUID, uuid4

from consent import store
from consent.choices import Act, Choice
from consent.errors import ConsentConflictError, ConsentError, TamperedRecordError, UnknownConsentError
from consent.model import ConsentItem, ConsentRecord, Notice, State
from consent.service import ConsentService
from hub import codec, keys, outbox, topics
from hub.consent_change import seal_record
from hub.database import Connection
from hub.drafts import Identifier
from hub.errors import FatalError, Fault, RequestError
from hub.locks import lock_alone
from hub.register.store import Register
from hub.start import Hub
from hub.vault import KeyClass

__all__ = ["Answering", "ConflictError", "NotFoundError", "Wish", "consents_of", "record_answer", "withdraw"]

_FORM = codec.schema(topics.CONSENT_CHANGES.schema)
Answering = Literal["give", "refuse", "request"]
_T = TypeVar("_T")


class ConflictError(RequestError):
    """The request contradicts what is on record."""


class NotFoundError(RequestError):
    """There is no such consent for this partner."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client answers, before anyone is identified."""

    notice: Notice
    items: tuple[ConsentItem, ...]
    valid_from: datetime
    valid_until: datetime


def record_answer(
    hub: Hub,
    connection: Connection,
    partner: str,
    identifier: Identifier,
    consent_id: UUID,
    answer: Answering,
    wish: Wish,
    act: Act,
    *,
    dated: bool = True,
) -> ConsentRecord:
    """Record a client's answer, in the caller's transaction. Makes the client known to the register. Raises `RequestError` with pointers.

    Not `dated`: the act's time is only that of its arrival, so the same answer again is that of the first arrival.
    """
    register = Register(hub.keyring, hub.wire, hub.now)
    person = register.ensure(connection, partner, [(identifier,)])[(identifier,)]
    identities = _lock_client(connection, register, person.client)
    first = None if dated else _translated(lambda: _answered(connection, consent_id, answer))
    if first is not None:
        valid_from = first.valid_from if wish.valid_from == act.occurred_at else wish.valid_from
        wish, act = replace(wish, valid_from=valid_from), replace(act, occurred_at=first.occurred_at)
    choice = Choice(person.identity, wish.notice, wish.items, (partner,), wish.valid_from, wish.valid_until)
    service = _service(hub, connection)
    acts: dict[Answering, Callable[[], ConsentRecord]] = {
        "give": lambda: service.give(consent_id, choice, act, identities),
        "refuse": lambda: service.refuse(consent_id, choice, act),
        "request": lambda: service.request(consent_id, choice, act),
    }
    return _translated(acts[answer])


def withdraw(hub: Hub, connection: Connection, partner: str, consent_id: UUID, act: Act) -> ConsentRecord:
    """Take a consent back, in the caller's transaction: once that has committed, no delivery rests on it any more.

    Any partner that serves the client may take it (GDPR 7(3): as easy as giving). Raises `NotFoundError` for another's client.
    """
    register = Register(hub.keyring, hub.wire, hub.now)
    known = _translated(lambda: store.history(connection, consent_id))
    client = _client(connection, partner, known[-1].subject) if known else None
    if client is None:
        raise NotFoundError(Fault("/consent_id", "unknown_consent", "there is no such consent of a client of yours"))
    _lock_client(connection, register, client)
    return _translated(lambda: _service(hub, connection).withdraw(consent_id, act))


def consents_of(hub: Hub, connection: Connection, partner: str, identifier: Identifier) -> list[ConsentRecord]:
    """The newest version of every consent of a partner's client; none for an unknown one."""
    register = Register(hub.keyring, hub.wire, hub.now)
    person = register.find(connection, partner, [(identifier,)]).get((identifier,))
    if person is None:
        return []
    identities = register.identities_of(connection, [person.client])[person.client]
    return [record for found in store.latest(connection, identities).values() for record in found]


def _answered(connection: Connection, consent_id: UUID, answer: Answering) -> ConsentRecord | None:
    """The version in which this answer was recorded before."""
    states = {"give": State.GIVEN, "refuse": State.REFUSED, "request": State.REQUESTED}
    return next((record for record in store.history(connection, consent_id) if record.state is states[answer]), None)


def _lock_client(connection: Connection, register: Register, client: UUID) -> Sequence[UUID]:
    lock_alone(connection, [client.bytes])
    return register.identities_of(connection, [client])[client]


def _client(connection: Connection, partner: str, subject: UUID) -> UUID | None:
    """The client of a consent's subject, if the partner has a record of them too."""
    row = connection.execute(
        "SELECT m.client FROM membership m JOIN membership own ON own.client = m.client JOIN identity i ON i.id = own.identity "
        "WHERE m.identity = %s AND i.partner = %s LIMIT 1",
        (subject, partner),
    ).fetchone()
    return None if row is None else row[0]


def _service(hub: Hub, connection: Connection) -> ConsentService:
    def announce(record: ConsentRecord, record_hash: bytes) -> None:
        pair = (record.subject, KeyClass.RECORD)
        data_key = keys.ensure_keys(connection, hub.keyring, [pair])[pair]
        value = {
            "change_id": hub.keyring.stable_id("consent-change", record_hash),
            "recorded_at": record.recorded_at,
            "change": ("fi.silta.SealedConsentRecord", seal_record(record, data_key)),
        }
        outbox.put(connection, topics.CONSENT_CHANGES, [(str(record.subject).encode(), hub.wire.encode(_FORM, value))])

    return ConsentService(connection, hub.network, hub.now, uuid4, announce)


def _translated(act: Callable[[], _T]) -> _T:
    try:
        return act()
    except TamperedRecordError as error:
        raise FatalError("a stored consent record is not what its hash says: stop, and compare the database with the topic") from error
    except ConsentError as error:
        faults = [Fault(problem.pointer, problem.code, problem.remedy) for problem in error.problems]
        if isinstance(error, ConsentConflictError):
            raise ConflictError(*faults) from error
        if isinstance(error, UnknownConsentError):
            raise NotFoundError(*faults) from error
        raise RequestError(*faults) from error
