"""The decision whether a sender may let a recipient have data of a category for a purpose, now.

Deny by default. An agreement row in force is always necessary; it rests on statutes or on consent. Authorities act on statute where one carries the
exchange, and a refusal does not block that; otherwise every consent code that the row asks for must be given, and a refusal beats a permit
(GDPR 6(1), 7(3), 9(2)(a); 621/1999 §§ 26, 29). Everything here is pure: no clock, no store, and no dependence on the order of the consents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal

from consent.days import finnish_day, in_force, utc
from consent.evidence import NO_CODES, Evidence, newest, weigh
from consent.model import Agreement, BasisKind, BasisState, ConsentRecord, Decision, Network, Reason, Request, Row, Statute
from consent.records import record_hash

__all__ = ["basis_class", "basis_state", "decide", "decide_publication", "pairs"]

_SPECIFIC_FIRST = (
    Reason.CONSENT_REFUSED,
    Reason.CONSENT_WITHDRAWN,
    Reason.CONSENT_EXPIRED,
    Reason.CONSENT_CODE_MISSING,
    Reason.CONSENT_ABSENT,
    Reason.STATUTE_NOT_IN_FORCE,
    Reason.STATUTE_UNREVIEWED,
    Reason.STATUTE_OTHER_ROLE,
    Reason.NO_AGREEMENT,
)
_NOTHING_AGREED = (Reason.NO_AGREEMENT,)
_BY_STATUTE = (Reason.STATUTE,)
_BY_CONSENT = (Reason.CONSENT,)
_BY_BOTH = (Reason.STATUTE, Reason.CONSENT)


def decide(request: Request, network: Network, consents: Sequence[ConsentRecord], at: datetime) -> Decision:
    """Permit or deny, with reasons and the versions it rests on. Total: what is unknown is denied; only an `at` without a zone is a ValueError.

    `consents` are those of the client's identities: all versions or the newest only, in any order, repeats allowed; a record of another person must
    not be among them, since a request names no client. `at` is decision time, never the time of what is released.
    """
    return _decide(request, network, newest(consents), utc(at), finnish_day(at))


def pairs(network: Network, sender: str, category: str) -> tuple[tuple[str, str], ...]:
    """The sorted (recipient, purpose) that the network's agreements mention for what `sender` has of `category`, in force or not."""
    return network.pairs.get((sender, category), ())


def decide_publication(
    network: Network, sender: str, category: str, consents: Sequence[ConsentRecord], at: datetime
) -> tuple[Decision, ...]:
    """A decision for each of `pairs`, in their order. One permit publishes; the list is evidence, never authority."""
    current, now, day = newest(consents), utc(at), finnish_day(at)
    return tuple(
        _decide(Request(sender, recipient, category, purpose), network, current, now, day)
        for recipient, purpose in pairs(network, sender, category)
    )


def basis_class(decisions: Iterable[Decision]) -> Literal["statute", "consent"]:
    """The class of the key that seals an event published on these decisions: `statute` if any permit rests on one. Asked of published events only."""
    return "statute" if any(decision.permitted and decision.statute for decision in decisions) else "consent"


def basis_state(request: Request, network: Network, consents: Sequence[ConsentRecord]) -> BasisState:
    """What an entry rests on towards one recipient and purpose, from the records so far and without a clock.

    A row whose statutes fit makes the entry a `statute_candidate`, whatever was refused; else a refusal beats a permit, and a permit beats the
    memory of a withdrawal. Of several separate stretches in which consent is given, the last is kept.
    """
    rows = network.rows.get((request.sender, request.recipient, request.category, request.purpose), ())
    if any(row.statutes for row in rows):
        return BasisState(BasisKind.STATUTE_CANDIDATE)
    evidence = weigh(request, newest(consents) if rows else ())
    if evidence.refused:
        return BasisState(BasisKind.REFUSED, _ends_last(evidence.refused))
    stretches = [stretch for row in rows if (stretch := evidence.last_stretch(row.codes))]
    if stretches:
        last = max(stretches, key=lambda stretch: (stretch.until, stretch.since))
        return BasisState(BasisKind.GIVEN, _ends_last(last.records), last.since, last.until)
    if evidence.withdrawn:
        return BasisState(BasisKind.WITHDRAWN, _ends_last(evidence.withdrawn))
    return BasisState(BasisKind.NONE)


def _ends_last(records: Sequence[ConsentRecord]) -> bytes:
    return max((record.valid_until, record_hash(record)) for record in records)[1]


