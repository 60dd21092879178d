"""The values that consent, law and agreements are made of. Everything here is immutable and compares by value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

__all__ = [
    "Agreement",
    "ConsentBasis",
    "ConsentCode",
    "ConsentItem",
    "ConsentRecord",
    "Decision",
    "Network",
    "Notice",
    "Organisation",
    "Processing",
    "Reason",
    "Request",
    "State",
    "Statute",
    "StatuteBasis",
]


class ConsentCode(StrEnum):
    """What a consent lifts. A transfer may need more than one of them."""

    GDPR_6_1_A = "gdpr_6_1_a"
    """GDPR 6(1)(a), processing of personal data."""
    GDPR_9_2_A = "gdpr_9_2_a"
    """GDPR 9(2)(a), explicit consent for special categories."""
    JULKL_CONSENT = "julkl_consent"
    """Openness act 621/1999 §§ 26 and 29, disclosure of what is secret."""


class State(StrEnum):
    """State of a consent record: requested → given | refused; given → reconfirmed | withdrawn | expired | invalidated | superseded."""

    REQUESTED = "requested"
    GIVEN = "given"
    REFUSED = "refused"
    RECONFIRMED = "reconfirmed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"
    SUPERSEDED = "superseded"


class Reason(StrEnum):
    """Stable reason codes of a decision."""

    STATUTE = "statute"
    """Permit: a statute in force carries the transfer."""
    CONSENT = "consent"
    """Permit: every consent code that the agreement asks for is given."""
    NO_AGREEMENT = "no_agreement"
    STATUTE_NOT_IN_FORCE = "statute_not_in_force"
    STATUTE_UNREVIEWED = "statute_unreviewed"
    STATUTE_OTHER_ROLE = "statute_other_role"
    CONSENT_ABSENT = "consent_absent"
    CONSENT_REFUSED = "consent_refused"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    CONSENT_EXPIRED = "consent_expired"
    CONSENT_CODE_MISSING = "consent_code_missing"


@dataclass(frozen=True, slots=True)
class Organisation:
    """A partner. Its roles are apart from it: a city that holds two roles still needs a purpose and a basis between them."""

    id: str
    name: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Processing:
    """Who answers for one processing of the network, and how long it keeps data (GDPR 5(1)(e), 26, 28, 35)."""

    id: str
    controllers: tuple[str, ...]
    processor: str | None
    retention_days: int | None
    document: str | None
    """Reference of the Art. 26 or 28 arrangement."""
    dpia: str | None
    """Reference of the data protection impact assessment."""


@dataclass(frozen=True, slots=True)
class Statute:
    """One section that lets a role disclose categories to a role for purposes. Force is half-open: [in_force_from, in_force_until)."""

    id: str
    version: str
    act: str
    section: str
    in_force_from: date
    in_force_until: date | None
    disclosing_roles: frozenset[str]
    receiving_roles: frozenset[str]
    categories: frozenset[str]
    purposes: frozenset[str]
    reviewed_by: str | None
    reviewed_on: date | None
    review_expires: date | None

    def is_in_force(self, at: datetime) -> bool:
        """Whether the section is in force on the (Finnish) day of `at`."""
        from consent.calendar import finnish_day

        day = finnish_day(at)
        return self.in_force_from <= day and (self.in_force_until is None or day < self.in_force_until)


@dataclass(frozen=True, slots=True)
class StatuteBasis:
    """An agreement that rests on statutes: any one of them in force suffices."""

    statutes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConsentBasis:
    """An agreement that rests on the client's consent: every code must be given."""

    codes: frozenset[ConsentCode]


@dataclass(frozen=True, slots=True)
class Agreement:
    """One row of what partners agreed: `sender` may give `recipient` the categories for the purposes, on this basis, in force half-open."""

    id: str
    version: int
    sender: str
    recipient: str
    categories: frozenset[str]
    purposes: frozenset[str]
    basis: StatuteBasis | ConsentBasis
    in_force_from: date
    in_force_until: date | None
    fields: frozenset[str] | None = None
    """Payload fields that may pass; None passes every field of the category."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What the client was shown when asked. `sha256` is of the exact text (GDPR 7(1), ISO/IEC TS 27560)."""

    id: str
    version: int
    language: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Network:
    """A network's agreed rules, as one immutable version. `version` is the SHA-256 (hex) of its canonical content."""

    id: str
    name: str
    version: str
    organisations: dict[str, Organisation]
    categories: frozenset[str]
    purposes: frozenset[str]
    agreements: tuple[Agreement, ...]
    statutes: dict[str, Statute]
    processings: tuple[Processing, ...]
    notices: tuple[Notice, ...]
    require_reviewed: bool
    """Whether an unreviewed statute denies. False in `demo` mode only."""
    faults: tuple[str, ...] = ()
    """What is missing before the network may run outside `demo` mode, a sentence each."""


@dataclass(frozen=True, slots=True)
class Request:
    """May `sender` let `recipient` have data of `category` for `purpose`? Organisations by id."""

    sender: str
    recipient: str
    category: str
    purpose: str


@dataclass(frozen=True, slots=True)
class ConsentItem:
    """One permission or refusal inside a consent record."""

    purpose: str
    categories: frozenset[str]
    recipients: frozenset[str]
    permit: bool
    codes: frozenset[ConsentCode]


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """One immutable version of a consent, after ISO/IEC TS 27560; versions of one consent are chained by hash.

    Validity is half-open, [valid_from, valid_until), and mandatory. `subject` is an identity, never a client, so that an unmerge can split consents.
    """

    consent_id: UUID
    version: int
    previous: bytes | None
    """SHA-256 of the version before; None for the first."""
    subject: UUID
    notice: Notice
    items: tuple[ConsentItem, ...]
    controllers: tuple[str, ...]
    valid_from: datetime
    valid_until: datetime
    channel: str
    captured_by: str
    """The partner, and its pseudonymous user if any: never a name."""
    evidence_sha256: bytes | None
    state: State
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    on_behalf_of: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on one request, with the versions it rests on, so that it can be decided again later, offline."""

    request: Request
    permitted: bool
    reasons: tuple[Reason, ...]
    """The permitting reason, or every reason for the denial, most specific first."""
    network_version: str
    agreement: str | None = None
    agreement_version: int | None = None
    statute: str | None = None
    statute_version: str | None = None
    consents: tuple[bytes, ...] = ()
    """Hashes of the consent records that were used."""
    fields: frozenset[str] | None = None
    """Payload fields that may pass; None passes all."""
    at: datetime = field(kw_only=True)
