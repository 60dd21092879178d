"""Asking for consent and taking it back: the only writer of consent records.

Each act is one transaction with its announcement: the caller opens it, having taken the exclusive lock on the client (so that no delivery is under
way that was decided before), and commits before it answers. Acts can be repeated: the same act again gives the record that stands now, so a grant
that is replayed after its withdrawal is answered with the withdrawal and revives nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from consent import store
from consent.choices import Act, Choice, act_problems, choice_problems, notice_problems, without
from consent.errors import ConsentConflictError, InvalidConsentError, Problem, UnknownConsentError
from consent.evidence import PERMITTING, refuses
from consent.model import ConsentItem, ConsentRecord, Network, Notice, State
from consent.records import check_record, record_hash

__all__ = ["ConsentService"]


@dataclass(frozen=True, slots=True)
class ConsentService:
    """The acts on consents of one network, inside the transaction of `connection`."""

    connection: Connection[Any]
    network: Network
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    """Ids for consents that hold what is left of another one."""
    announce: Callable[[ConsentRecord, bytes], None]
    """Called with every record added and its hash, in order, inside the transaction: what it writes commits with the record or not at all."""

    def request(self, consent_id: UUID, choice: Choice, act: Act) -> ConsentRecord:
        """Note that the client was asked. Permits nothing."""
        return self._begin(State.REQUESTED, consent_id, choice, act, ())

    def refuse(self, consent_id: UUID, choice: Choice, act: Act) -> ConsentRecord:
        """Note that the client said no, to all items. It stands until a newer answer to the same question."""
        return self._begin(State.REFUSED, consent_id, choice, act, ())

    def give(self, consent_id: UUID, choice: Choice, act: Act, identities: Sequence[UUID] = ()) -> ConsentRecord:
        """Note what the client permits and refuses. `consent_id` is the caller's key: the same act under it again changes nothing.

        `identities` are the client's other identities. Where the client refused the same earlier, the refusal is superseded, and what it said of
        other things goes on in a record of its own; where the client refused or withdrew *later* than this act, it is a ConsentConflictError.
        """
        return self._begin(State.GIVEN, consent_id, choice, act, [choice.subject, *identities])

    def reconfirm(self, consent_id: UUID, notice: Notice, valid_until: datetime, act: Act) -> ConsentRecord:
        """Let a consent that has not run out last until another time, on a notice shown anew."""
        versions = self._versions(consent_id)
        newest = versions[-1]
        record = replace(_follow(newest, State.RECONFIRMED, act, self.now()), notice=notice, valid_until=valid_until)
        if _is_repeated(record, versions):
            return newest
        _require_none([*act_problems(act, self.now()), *notice_problems(notice, self.network)])
        if newest.valid_until <= self.now():
            raise ConsentConflictError(Problem("/consent_id", "expired", "it has run out, and what ended never revives: ask anew"))
        return self._add(record)

    def withdraw(self, consent_id: UUID, act: Act) -> ConsentRecord:
        """Take back all that a consent permits (GDPR 7(3)); its refusals stand. Withdrawn already: the record of that."""
        newest = self._versions(consent_id)[-1]
        if newest.state is State.WITHDRAWN:
            return newest
        return self._end(newest, State.WITHDRAWN, act, [item for item in newest.items if item.permit])

    def withdraw_items(self, identities: Sequence[UUID], items: Sequence[ConsentItem], act: Act) -> tuple[ConsentRecord, ...]:
        """Take back what all consents of these identities permit of the items; the rest of each goes on in a record of its own.

        Returns the withdrawn records; none if nothing of it was permitted, as at a repeat. The items' codes and `permit` don't matter.
        """
        found = [record for record in self._newest(identities) if record.state in PERMITTING and _permits_any(record, items)]
        return tuple(self._end(record, State.WITHDRAWN, act, items) for record in found)

    def invalidate(self, consent_id: UUID, act: Act) -> ConsentRecord:
        """Note that a consent never was one (a mandate that had lapsed, another person's record). Nothing of it stands, refusals included."""
        newest = self._versions(consent_id)[-1]
        if newest.state is State.INVALIDATED:
            return newest
        return self._end(newest, State.INVALIDATED, act, newest.items)

    def _begin(self, state: State, consent_id: UUID, choice: Choice, act: Act, identities: Sequence[UUID]) -> ConsentRecord:
        versions = store.history(self.connection, consent_id)
        record = _first(state, consent_id, choice, act, self.now())
        if _is_repeated(record, versions):
            return versions[-1]
        check_record(record)
        asks = state is not State.REFUSED
        _require_none([*act_problems(act, self.now()), *choice_problems(choice, act, self.network, asks=asks)])
        if versions:
            if versions[-1].state is not State.REQUESTED:
                raise ConsentConflictError(
                    Problem("/consent_id", "consent_id_reused", "this id is taken by another choice: choose a new one")
                )
            record = replace(record, version=versions[-1].version + 1, previous=record_hash(versions[-1]))
        others = [other for other in self._newest(identities) if other.consent_id != consent_id]
        permits = [item for item in record.items if item.permit]
        if any(other.occurred_at > act.occurred_at and _denies_any(other, permits) for other in others):
            raise ConsentConflictError(Problem("/occurred_at", "newer_choice", "the client refused or withdrew this later: ask again"))
        for other in others:
            if _refuses_any(other, permits):
                self._end(other, State.SUPERSEDED, act, record.items)
        return self._add(record)

    def _end(self, newest: ConsentRecord, state: State, act: Act, answered: Sequence[ConsentItem]) -> ConsentRecord:
        """End a consent, and carry on what `answered` does not speak of under an id of its own; a withdrawal leaves refusals alone."""
        _require_none(list(act_problems(act, self.now())))
        ended = self._add(_follow(newest, state, act, self.now()))
        touched = [item for item in newest.items if item.permit] if state is State.WITHDRAWN else newest.items
        left = tuple(item for item in newest.items if item not in touched) + without(touched, answered)
        if left:
            goes_on = State.GIVEN if any(item.permit for item in left) else State.REFUSED
            rest = replace(newest, consent_id=self.new_id(), version=1, previous=None, items=left, state=goes_on)
            self._add(replace(rest, evidence_sha256=record_hash(newest), recorded_at=self.now()))
        return ended

    def _add(self, record: ConsentRecord) -> ConsentRecord:
        store.save(self.connection, record)
        self.announce(record, record_hash(record))
        return record

    def _newest(self, identities: Sequence[UUID]) -> list[ConsentRecord]:
        return [record for found in store.latest(self.connection, identities).values() for record in found]

    def _versions(self, consent_id: UUID) -> list[ConsentRecord]:
        versions = store.history(self.connection, consent_id)
        if not versions:
            raise UnknownConsentError(Problem("/consent_id", "unknown_consent", "there is no such consent"))
        return versions


def _done(state: State, act: Act, now: datetime) -> dict[str, Any]:
    """The fields of a record that tell what was done, by whom, when and how."""
    return {
        "channel": act.channel,
        "captured_by": act.captured_by,
        "evidence_sha256": act.evidence_sha256,
        "state": state,
        "occurred_at": act.occurred_at,
        "recorded_at": now,
        "actor": act.actor,
        "on_behalf_of": act.mandate.on_behalf_of if act.mandate else None,
    }


def _first(state: State, consent_id: UUID, choice: Choice, act: Act, now: datetime) -> ConsentRecord:
    items = tuple(replace(item, permit=False) for item in choice.items) if state is State.REFUSED else choice.items
    return ConsentRecord(
        consent_id=consent_id,
        version=1,
        previous=None,
        subject=choice.subject,
        notice=choice.notice,
        items=items,
        controllers=choice.controllers,
        valid_from=choice.valid_from,
        valid_until=choice.valid_until,
        **_done(state, act, now),
    )


def _follow(previous: ConsentRecord, state: State, act: Act, now: datetime) -> ConsentRecord:
    return replace(
        previous,
        version=previous.version + 1,
        previous=record_hash(previous),
        **_done(state, act, now),
    )


def _is_repeated(record: ConsentRecord, versions: Sequence[ConsentRecord]) -> bool:
    """Whether this very act is on record, whenever it was recorded."""
    return any(
        replace(record, version=known.version, previous=known.previous, recorded_at=known.recorded_at) == known for known in versions
    )


def _refuses_any(record: ConsentRecord, items: Sequence[ConsentItem]) -> bool:
    refused = [item for item in record.items if refuses(record, item)]
    return without(refused, items) != tuple(refused)


def _permits_any(record: ConsentRecord, items: Sequence[ConsentItem]) -> bool:
    permitted = [item for item in record.items if item.permit]
    return without(permitted, items) != tuple(permitted)


def _denies_any(record: ConsentRecord, items: Sequence[ConsentItem]) -> bool:
    """Whether the record refuses any of the items, or withdraws it."""
    return _refuses_any(record, items) or (record.state is State.WITHDRAWN and _permits_any(record, items))


def _require_none(problems: Sequence[Problem]) -> None:
    if problems:
        raise InvalidConsentError(*problems)
