"""Intake: drafts come in, consent-checked events and every decision go out. Read `Intake.admit` from top to bottom.

Three steps, so that a kill at any point loses nothing and doubles nothing:

1. PostgreSQL commit: identities of permitted drafts, keys, and a claim for each event.
2. Kafka transaction: events and decisions.
3. PostgreSQL commit: claims settled, the facts admitted, error lists, deliveries, positions.

Killed between 2 and 3, the next holder of the slot reads what was committed, and so knows. If Kafka, register or consent store can't be reached,
nothing is admitted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import psycopg
import structlog

from consent import store as consent_store
from consent.model import ConsentRecord, Decision, Network
from hub import admitted, codec, deliveries, keys, topics
from hub.admitted import Claim, ContendedError
from hub.database import reaching_database
from hub.deliveries import Outcome
from hub.envelope import headers, seal_event
from hub.errors import TransientError
from hub.planning import Consignment, Event, Person, Plan, Verdict, fact_refs, plan
from hub.publisher import Message, UncertainError
from hub.register.store import OvertakenError, Register, Subject
from hub.settings import Settings
from hub.slots import Slot, recover_if_abandoned
from hub.vault import Keyring

__all__ = ["DecidePublication", "Intake", "Origin"]

_log = structlog.get_logger()
_SEALED = codec.schema("sealed_event.v1")
_DECISION = codec.Spliced(codec.schema(topics.DECISIONS.schema), "results")
_CONTENTION_SECONDS = 30.0


class DecidePublication(Protocol):
    """The first gate, `consent.rules.decide_publication`: passed in, so that a test can put a permit in its place."""

    def __call__(
        self, network: Network, sender: str, category: str, consents: Sequence[ConsentRecord], at: datetime, /
    ) -> tuple[Decision, ...]: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """What the partner itself holds the data of a source for, and on which basis."""

    purpose: str
    basis: str


@dataclass(frozen=True, slots=True)
class Intake:
    """The first gate of one source, as it stands in a slot. Not safe to share between threads."""

    settings: Settings
    keyring: Keyring
    wire: codec.Wire
    register: Register
    network: Callable[[], Network]
    origin: Origin
    slot: Slot
    now: Callable[[], datetime]
    decide: DecidePublication

    def admit(self, consignments: Sequence[Consignment]) -> list[Outcome]:
        """Take a batch in, and return each consignment's outcome, all durable.

        Raises `TransientError` when a server is away: nothing of the batch was admitted, or the same batch again finds what was.
        """
        deadline = time.monotonic() + _CONTENTION_SECONDS
        while True:
            try:
                with reaching_database():
                    return self._admit_once(consignments)
            except ContendedError as rival:
                self.slot.connection.rollback()
                self._await(rival, deadline)
            except UncertainError:
                with reaching_database():
                    self.slot.settle()
                raise

    def _admit_once(self, consignments: Sequence[Consignment]) -> list[Outcome]:
        at = self.now()
        network = self.network()
        people = self._look_up(consignments, network, at)
        refs = fact_refs(self.keyring, consignments, {key: person.ref for key, person in people.items()})
        made = plan(self.keyring, consignments, people, admitted.select_facts(self.slot.connection, refs))
        try:
            claimed = self._claim(made, people, at)
        except (OvertakenError, psycopg.errors.DeadlockDetected) as error:
            # A parallel sender was first with one of these people, or each waited for the other: nothing was claimed, so plan again.
            raise ContendedError(()) from error
        self.slot.connection.commit()
        if made.events or made.verdicts:
            self.slot.publish(
                [*self._event_messages(claimed, network, at), *self._decision_messages(made.verdicts, people, claimed, network, at)]
            )
            self.slot.records += len(made.verdicts)
        outcomes = [_outcome(one, made) for one in consignments]
        self._settle(consignments, outcomes, claimed, at)
        self.slot.connection.commit()
        return outcomes

    def _look_up(self, consignments: Sequence[Consignment], network: Network, at: datetime) -> dict[tuple[str, Subject], Person]:
        """Everybody in the batch, with the consents that count for them: those of every identity of the same client."""
        connection = self.slot.connection
        subjects: dict[str, list[Subject]] = {}
        for one in consignments:
            subjects.setdefault(one.delivery.partner, []).extend(_subjects(one))
        found = {
            (partner, subject): person
            for partner, group in subjects.items()
            for subject, person in self.register.recognise(connection, partner, group).items()
        }
        clients = {key: person.client for key, (_, person) in found.items() if person is not None}
        # A person who is new to this sender may have answered at another partner's desk: a hetu or learner number tells.
        anchored = self.register.clients_by_anchor(connection, {subject for _, subject in found.keys() - clients.keys()})
        clients |= {key: anchored[key[1]] for key in found.keys() - clients.keys() if key[1] in anchored}
        identities = self.register.identities_of(connection, list(set(clients.values())))
        consents = consent_store.latest(connection, [identity for group in identities.values() for identity in group])
        people = {}
        for (partner, subject), (ref, person) in found.items():
            own = identities[clients[partner, subject]] if (partner, subject) in clients else []
            records = [record for one in own for record in consents.get(one, ())]
            decide = _Remembering(self.decide, network, partner, records, at)
            people[partner, subject] = Person(ref, None if person is None else person.identity, decide)
        return people

    def _claim(self, made: Plan, people: Mapping[tuple[str, Subject], Person], at: datetime) -> _Claimed:
        """Step 1: identities, keys and claims, in the open transaction."""
        connection = self.slot.connection
        self.slot.check_epoch()
        identities: dict[tuple[str, Subject], UUID] = {}
        for partner in {event.partner for event in made.events}:
            wanted = {event.subject: people[partner, event.subject].ref for event in made.events if event.partner == partner}
            known = self.register.ensure(connection, partner, wanted, wanted)
            identities |= {(partner, subject): person.identity for subject, person in known.items()}
        owners = [identities[event.partner, event.subject] for event in made.events]
        wanted_keys = [(owner, event.after.key_class) for owner, event in zip(owners, made.events, strict=True)]
        data_keys = keys.ensure_keys(connection, self.keyring, wanted_keys)
        claims = []
        for event, owner in zip(made.events, owners, strict=True):
            data_key = data_keys[owner, event.after.key_class]
            claims.append((Claim(event, owner, data_key.key_id), data_key.key))
        if not claims:
            return _Claimed(None, ())
        batch = admitted.claim_events(
            connection,
            [claim for claim, _ in claims],
            source=self.slot.source,
            slot=self.slot.number,
            epoch=self.slot.epoch,
            claimed_at=at,
            low_offsets=self.slot.low_offsets,
        )
        return _Claimed(batch, claims)

    def _event_messages(self, claimed: _Claimed, network: Network, at: datetime) -> list[Message]:
        topic = self.settings.topic_prefix + topics.CLIENT_EVENTS.name
        messages = []
        for claim, key in claimed.claims:
            value = seal_event(
                self.wire,
                key,
                codec.encode(_SEALED, self._inside(claim.event)),
                event_id=claim.event.event_id,
                identity_id=claim.identity,
                decision_id=claim.event.decision_id,
                key_id=claim.key_id,
                recorded_at=at,
            )
            messages.append(Message(topic, str(claim.identity).encode(), value, headers(network.id, claim.event.event_id, at)))
        return messages

    def _inside(self, event: Event) -> Mapping[str, Any]:
        retracts = event.action == "retract"
        return {
            "partner": event.partner,
            "source": event.source,
            "type": event.after.type,
            "category": event.after.category,
            "fact_ref": event.after.fact_ref,
            "source_version": event.after.source_version,
            "action": event.action,
            "target_event": event.predecessor,
            "occurred_from": event.occurred_from,
            "occurred_until": event.occurred_until,
            "purpose": self.origin.purpose,
            "basis": self.origin.basis,
            "basis_class": event.after.key_class.value,
            "payload_fingerprint": None if retracts else codec.schema(f"{event.after.type}.v1").fingerprint,
            "payload": event.payload,
        }

    def _decision_messages(
        self,
        verdicts: Sequence[Verdict],
        people: Mapping[tuple[str, Subject], Person],
        claimed: _Claimed,
        network: Network,
        at: datetime,
    ) -> list[Message]:
        topic = self.settings.topic_prefix + topics.DECISIONS.name
        identities = {claim.event.event_id: claim.identity for claim, _ in claimed.claims}
        after = {"network_version": network.version, "at": at, "writer": self.slot.name, "epoch": self.slot.epoch}
        # A person's decisions on one data category are one tuple, however many facts there are: encoded once a batch.
        results: dict[int, bytes] = {}
        messages = []
        for n, verdict in enumerate(verdicts, self.slot.records):
            known = people[verdict.partner, verdict.subject].identity
            if id(verdict.decisions) not in results:
                results[id(verdict.decisions)] = _DECISION.encode_field([_result(decision) for decision in verdict.decisions])
            before = {
                "decision_id": verdict.decision_id,
                "event_id": verdict.event_id,
                "identity_id": known if verdict.event_id is None else identities[verdict.event_id],
                "partner": verdict.partner,
                "source": verdict.source,
                "delivery_id": verdict.delivery_id,
                "item": verdict.item,
                "category": verdict.category,
                "action": verdict.action,
                "outcome": "permit" if verdict.permitted else "deny",
            }
            body = _DECISION.encode(before, results[id(verdict.decisions)], {**after, "n": n})
            messages.append(Message(topic, str(verdict.decision_id).encode(), self.wire.frame(_DECISION.form, body)))
        return messages

    def _settle(self, consignments: Sequence[Consignment], outcomes: Sequence[Outcome], claimed: _Claimed, at: datetime) -> None:
        """Step 3, in the open transaction."""
        self.slot.check_epoch()
        if claimed.batch is not None:
            admitted.settle_batch(self.slot.connection, claimed.batch)
        for one, outcome in zip(consignments, outcomes, strict=True):
            deliveries.close_part(self.slot.connection, one, outcome, at)

    def _await(self, rival: ContendedError, deadline: float) -> None:
        """Wait until rival claims are settled; those of a holder that is gone are settled here."""
        if time.monotonic() > deadline:
            raise TransientError("another process keeps changing the same facts: try again", retry_after=2)
        recovered = [recover_if_abandoned(self.settings, self.wire, source, slot) for source, slot in rival.holders]
        if not any(recovered):
            _log.debug("claim_contended", holders=len(rival.holders))
            threading.Event().wait(0.02)


@dataclass(frozen=True, slots=True)
class _Claimed:
    """Step 1's result: each claim with its data key, and their batch, None when there is nothing to publish."""

    batch: int | None
    claims: Sequence[tuple[Claim, bytes]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Remembering:
    """Decides each data category once for one person."""

    decide: DecidePublication
    network: Network
    sender: str
    consents: Sequence[ConsentRecord]
    at: datetime
    answers: dict[str, tuple[Decision, ...]] = field(default_factory=dict)

    def __call__(self, category: str) -> tuple[Decision, ...]:
        if category not in self.answers:
            self.answers[category] = self.decide(self.network, self.sender, category, self.consents, self.at)
        return self.answers[category]


def _subjects(one: Consignment) -> list[Subject]:
    return [draft.subject for draft in one.delivery.drafts] + [parent.subject for parent in one.delivery.parents]


def _result(decision: Decision) -> dict[str, Any]:
    return {
        "recipient": decision.request.recipient,
        "purpose": decision.request.purpose,
        "outcome": "permit" if decision.permitted else "deny",
        "reasons": [reason.value for reason in decision.reasons],
        "agreement": decision.agreement,
        "agreement_version": decision.agreement_version,
        "statute": decision.statute,
        "statute_version": decision.statute_version,
        "consents": list(decision.consents),
    }


def _outcome(one: Consignment, made: Plan) -> Outcome:
    verdicts = [verdict.permitted for verdict in made.verdicts if verdict.delivery_id == one.delivery_id]
    return Outcome(
        one.delivery_id,
        items=one.delivery.items,
        admitted=sum(verdicts),
        unchanged=made.unchanged.get(one.delivery_id, 0),
        denied=len(verdicts) - sum(verdicts),
        errors=[fault for owner, error in made.errors if owner is one for fault in error.faults],
    )