def _decide(request: Request, network: Network, current: Sequence[ConsentRecord], now: datetime, day: date) -> Decision:
    carried: list[tuple[Row, Statute]] = []
    asking: list[Row] = []
    reasons: list[Reason] = []
    settled = False
    for row in network.rows.get((request.sender, request.recipient, request.category, request.purpose), ()):
        agreement = row.agreement
        if not in_force(agreement.in_force_from, agreement.in_force_until, day):
            continue
        if row.codes:
            asking.append(row)
        elif statute := _carrying(row, network, day):
            carried.append((row, statute))
            settled = settled or agreement.fields is None
        else:
            reasons.append(_lack(row, day))
    if settled or not asking:  # consent could add nothing
        return _permit(request, network, now, carried, (), ()) if carried else _deny(request, network, now, reasons, ())
    evidence = weigh(request, current)
    consented, used = _consented(asking, evidence, now)
    if carried or consented:
        return _permit(request, network, now, carried, consented, used)
    reasons.append(_missing(evidence, now))
    return _deny(request, network, now, reasons, evidence.refused or (*evidence.withdrawn, *evidence.expired))


def _deny(request: Request, network: Network, now: datetime, reasons: Sequence[Reason], used: Sequence[ConsentRecord]) -> Decision:
    if len(reasons) > 1:
        said: tuple[Reason, ...] = tuple(reason for reason in _SPECIFIC_FIRST if reason in reasons)
    else:
        said = tuple(reasons) or _NOTHING_AGREED
    return Decision(request, False, said, network.version, consents=_hashes(used), at=now)


def _permit(
    request: Request,
    network: Network,
    now: datetime,
    carried: Sequence[tuple[Row, Statute]],
    consented: Sequence[Row],
    used: Sequence[ConsentRecord],
) -> Decision:
    statute = carried[0][1] if carried else None
    agreements = [row.agreement for row, _ in carried] + [row.agreement for row in consented]
    return Decision(
        request,
        permitted=True,
        reasons=_BY_BOTH if carried and consented else _BY_STATUTE if carried else _BY_CONSENT,
        network_version=network.version,
        agreement=agreements[0].id,
        agreement_version=agreements[0].version,
        statute=statute.id if statute else None,
        statute_version=statute.version if statute else None,
        consents=_hashes(used),
        fields=_fields(agreements),
        at=now,
    )


def _fields(agreements: Sequence[Agreement]) -> frozenset[str] | None:
    """What all of these together let pass."""
    allowed: frozenset[str] = frozenset()
    for agreement in agreements:
        if agreement.fields is None:
            return None
        allowed |= agreement.fields
    return allowed


def _carrying(row: Row, network: Network, day: date) -> Statute | None:
    """The first statute of the row that is in force on the day and, where the network asks for it, reviewed."""
    for statute in row.statutes:
        if in_force(statute.in_force_from, statute.in_force_until, day) and (not network.require_reviewed or _is_reviewed(statute, day)):
            return statute
    return None


def _is_reviewed(statute: Statute, day: date) -> bool:
    return (
        statute.reviewed_by is not None and statute.reviewed_on is not None and in_force(statute.reviewed_on, statute.review_expires, day)
    )


def _consented(rows: Sequence[Row], evidence: Evidence, now: datetime) -> tuple[list[Row], Sequence[ConsentRecord]]:
    """The rows whose codes are all given now, and the records that give them. None under a refusal."""
    if evidence.refused:
        return [], ()
    valid = evidence.valid_at(now)
    if not valid:
        return [], ()
    codes = NO_CODES.union(*[given for _, given in valid])
    consented = [row for row in rows if row.codes <= codes]
    asked = NO_CODES.union(*[row.codes for row in consented])
    return consented, [record for record, given in valid if given & asked]


def _missing(evidence: Evidence, now: datetime) -> Reason:
    """Why a row that asks for consent denies."""
    if evidence.refused:
        return Reason.CONSENT_REFUSED
    if evidence.valid_at(now):
        return Reason.CONSENT_CODE_MISSING
    if evidence.withdrawn:
        return Reason.CONSENT_WITHDRAWN
    if evidence.expired or any(record.valid_until <= now for record, _ in evidence.given):
        return Reason.CONSENT_EXPIRED
    return Reason.CONSENT_ABSENT


def _lack(row: Row, day: date) -> Reason:
    """Why a row that rests on statutes denies. One that names none whose subject fits agrees to nothing."""
    if any(in_force(statute.in_force_from, statute.in_force_until, day) for statute in row.statutes):
        return Reason.STATUTE_UNREVIEWED
    if row.statutes:
        return Reason.STATUTE_NOT_IN_FORCE
    return Reason.STATUTE_OTHER_ROLE if row.other_role else Reason.NO_AGREEMENT


def _hashes(records: Sequence[ConsentRecord]) -> tuple[bytes, ...]:
    if len(records) > 1:
        return tuple(sorted({record_hash(record) for record in records}))
    return (record_hash(records[0]),) if records else ()
