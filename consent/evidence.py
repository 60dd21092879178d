"""What a client's consent records say about one request: the part of a decision that is the same at every gate.

Only the newest version of each consent speaks. A refusal stands until a newer answer supersedes it: it doesn't lapse with the record's validity, for
nothing may be released by the mere passing of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from consent.model import ConsentCode, ConsentItem, ConsentRecord, Request, State
from consent.records import record_hash

__all__ = ["NO_CODES", "PERMITTING", "Evidence", "Stretch", "newest", "refuses", "weigh"]

PERMITTING = (State.GIVEN, State.RECONFIRMED)
"""The only states in which an item can permit."""

# An enum's member costs 0.2 µs to look up in Python 3.11, a name of the module nothing.
_REFUSED, _WITHDRAWN, _EXPIRED = State.REFUSED, State.WITHDRAWN, State.EXPIRED

NO_CODES: frozenset[ConsentCode] = frozenset()


def newest(consents: Sequence[ConsentRecord]) -> Sequence[ConsentRecord]:
    """The newest version of each consent. Should two records claim one version (a broken chain), the one that permits less speaks."""
    if len(consents) < 2:  # noqa: PLR2004  # nothing to compare
        return consents
    found: dict[UUID, ConsentRecord] = {}
    for record in consents:
        other = found.setdefault(record.consent_id, record)
        if other is not record and _rank(record) > _rank(other):
            found[record.consent_id] = record
    return tuple(found.values())


def _rank(record: ConsentRecord) -> tuple[int, bool, bytes]:
    return record.version, record.state not in PERMITTING, record_hash(record)


@dataclass(frozen=True, slots=True)
class Stretch:
    """An unbroken time [since, until) in which consent is given, and the records that give it."""

    since: datetime
    until: datetime
    records: tuple[ConsentRecord, ...]


class Evidence(NamedTuple):
    """The records that concern a request, by what they say of it."""

    given: Sequence[tuple[ConsentRecord, frozenset[ConsentCode]]]
    """Permissions with their codes; validity is not judged here."""
    refused: Sequence[ConsentRecord]
    withdrawn: Sequence[ConsentRecord]
    expired: Sequence[ConsentRecord]
    """Those whose state says so; a `given` record may have expired all the same."""

    def valid_at(self, now: datetime) -> list[tuple[ConsentRecord, frozenset[ConsentCode]]]:
        """The permissions whose half-open validity contains this time (UTC)."""
        return [found for found in self.given if found[0].valid_from <= now < found[0].valid_until]

    def last_stretch(self, codes: frozenset[ConsentCode]) -> Stretch | None:
        """The last unbroken time in which all codes are given; None if there is none. Several records may join to give it."""
        useful = [(record, given & codes) for record, given in self.given if given & codes]
        edges = sorted({edge for record, _ in useful for edge in (record.valid_from, record.valid_until)})
        last: Stretch | None = None
        for since, until in pairwise(edges):
            here = [(record, given) for record, given in useful if record.valid_from <= since and until <= record.valid_until]
            if NO_CODES.union(*(given for _, given in here)) != codes:
                continue
            joined = last if last is not None and last.until == since else None
            records = {record_hash(record): record for record in (*(joined.records if joined else ()), *(record for record, _ in here))}
            last = Stretch(joined.since if joined else since, until, tuple(records.values()))
        return last


def refuses(record: ConsentRecord, item: ConsentItem) -> bool:
    """Whether this item of a newest version is a refusal that stands."""
    return record.state is _REFUSED or (not item.permit and record.state in PERMITTING)


def weigh(request: Request, current: Sequence[ConsentRecord]) -> Evidence:
    """Sort the newest versions by what they say about the request."""
    given: list[tuple[ConsentRecord, frozenset[ConsentCode]]] = []
    refused: list[ConsentRecord] = []
    withdrawn: list[ConsentRecord] = []
    expired: list[ConsentRecord] = []
    purpose, category, recipient = request.purpose, request.category, request.recipient
    for record in current:
        for item in record.items:
            if item.purpose != purpose or category not in item.categories or recipient not in item.recipients:
                continue
            if refuses(record, item):
                refused.append(record)
            elif item.permit and record.state in PERMITTING:
                given.append((record, item.codes))
            elif item.permit and record.state is _WITHDRAWN:
                withdrawn.append(record)
            elif item.permit and record.state is _EXPIRED:
                expired.append(record)
    return Evidence(given, refused, withdrawn, expired)
