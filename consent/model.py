"""The values that consent, law and agreements are made of. Everything here is immutable and compares by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from consent.days import utc

__all__ = [
    "Agreement",
    "BasisKind",
    "BasisState",
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
    "Row",
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
    """State of a consent record; `consent.records.TRANSITIONS` says which may follow which."""

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
    """Nothing that is agreed and in force covers the request: unknown partner, category or purpose included."""
    STATUTE_NOT_IN_FORCE = "statute_not_in_force"
    STATUTE_UNREVIEWED = "statute_unreviewed"
    """Nobody has reviewed the statute row, or the review has expired."""
    STATUTE_OTHER_ROLE = "statute_other_role"
    CONSENT_ABSENT = "consent_absent"
    CONSENT_REFUSED = "consent_refused"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    CONSENT_EXPIRED = "consent_expired"
    CONSENT_CODE_MISSING = "consent_code_missing"


class BasisKind(StrEnum):
    """What an entry rests on towards one recipient and purpose, as far as that can be said without a clock."""

    STATUTE_CANDIDATE = "statute_candidate"
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Organisation:
    """A partner. Its roles are apart from it: a city that holds two roles still needs a purpose and a basis between them."""

    id: str
    name: str
    roles: frozenset[str]
    assumed: bool = False
    """Whether this is our assumption and not a fact of the network's sources."""


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
    assumed: bool = False


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
    """The first day on which the review no longer counts."""
    title: str = ""
    assurance: str = "recalled"
    """How its wording was obtained: `recalled` from memory, or `read` at its source. Neither is a lawyer's review."""


@dataclass(frozen=True, slots=True)
class StatuteBasis:
    """An agreement that rests on statutes: any one of them in force suffices."""

    statutes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConsentBasis:
    """An agreement that rests on the client's consent: every code must be given. Without codes nothing passes."""

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
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """What the client was shown when asked. `sha256` is of the exact text (GDPR 7(1), ISO/IEC TS 27560)."""

    id: str
    version: int
    language: str
    sha256: bytes


class Row(NamedTuple):
    """An agreement as it bears on one (sender, recipient, category, purpose): what `decide` needs, worked out once a network."""

    agreement: Agreement
    statutes: tuple[Statute, ...]
    """Those named whose roles, categories and purposes fit, in the agreement's order. Force and review are judged at decision time."""
    other_role: bool
    """Whether a named statute fits but for the partners' roles."""
    codes: frozenset[ConsentCode]
    """Consent codes asked for; empty for a row that rests on statutes, and then no consent can satisfy it."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network's agreed rules, as one immutable version. `version` is the SHA-256 (hex) of its canonical content."""

    id: str
    name: str
    version: str
    organisations: Mapping[str, Organisation]
    categories: frozenset[str]
    purposes: frozenset[str]
    agreements: tuple[Agreement, ...]
    statutes: Mapping[str, Statute]
    processings: tuple[Processing, ...]
    notices: tuple[Notice, ...]
    require_reviewed: bool
    """Whether an unreviewed statute denies. False in `demo` mode only."""
    faults: tuple[str, ...] = ()
    """What is missing before the network may run outside `demo` mode, a sentence each."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """The purposes' Finnish titles."""
    rows: Mapping[tuple[str, str, str, str], tuple[Row, ...]] = field(init=False, repr=False, compare=False)
    """The agreements by (sender, recipient, category, purpose), in force or not. Names that the network does not know are left out."""
    pairs: Mapping[tuple[str, str], tuple[tuple[str, str], ...]] = field(init=False, repr=False, compare=False)
    """By (sender, category): the sorted (recipient, purpose) that agreements mention."""

    def __post_init__(self) -> None:
        rows = _rows(self)
        pairs: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for sender, recipient, category, purpose in rows:
            pairs.setdefault((sender, category), set()).add((recipient, purpose))
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "pairs", {key: tuple(sorted(found)) for key, found in pairs.items()})


def _rows(network: Network) -> dict[tuple[str, str, str, str], tuple[Row, ...]]:
    rows: dict[tuple[str, str, str, str], tuple[Row, ...]] = {}
    for agreement in network.agreements:
        sender, recipient = network.organisations.get(agreement.sender), network.organisations.get(agreement.recipient)
        if sender is None or recipient is None:
            continue
        for category in agreement.categories & network.categories:
            for purpose in agreement.purposes & network.purposes:
                key = (sender.id, recipient.id, category, purpose)
                rows[key] = (*rows.get(key, ()), _row(network, agreement, sender, recipient, category, purpose))
    return rows


def _row(network: Network, agreement: Agreement, sender: Organisation, recipient: Organisation, category: str, purpose: str) -> Row:
    if isinstance(agreement.basis, ConsentBasis):
        return Row(agreement, (), False, agreement.basis.codes)
    named = [network.statutes[name] for name in agreement.basis.statutes if name in network.statutes]
    in_scope = [statute for statute in named if category in statute.categories and purpose in statute.purposes]
    fitting = tuple(s for s in in_scope if s.disclosing_roles & sender.roles and s.receiving_roles & recipient.roles)
    return Row(agreement, fitting, len(fitting) < len(in_scope), frozenset())


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
    Times are kept in UTC; one without a zone is a ValueError.
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
    digest: bytes | None = field(default=None, init=False, repr=False, compare=False)
    """Memory of `consent.records.record_hash`, which alone writes it; no part of the value."""

    def __post_init__(self) -> None:
        for name in ("valid_from", "valid_until", "occurred_at", "recorded_at"):
            object.__setattr__(self, name, utc(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on one request, with the versions it rests on, so that it can be decided again later, offline."""

    request: Request
    permitted: bool
    reasons: tuple[Reason, ...]
    """The permitting reasons, or every reason for the denial, most specific first."""
    network_version: str
    agreement: str | None = None
    agreement_version: int | None = None
    statute: str | None = None
    statute_version: str | None = None
    consents: tuple[bytes, ...] = ()
    """Hashes of the consent records that were used, sorted."""
    fields: frozenset[str] | None = None
    """Payload fields that may pass; None passes all."""
    at: datetime = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class BasisState:
    """The second gate's answer for one entry, recipient and purpose. No clock: expiry and force are judged when it is queried."""

    state: BasisKind
    consent: bytes | None = None
    """Hash of the consent record behind given, refused or withdrawn; of several, the one that ends last."""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    """For `given`: the last unbroken stretch [valid_from, valid_until) in which every code is given."""
