"""From bytes under a name to consignments for intake: opened as a delivery, parsed, cut into parts that one transaction can hold."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from hub import deliveries
from hub.connectors.base import Source
from hub.database import Connection
from hub.deliveries import Opened, Outcome
from hub.drafts import Delivery, Draft, ItemError, Parent
from hub.intake import Intake
from hub.planning import Consignment
from hub.quarantine import quarantine

__all__ = ["PART", "Received", "receive", "take_in"]

_Numbered = TypeVar("_Numbered", Draft, Parent, ItemError)
PART = 500
"""Drafts a part, about: items are not cut apart."""


@dataclass(frozen=True, slots=True)
class Received:
    """What arrived under a name. `parts` is empty when it was taken in before."""

    item: bytes
    opened: Opened
    parts: tuple[Consignment, ...]


def receive(
    intake: Intake,
    source: Source,
    *,
    item: bytes,
    body: bytes,
    stamp: str,
    whole: bool = True,
    repeats: bool = True,
    replaceable: bool = True,
) -> Received | None:
    """Parse it and open the delivery (see `open_delivery`), durably.

    What can't be read at all goes to quarantine, unless it may not be `whole` yet: then None, and nothing was noted.
    """
    at = intake.now()
    connection = intake.slot.connection
    delivery = source.parse(body, source=source.id, partner=source.partner, today=at.date())
    unreadable = bool(delivery.errors) and not delivery.drafts and not delivery.parents
    if unreadable and not whole:
        return None
    with connection.transaction():
        content = intake.keyring.content(b"body", body)
        opened = deliveries.open_delivery(
            connection, source.id, item, content=content, stamp=stamp, at=at, repeats=repeats, replaceable=replaceable
        )
        if opened.done is not None:
            return Received(item, opened, ())
        if unreadable:
            _quarantine(intake, connection, source, opened, body, delivery, at)
    return Received(item, opened, tuple(_parts(delivery, item, opened)))


def take_in(intake: Intake, received: list[Received]) -> list[Outcome]:
    """Take everything in, in as few transactions as the parts' size allows; the outcome of each, durable.

    The outcome is that of the whole delivery, also if parts of it were taken in before a crash, or by a parallel sender.
    """
    outcomes = [one.opened.done or Outcome(one.opened.delivery_id) for one in received]
    waiting: list[tuple[Consignment, Outcome]] = []
    size = 0
    for one, outcome in zip(received, outcomes, strict=True):
        for part in one.parts:
            if waiting and size + len(part.delivery.drafts) > PART:
                _admit(intake, waiting)
                waiting, size = [], 0
            waiting.append((part, outcome))
            size += len(part.delivery.drafts)
    _admit(intake, waiting)
    taken = {one.opened.delivery_id: one.item for one in received if one.parts}
    if not taken:
        return outcomes
    with intake.slot.connection.transaction():
        stored = deliveries.stored_outcomes(intake.slot.connection, intake.slot.source, taken)
    return [stored.get(outcome.delivery_id, outcome) for outcome in outcomes]


def _admit(intake: Intake, waiting: list[tuple[Consignment, Outcome]]) -> None:
    if waiting:
        for part, (_, outcome) in zip(intake.admit([part for part, _ in waiting]), waiting, strict=True):
            outcome.add(part)


def _parts(delivery: Delivery, item: bytes, opened: Opened) -> Iterator[Consignment]:
    """The delivery cut between items, from where an interrupted one is to go on."""
    cuts = [opened.next]
    size = 0
    last = opened.next
    for draft in delivery.drafts:
        if draft.item < opened.next:
            continue
        size += 1
        if size > PART and draft.item != last:
            cuts.append(draft.item)
            size = 1
        last = draft.item
    drafts, parents, errors = _cut(delivery.drafts, cuts), _cut(delivery.parents, cuts), _cut(delivery.errors, cuts)
    for number, end in enumerate([*cuts[1:], None]):
        part = replace(delivery, drafts=tuple(drafts[number]), parents=tuple(parents[number]), errors=tuple(errors[number]))
        yield Consignment(opened.delivery_id, item, part, end, opened.again)


def _cut(found: Sequence[_Numbered], cuts: Sequence[int]) -> list[list[_Numbered]]:
    """What belongs to the items from each cut to the next; what comes before the first was taken in before."""
    parts: list[list[_Numbered]] = [[] for _ in cuts]
    for one in found:
        number = bisect_right(cuts, one.item) - 1
        if number >= 0:
            parts[number].append(one)
    return parts


def _quarantine(
    intake: Intake, connection: Connection, source: Source, opened: Opened, body: bytes, delivery: Delivery, at: datetime
) -> None:
    faults = [fault for error in delivery.errors for fault in error.faults]
    quarantine(connection, intake.keyring, intake.wire, source=source.id, delivery_id=opened.delivery_id, body=body, faults=faults, at=at)
