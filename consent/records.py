"""Consent records as documents: their one JSON form, their hash, and what one version may follow.

A record is evidence (GDPR 7(1); structure after ISO/IEC TS 27560): never changed, only followed by a version that names its hash. The hash is plain
SHA-256 over the canonical JSON in UTF-8, so `sha256sum` verifies it too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from consent import canonical
from consent.errors import ConsentConflictError, InvalidConsentError, Problem, TamperedRecordError
from consent.model import ConsentItem, ConsentRecord, State

__all__ = [
    "TRANSITIONS",
    "check_chain",
    "check_record",
    "check_successor",
    "from_json",
    "from_text",
    "is_name",
    "record_hash",
    "to_json",
    "to_text",
]

_FORMAT = "silta.consent-record.v1"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*")
_WILDCARDS = frozenset({"all", "any", "every", "everything"})

_AFTER_GIVEN = frozenset({State.RECONFIRMED, State.WITHDRAWN, State.EXPIRED, State.INVALIDATED, State.SUPERSEDED})
TRANSITIONS: Mapping[State | None, frozenset[State]] = {
    None: frozenset({State.REQUESTED, State.GIVEN, State.REFUSED}),
    State.REQUESTED: frozenset({State.GIVEN, State.REFUSED}),
    State.GIVEN: _AFTER_GIVEN,
    State.RECONFIRMED: _AFTER_GIVEN,
    State.REFUSED: frozenset({State.INVALIDATED, State.SUPERSEDED}),
    State.WITHDRAWN: frozenset(),
    State.EXPIRED: frozenset(),
    State.INVALIDATED: frozenset(),
    State.SUPERSEDED: frozenset(),
}
"""What may follow a state; None is before the first version. A refusal ends only by a newer answer to the same question, or when it never was
one; what ended never revives."""


def is_name(text: str) -> bool:
    """Whether this can be a purpose, category or organisation: plain ASCII, so that no two look alike, and no word for everything."""
    return _NAME.fullmatch(text) is not None and text not in _WILDCARDS


def to_json(record: ConsentRecord) -> dict[str, Any]:
    """The record's JSON document."""
    return {"format": _FORMAT, **canonical.encode(record)}


def from_json(document: Mapping[str, Any]) -> ConsentRecord:
    """The record of a document; InvalidConsentError, with a pointer, unless it is exactly what `to_json` writes of a well-formed record."""
    if document.get("format") != _FORMAT:
        raise InvalidConsentError(Problem("/format", "unknown_format", f"expected {_FORMAT}"))
    try:
        record = canonical.decode(ConsentRecord, {name: value for name, value in document.items() if name != "format"})
    except canonical.NotCanonicalError as error:
        raise InvalidConsentError(Problem(error.pointer, "malformed", error.message)) from error
    check_record(record)
    return record


def to_text(record: ConsentRecord) -> str:
    """The text that is stored and hashed."""
    return canonical.dumps(to_json(record))


def from_text(text: str) -> ConsentRecord:
    """The record of a stored text; InvalidConsentError for any other spelling of it."""
    try:
        document = canonical.loads(text)
    except canonical.NotCanonicalError as error:
        raise InvalidConsentError(Problem(error.pointer, "malformed", error.message)) from error
    if not isinstance(document, dict):
        raise InvalidConsentError(Problem("", "malformed", "expected an object"))
    record = from_json(document)
    object.__setattr__(record, "digest", sha256(text.encode()).digest())
    return record


def record_hash(record: ConsentRecord) -> bytes:
    """SHA-256 of the record's text. Worked out once a record and remembered in it."""
    if record.digest is None:
        object.__setattr__(record, "digest", sha256(to_text(record).encode()).digest())
    assert record.digest is not None
    return record.digest


def check_record(record: ConsentRecord) -> None:
    """InvalidConsentError, with every fault, unless the record alone is well-formed."""
    problems = [problem for index, item in enumerate(record.items) for problem in _item_problems(item, f"/items/{index}")]
    if not record.items:
        problems.append(Problem("/items", "empty", "name at least one purpose"))
    if not record.controllers or not all(map(is_name, record.controllers)):
        problems.append(Problem("/controllers", "not_a_name", "name at least one controller, each by its id"))
    if record.valid_from >= record.valid_until:
        problems.append(Problem("/valid_until", "not_after_start", "the end of validity must be after its start"))
    if record.version < 1 or (record.version == 1) != (record.previous is None):
        problems.append(Problem("/previous", "broken_chain", "the first version, 1, has no predecessor; every other names its hash"))
    said = ("channel", "captured_by", "actor")
    problems.extend(Problem(f"/{name}", "empty", "must be said") for name in said if not getattr(record, name).strip())
    if problems:
        raise InvalidConsentError(*problems)


def _item_problems(item: ConsentItem, pointer: str) -> list[Problem]:
    problems = []
    remedy = "name it exactly: empty names and words for everything are no consent (GDPR 4(11), specific)"
    if not is_name(item.purpose):
        problems.append(Problem(f"{pointer}/purpose", "not_a_name", remedy))
    for name, values in (("categories", item.categories), ("recipients", item.recipients)):
        if not values or not all(map(is_name, values)):
            problems.append(Problem(f"{pointer}/{name}", "not_a_name", remedy))
    if item.permit and not item.codes:
        problems.append(Problem(f"{pointer}/codes", "empty", "a permission says what it lifts"))
    return problems


def check_successor(previous: ConsentRecord | None, record: ConsentRecord) -> None:
    """ConsentConflictError unless `record` may follow `previous` (None: be the first): version, hash, subject, state, time."""
    problems = []
    if previous is None:
        if record.version != 1:
            problems.append(Problem("/version", "broken_chain", "the first version is 1"))
    else:
        if (record.consent_id, record.version, record.previous) != (previous.consent_id, previous.version + 1, record_hash(previous)):
            problems.append(Problem("/previous", "broken_chain", "a version names the hash of the one before it"))
        if record.subject != previous.subject:
            problems.append(Problem("/subject", "other_subject", "a consent belongs to one identity for ever"))
        if record.state in (State.GIVEN, State.RECONFIRMED) and record.occurred_at < previous.occurred_at:
            problems.append(Problem("/occurred_at", "out_of_order", "this happened before what is on record already"))
    before = None if previous is None else previous.state
    if record.state not in TRANSITIONS[before]:
        problems.append(Problem("/state", "state_cannot_follow", f"{record.state} can't follow {before or 'nothing'}"))
    if problems:
        raise ConsentConflictError(*problems)


def check_chain(versions: Sequence[ConsentRecord]) -> None:
    """TamperedRecordError unless these are all versions of one consent from the first on, in order."""
    previous = None
    for record in versions:
        try:
            check_record(record)
            check_successor(previous, record)
        except (ConsentConflictError, InvalidConsentError) as error:
            raise TamperedRecordError(*error.problems) from error
        previous = record
