"""A small network and consents for the tests of `consent`: everything written out, so that a test names only what it is about."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

from consent.model import (
    Agreement,
    ConsentBasis,
    ConsentCode,
    ConsentItem,
    ConsentRecord,
    Network,
    Notice,
    Organisation,
    Request,
    State,
    Statute,
    StatuteBasis,
)
from consent.records import record_hash

AT = datetime(2026, 6, 15, 12, tzinfo=UTC)
FROM = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = datetime(2027, 1, 1, tzinfo=UTC)
PERSON = UUID(int=1)
BOTH = frozenset({ConsentCode.GDPR_6_1_A, ConsentCode.JULKL_CONSENT})
ONE = frozenset({ConsentCode.GDPR_6_1_A})
NOTICE = Notice("sharing", 1, "en", b"\x01" * 32)

BY_STATUTE = Request("city", "te", "plan", "integration")
BY_CONSENT = Request("city", "school", "skills", "guidance")
NOT_AGREED = Request("city", "kela", "health", "benefits")

STATUTE = Statute(
    id="s1",
    version="v1",
    act="681/2023",
    section="§",
    in_force_from=date(2025, 1, 1),
    in_force_until=None,
    disclosing_roles=frozenset({"municipality"}),
    receiving_roles=frozenset({"employment_authority"}),
    categories=frozenset({"plan"}),
    purposes=frozenset({"integration"}),
    reviewed_by="a lawyer",
    reviewed_on=date(2025, 6, 1),
    review_expires=date(2027, 6, 1),
)

STATUTE_ROW = Agreement(
    id="a-statute",
    version=1,
    sender="city",
    recipient="te",
    categories=frozenset({"plan"}),
    purposes=frozenset({"integration"}),
    basis=StatuteBasis(("s1",)),
    in_force_from=date(2025, 1, 1),
    in_force_until=None,
)
CONSENT_ROW = Agreement(
    id="a-consent",
    version=3,
    sender="city",
    recipient="school",
    categories=frozenset({"skills"}),
    purposes=frozenset({"guidance"}),
    basis=ConsentBasis(BOTH),
    in_force_from=date(2025, 1, 1),
    in_force_until=None,
)


def network(*agreements: Agreement, statutes: Iterable[Statute] = (STATUTE,), require_reviewed: bool = True) -> Network:
    """A city, a TE-office, a school and Kela, with these agreements."""
    organisations = (
        Organisation("city", "City", frozenset({"municipality"})),
        Organisation("te", "TE-office", frozenset({"employment_authority"})),
        Organisation("school", "School", frozenset({"education_provider"})),
        Organisation("kela", "Kela", frozenset({"kela"})),
    )
    return Network(
        id="n",
        name="N",
        version="v",
        organisations={each.id: each for each in organisations},
        categories=frozenset({"plan", "skills", "education", "health"}),
        purposes=frozenset({"integration", "guidance", "benefits"}),
        agreements=agreements or (STATUTE_ROW, CONSENT_ROW),
        statutes={each.id: each for each in statutes},
        processings=(),
        notices=(NOTICE,),
        require_reviewed=require_reviewed,
    )


def item(
    purpose: str = "guidance",
    categories: Iterable[str] = ("skills",),
    recipients: Iterable[str] = ("school",),
    *,
    permit: bool = True,
    codes: frozenset[ConsentCode] = BOTH,
) -> ConsentItem:
    return ConsentItem(purpose, frozenset(categories), frozenset(recipients), permit, codes)


def record(state: State = State.GIVEN, *items: ConsentItem, number: int = 10, **changes: object) -> ConsentRecord:
    """A consent of the person; by default to what `BY_CONSENT` asks, for all of 2026."""
    first = ConsentRecord(
        consent_id=UUID(int=number),
        version=1,
        previous=None,
        subject=PERSON,
        notice=NOTICE,
        items=items or (item(),),
        controllers=("city",),
        valid_from=FROM,
        valid_until=UNTIL,
        channel="office",
        captured_by="city/u1",
        evidence_sha256=None,
        state=state,
        occurred_at=FROM,
        recorded_at=FROM,
        actor="client",
    )
    return replace(first, **changes)  # type: ignore[arg-type]


def later(previous: ConsentRecord, state: State, **changes: object) -> ConsentRecord:
    """The next version of a consent."""
    following: dict[str, object] = {"version": previous.version + 1, "previous": record_hash(previous), "state": state, **changes}
    return replace(previous, **following)  # type: ignore[arg-type]
