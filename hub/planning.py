"""The pure heart of intake: drafts, held against what was admitted before and what may be let through, become events, decisions and errors.

No clock, no randomness, no reading or writing: what a plan depends on is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from consent.model import Decision
from consent.rules import basis_class
from hub import codec
from hub.drafts import Delivery, Draft, ItemError, Parent
from hub.errors import Fault, RecordError
from hub.register.store import Subject
from hub.vault import KeyClass, Keyring, frame

__all__ = ["Admitted", "Consignment", "Event", "Person", "Plan", "Verdict", "fact_refs", "plan"]


@dataclass(frozen=True, slots=True)
class Admitted:
    """The last admitted version of a fact. `content` None: retracted."""

    fact_ref: bytes
    parent_ref: bytes | None
    type: str
    category: str
    event_id: bytes
    content: bytes | None
    source_version: int | None
    kept_when_omitted: bool
    denied: bool
    """Retracted because its correction was denied: the sender's own word still stands, and is asserted when it may be."""
    key_class: KeyClass


@dataclass(frozen=True, slots=True)
class Consignment:
    """A delivery, or a part of one, on its way in."""

    delivery_id: UUID
    item: bytes
    """HMAC of the file's name or of the sender's key."""
    delivery: Delivery
    next: int | None = None
    """The item to go on with in the same delivery; None: this is its end."""
    again: bool = False
    """The same was taken in before: only what was denied or wrong then is still to be done. Another document may have corrected the rest since."""


@dataclass(frozen=True, slots=True)
class Person:
    """A subject as it stands before the batch. `identity` None: unknown to the register."""

    ref: bytes
    identity: UUID | None
    decide: Callable[[str], tuple[Decision, ...]]
    """The decisions for every recipient and purpose, for a data category."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event to publish."""

    event_id: bytes
    decision_id: UUID
    partner: str
    source: str
    subject: Subject
    after: Admitted
    """The fact as this event leaves it."""
    predecessor: bytes | None
    action: str
    occurred_from: datetime | None = None
    occurred_until: datetime | None = None
    payload: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision to publish."""

    decision_id: UUID
    event_id: bytes | None
    subject: Subject
    partner: str
    source: str
    delivery_id: UUID
    item: int
    category: str
    action: str
    permitted: bool
    decisions: tuple[Decision, ...]


@dataclass(slots=True)
class Plan:
    """What a batch comes to. The lists are in the order of the drafts."""

    events: list[Event] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    errors: list[tuple[Consignment, ItemError]] = field(default_factory=list)
    unchanged: dict[UUID, int] = field(default_factory=dict)
    """Drafts that state what was admitted before, by delivery."""


def fact_refs(keyring: Keyring, consignments: Iterable[Consignment], people: Mapping[tuple[str, Subject], bytes]) -> set[bytes]:
    """References of every fact and parent record that a batch touches. `people` gives the person reference by (partner, subject)."""
    refs = set()
    for consignment in consignments:
        delivery = consignment.delivery
        for draft in delivery.drafts:
            person = people[delivery.partner, draft.subject]
            refs.add(keyring.fact(delivery.source, person, draft.fact))
        for parent in delivery.parents:
            refs.add(keyring.fact(delivery.source, people[delivery.partner, parent.subject], parent.parent))
    return refs


def plan(
    keyring: Keyring, consignments: Sequence[Consignment], people: Mapping[tuple[str, Subject], Person], admitted: Iterable[Admitted]
) -> Plan:
    """What to publish. `admitted` holds the facts that `fact_refs` names and everything under them."""
    planner = _Planner(keyring, people, {fact.fact_ref: fact for fact in admitted})
    for consignment in consignments:
        planner.take(consignment)
    return planner.plan


@dataclass(slots=True)
class _Planner:
    """Goes through a batch in order; what one draft changes, the next one finds."""

    keyring: Keyring
    people: Mapping[tuple[str, Subject], Person]
    facts: dict[bytes, Admitted]
    parts: dict[bytes, set[bytes]] = field(default_factory=dict)
    """References of the facts under each fact or parent record."""
    plan: Plan = field(default_factory=Plan)

    def __post_init__(self) -> None:
        for fact in self.facts.values():
            self._note_parent(fact)

    def take(self, consignment: Consignment) -> None:
        delivery = consignment.delivery
        self.plan.errors += [(consignment, error) for error in delivery.errors]
        stated = set()
        for draft in delivery.drafts:
            person = self.people[delivery.partner, draft.subject]
            fact_ref = self.keyring.fact(delivery.source, person.ref, draft.fact)
            stated.add(fact_ref)
            try:
                self._take_draft(consignment, draft, person, fact_ref)
            except RecordError as error:
                faults = tuple(Fault(draft.pointer + fault.pointer, fault.code, fault.remedy) for fault in error.faults)
                self.plan.errors.append((consignment, ItemError(draft.item, draft.pointer, faults)))
        for parent in () if consignment.again else delivery.parents:
            self._take_parent(consignment, parent, stated)

    def _take_draft(self, consignment: Consignment, draft: Draft, person: Person, fact_ref: bytes) -> None:
        before = self.facts.get(fact_ref)
        _refuse_stale(draft, before)
        live = before is not None and before.content is not None
        if consignment.again and (draft.retract or (before is not None and (live or not before.denied))):
            self._note_unchanged(consignment)
            return
        if draft.retract:
            self._retract_with_parts(consignment, draft, fact_ref, set())
            return
        decisions = person.decide(draft.category)
        permitted = [decision for decision in decisions if decision.permitted]
        form = codec.schema(f"{draft.type}.v1")
        payload = codec.encode(form, _agreed_fields(draft, form, permitted))
        content = self.keyring.content(
            form.fingerprint, payload, draft.category.encode(), _time(draft.occurred_from), _time(draft.occurred_until)
        )
        if before is not None and before.content == content:
            self._note_unchanged(consignment)
            return
        action = "correct" if live else "assert"
        if not permitted:
            self._judge(consignment, draft.item, draft.subject, fact_ref, draft.category, action, decisions, None)
            if live:
                # A later grant must not revive what the sender has since corrected.
                self._retract_with_parts(consignment, draft, fact_ref, set(), denied=True)
            return
        parent_ref = None if draft.parent is None else self.keyring.fact(consignment.delivery.source, person.ref, draft.parent)
        predecessor = None if before is None else before.event_id
        after = Admitted(
            fact_ref,
            parent_ref,
            draft.type,
            draft.category,
            self.keyring.event_id(consignment.delivery.source, fact_ref, frame(predecessor or b"", content)),
            content,
            draft.source_version,
            draft.kept_when_omitted,
            False,
            KeyClass(basis_class(permitted)),
        )
        decision_id = self._judge(consignment, draft.item, draft.subject, fact_ref, draft.category, action, decisions, after.event_id)
        self._publish(
            Event(
                after.event_id,
                decision_id,
                consignment.delivery.partner,
                consignment.delivery.source,
                draft.subject,
                after,
                predecessor,
                action,
                draft.occurred_from,
                draft.occurred_until,
                payload,
            )
        )

    def _note_unchanged(self, consignment: Consignment) -> None:
        self.plan.unchanged[consignment.delivery_id] = self.plan.unchanged.get(consignment.delivery_id, 0) + 1

    def _take_parent(self, consignment: Consignment, parent: Parent, stated: set[bytes]) -> None:
        person = self.people[consignment.delivery.partner, parent.subject]
        ref = self.keyring.fact(consignment.delivery.source, person.ref, parent.parent)
        if parent.removed:
            self._retract_with_parts(consignment, parent, ref, set())
        else:
            self._retract_omitted(consignment, parent, ref, stated)

    def _retract_omitted(self, consignment: Consignment, parent: Parent, ref: bytes, stated: set[bytes]) -> None:
        """Retract what stands under a record and was not stated; what is kept is kept with all its parts."""
        for part in self._parts(ref):
            if part.fact_ref in stated:
                self._retract_omitted(consignment, parent, part.fact_ref, stated)
            elif part.content is None or not part.kept_when_omitted:
                self._retract_with_parts(consignment, parent, part.fact_ref, set())

    def _retract_with_parts(
        self, consignment: Consignment, cause: Draft | Parent, ref: bytes, done: set[bytes], *, denied: bool = False
    ) -> None:
        if ref in done:
            return
        done.add(ref)
        for part in self._parts(ref):
            self._retract_with_parts(consignment, cause, part.fact_ref, done, denied=denied)
        before = self.facts.get(ref)
        if before is None or before.content is None:
            return
        event_id = self.keyring.event_id(consignment.delivery.source, ref, frame(before.event_id, b"retract"))
        after = Admitted(
            ref, before.parent_ref, before.type, before.category, event_id, None, before.source_version, False, denied, before.key_class
        )
        decision_id = self._judge(consignment, cause.item, cause.subject, ref, before.category, "retract", (), event_id)
        self._publish(
            Event(
                event_id,
                decision_id,
                consignment.delivery.partner,
                consignment.delivery.source,
                cause.subject,
                after,
                before.event_id,
                "retract",
            )
        )

    def _parts(self, ref: bytes) -> list[Admitted]:
        return [self.facts[part] for part in sorted(self.parts.get(ref, ()))]

    def _note_parent(self, fact: Admitted) -> None:
        if fact.parent_ref is not None and fact.parent_ref != fact.fact_ref:
            self.parts.setdefault(fact.parent_ref, set()).add(fact.fact_ref)

    def _publish(self, event: Event) -> None:
        self.facts[event.after.fact_ref] = event.after
        self._note_parent(event.after)
        self.plan.events.append(event)

    def _judge(
        self,
        consignment: Consignment,
        item: int,
        subject: Subject,
        fact_ref: bytes,
        category: str,
        action: str,
        decisions: tuple[Decision, ...],
        event_id: bytes | None,
    ) -> UUID:
        delivery = consignment.delivery
        # A denied correction retracts: taken in again after a crash it is a denied assertion, and still the same decision.
        kind = b"deny" if event_id is None else action.encode()
        parts = (consignment.delivery_id.bytes, item.to_bytes(8, "big"), fact_ref, kind)
        decision_id = self.keyring.stable_id("decision", *parts)
        self.plan.verdicts.append(
            Verdict(
                decision_id,
                event_id,
                subject,
                delivery.partner,
                delivery.source,
                consignment.delivery_id,
                item,
                category,
                action,
                event_id is not None,
                decisions,
            )
        )
        return decision_id


def _refuse_stale(draft: Draft, before: Admitted | None) -> None:
    if before is None or draft.source_version is None or before.source_version is None:
        return
    if draft.source_version < before.source_version:
        raise RecordError(Fault("", "stale_version", f"version {before.source_version} was received before: send the newest version"))


def _agreed_fields(draft: Draft, form: codec.Schema, permitted: Sequence[Decision]) -> Mapping[str, object]:
    """The payload, with the schema's defaults in the fields that no permitted recipient may see."""
    if not permitted or any(decision.fields is None for decision in permitted):
        return draft.payload
    agreed = frozenset().union(*(decision.fields or frozenset() for decision in permitted))
    defaults = {field["name"]: field["default"] for field in form.parsed["fields"]}
    return {name: value if name in agreed else defaults[name] for name, value in draft.payload.items()}


def _time(at: datetime | None) -> bytes:
    return b"" if at is None else at.isoformat().encode()
