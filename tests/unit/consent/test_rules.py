"""The decision, case by case. Numbers in parentheses are lines of the list of attacks."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from consent.model import BasisKind, BasisState, ConsentBasis, ConsentCode, Reason, Request, State, StatuteBasis
from consent.records import record_hash
from consent.rules import basis_class, basis_state, decide, decide_publication, pairs
from tests.unit.consent.values import (
    AT,
    BOTH,
    BY_CONSENT,
    BY_STATUTE,
    CONSENT_ROW,
    FROM,
    NOT_AGREED,
    ONE,
    STATUTE,
    STATUTE_ROW,
    UNTIL,
    item,
    later,
    network,
    record,
)

REFUSING = item(permit=False)
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    "reason, consents",
    [
        ("consent", [record()]),
        ("consent", [later(record(), State.RECONFIRMED)]),
        ("consent", [record(State.GIVEN, item(codes=ONE)), record(State.GIVEN, item(codes=BOTH - ONE), number=11)]),
        ("consent_absent", []),
        ("consent_absent", [record(State.REQUESTED)]),
        ("consent_absent", [later(record(), State.INVALIDATED)]),
        ("consent_absent", [later(record(), State.SUPERSEDED)]),
        ("consent_absent", [record(valid_from=AT + MICROSECOND)]),
        ("consent_absent", [record(State.GIVEN, item(purpose="integration"))]),
        ("consent_absent", [record(State.GIVEN, item(categories=["education"]))]),
        ("consent_absent", [record(State.GIVEN, item(recipients=["kela"]))]),
        ("consent_withdrawn", [record(), later(record(), State.WITHDRAWN)]),
        ("consent_withdrawn", [later(record(), State.WITHDRAWN), record()]),
        ("consent_expired", [record(valid_until=AT)]),
        ("consent_expired", [later(record(), State.EXPIRED)]),
        ("consent_code_missing", [record(State.GIVEN, item(codes=ONE))]),
        ("consent_refused", [record(State.REFUSED)]),
        ("consent_refused", [record(), record(State.REFUSED, number=11)]),
        ("consent_refused", [record(), record(State.GIVEN, REFUSING, number=11)]),
        ("consent_refused", [record(), record(State.GIVEN, REFUSING, number=11, valid_until=AT - MICROSECOND)]),
        ("consent", [record(), later(record(State.REFUSED, number=11), State.SUPERSEDED)]),
        ("consent", [record(), record(State.REFUSED, item(recipients=["te"]), number=11)]),
    ],
)
def test_what_consents_say(reason, consents):
    """Only a given or reconfirmed newest version, valid now and with every code, permits; a refusal beats it (5, 9, 10)."""
    decision = decide(BY_CONSENT, network(), consents, AT)
    assert ((reason,), reason == "consent") == (decision.reasons, decision.permitted)


def test_a_permit_names_what_it_rests_on():
    """A decision carries the versions with which an auditor can decide again."""
    decision = decide(BY_CONSENT, network(), [record()], AT)
    assert (
        decision.network_version,
        decision.agreement,
        decision.agreement_version,
        decision.statute,
        decision.statute_version,
    ) == ("v", "a-consent", 3, None, None)
    assert (record_hash(record()),) == decision.consents
    decision = decide(BY_STATUTE, network(), [], AT)
    assert (decision.agreement, decision.statute, decision.statute_version, decision.consents) == ("a-statute", "s1", "v1", ())


@pytest.mark.parametrize("at, permitted", [(FROM - MICROSECOND, False), (FROM, True), (UNTIL - MICROSECOND, True), (UNTIL, False)])
def test_validity_is_half_open(at, permitted):
    """A consent counts from its first instant up to, and not at, its last (6)."""
    assert permitted is decide(BY_CONSENT, network(), [record()], at).permitted


def test_expiry_in_the_hour_that_comes_twice():
    """In the night when clocks go back, the second 03:30 is after the first: times are compared as instants (6)."""
    helsinki = ZoneInfo("Europe/Helsinki")
    first, second = (datetime(2026, 10, 25, 3, 30, fold=fold, tzinfo=helsinki) for fold in (0, 1))
    consents = [record(valid_until=first + timedelta(minutes=15))]
    assert tuple(decide(BY_CONSENT, network(), consents, at).permitted for at in (first, second)) == (True, False)


def test_a_time_without_a_zone_is_refused():
    """No decision is made at a time that names no instant (6)."""
    with pytest.raises(ValueError, match="zone"):
        decide(BY_CONSENT, network(), [record()], datetime(2026, 6, 15))  # noqa: DTZ001


@pytest.mark.parametrize(
    "request_",
    [
        NOT_AGREED,
        Request("school", "city", "skills", "guidance"),
        Request("city", "school", "skills", ""),
        Request("city", "school", "skills", "*"),
        Request("city", "school", "skills", "integration"),
        Request("city", "school", "*", "guidance"),
        Request("city", "schооl", "skills", "guidance"),
        Request("city", "School", "skills", "guidance"),
        Request("city", "school-2026", "skills", "guidance"),
        Request("nobody", "school", "skills", "guidance"),
    ],
)
def test_nothing_passes_that_is_not_agreed(request_):
    """Another purpose, a wildcard, a look-alike or renamed partner: no agreement, whatever the client permitted (7, 8)."""
    generous = record(State.GIVEN, item(request_.purpose, [request_.category], [request_.recipient], codes=frozenset(ConsentCode)))
    decision = decide(request_, network(), [generous, record(number=11)], AT)
    assert (decision.permitted, decision.reasons) == (False, ("no_agreement",))


@pytest.mark.parametrize(
    "reason, statute",
    [
        ("statute", STATUTE),
        ("statute_not_in_force", replace(STATUTE, in_force_until=date(2026, 6, 15))),
        ("statute", replace(STATUTE, in_force_until=date(2026, 6, 16))),
        ("statute_not_in_force", replace(STATUTE, in_force_from=date(2026, 6, 16))),
        ("statute_unreviewed", replace(STATUTE, reviewed_by=None, reviewed_on=None, review_expires=None)),
        ("statute_unreviewed", replace(STATUTE, review_expires=date(2026, 6, 15))),
        ("statute_unreviewed", replace(STATUTE, reviewed_on=date(2026, 6, 16))),
        ("statute_other_role", replace(STATUTE, disclosing_roles=frozenset({"kela"}))),
        ("statute_other_role", replace(STATUTE, receiving_roles=frozenset({"kela"}))),
        ("no_agreement", replace(STATUTE, categories=frozenset({"skills"}))),
        ("no_agreement", replace(STATUTE, purposes=frozenset({"guidance"}))),
        ("no_agreement", replace(STATUTE, id="another")),
    ],
)
def test_what_statutes_say(reason, statute):
    """A statute carries by role, category, purpose, force and review; repealed or misused it doesn't (13)."""
    assert (reason,) == decide(BY_STATUTE, network(statutes=[statute]), [], AT).reasons


def test_demo_lets_unreviewed_statutes_carry():
    """Only where the network doesn't require review does an unreviewed statute suffice."""
    unreviewed = replace(STATUTE, reviewed_by=None, reviewed_on=None, review_expires=None)
    assert decide(BY_STATUTE, network(statutes=[unreviewed], require_reviewed=False), [], AT).permitted


def test_a_statute_enters_into_force_at_midnight_in_finland():
    """31 December 22:00 in UTC is New Year's Day in Finland."""
    law = replace(STATUTE, in_force_from=date(2026, 1, 1))
    midnight = datetime(2025, 12, 31, 22, tzinfo=UTC)
    assert tuple(decide(BY_STATUTE, network(statutes=[law]), [], at).permitted for at in (midnight - MICROSECOND, midnight)) == (
        False,
        True,
    )


def test_a_refusal_does_not_block_a_statute():
    """What a statute carries goes on whatever the client refused (16)."""
    refused = record(State.REFUSED, item("integration", ["plan"], ["te"]))
    decision = decide(BY_STATUTE, network(), [refused], AT)
    assert (decision.reasons, decision.consents) == (("statute",), ())


def test_any_statute_of_a_row_suffices():
    """A repealed one beside one in force does no harm, and the one in force is named."""
    repealed = replace(STATUTE, id="s0", in_force_until=date(2026, 1, 1))
    row = replace(STATUTE_ROW, basis=StatuteBasis(("s0", "s1")))
    assert decide(BY_STATUTE, network(row, statutes=[repealed, STATUTE]), [], AT).statute == "s1"


@pytest.mark.parametrize("row", [replace(CONSENT_ROW, basis=ConsentBasis(frozenset())), replace(STATUTE_ROW, basis=StatuteBasis(()))])
def test_a_row_without_a_basis_permits_nothing(row):
    """Asking for no code at all is no consent, and naming no statute no law."""
    for request_ in (BY_CONSENT, BY_STATUTE):
        assert not decide(request_, network(row), [record()], AT).permitted


def test_an_unknown_code_denies():
    """A row that asks for a code nobody can give lets nothing through."""
    row = replace(CONSENT_ROW, basis=ConsentBasis(BOTH | {"code_of_the_future"}))  # type: ignore[arg-type]
    assert decide(BY_CONSENT, network(row), [record()], AT).reasons == (Reason.CONSENT_CODE_MISSING,)


@pytest.mark.parametrize("day, permitted", [(14, False), (15, True), (16, True), (17, False)])
def test_an_agreement_counts_in_its_own_time(day, permitted):
    """An agreement is in force on the days [from, until)."""
    row = replace(CONSENT_ROW, in_force_from=date(2026, 6, 15), in_force_until=date(2026, 6, 17))
    assert permitted is decide(BY_CONSENT, network(row), [record()], datetime(2026, 6, day, 12, tzinfo=UTC)).permitted


def test_rows_together_let_their_fields_pass():
    """Statute first; consent adds the fields of its row, and a refusal takes only those away."""
    narrow = replace(STATUTE_ROW, fields=frozenset({"kind"}))
    wide = replace(
        CONSENT_ROW, recipient="te", categories=frozenset({"plan"}), purposes=frozenset({"integration"}), fields=frozenset({"until"})
    )
    agreed = network(narrow, wide)
    about = item("integration", ["plan"], ["te"])
    both, law = decide(BY_STATUTE, agreed, [record(State.GIVEN, about)], AT), decide(BY_STATUTE, agreed, [record(State.REFUSED, about)], AT)
    assert (("statute", "consent"), {"kind", "until"}, "a-statute", 1) == (both.reasons, both.fields, both.agreement, len(both.consents))
    assert (("statute",), {"kind"}, ()) == (law.reasons, law.fields, law.consents)


def test_reasons_stand_most_specific_first():
    """A denial gives every row's reason, the client's own word before the law's."""
    law = replace(STATUTE_ROW, recipient="school", categories=frozenset({"skills"}), purposes=frozenset({"guidance"}))
    repealed = replace(STATUTE, receiving_roles=frozenset({"kela"}), categories=frozenset({"skills"}), purposes=frozenset({"guidance"}))
    agreed = network(law, CONSENT_ROW, statutes=[repealed])
    assert decide(BY_CONSENT, agreed, [record(State.REFUSED)], AT).reasons == ("consent_refused", "statute_other_role")


def test_two_records_that_claim_one_version():
    """Of a forked consent the version that permits less speaks, in whatever order they come (5)."""
    given, withdrawn = later(record(), State.RECONFIRMED), later(record(), State.WITHDRAWN)
    for consents in ([given, withdrawn], [withdrawn, given]):
        assert decide(BY_CONSENT, network(), consents, AT).reasons == (Reason.CONSENT_WITHDRAWN,)


def test_publication_lists_every_pair():
    """At publish each (recipient, purpose) of the sender's agreements gets its decision, in a fixed order; the key's class follows from them."""
    more = replace(CONSENT_ROW, id="b", recipient="kela", purposes=frozenset({"benefits", "guidance"}))
    agreed = network(CONSENT_ROW, more, STATUTE_ROW)
    assert pairs(agreed, "city", "skills") == (("kela", "benefits"), ("kela", "guidance"), ("school", "guidance"))
    made = decide_publication(agreed, "city", "skills", [record()], AT)
    assert [decision.permitted for decision in made] == [False, False, True]
    assert basis_class(made) == "consent"
    assert basis_class(decide_publication(agreed, "city", "plan", [], AT)) == "statute"
    assert decide_publication(agreed, "city", "health", [record()], AT) == ()


WITHDRAWN = later(record(number=11), State.WITHDRAWN)
REFUSED = record(State.REFUSED, number=12)
RENEWED = record(number=13, valid_from=UNTIL, valid_until=UNTIL + timedelta(days=30))
SOME_DAY = record(number=14, valid_from=UNTIL + timedelta(days=60), valid_until=UNTIL + timedelta(days=90))


@pytest.mark.parametrize(
    "expected, consents",
    [
        (BasisState(BasisKind.NONE), []),
        (BasisState(BasisKind.NONE), [record(State.REQUESTED)]),
        (BasisState(BasisKind.NONE), [record(State.GIVEN, item(codes=ONE))]),
        (BasisState(BasisKind.GIVEN, record_hash(record()), FROM, UNTIL), [record()]),
        (BasisState(BasisKind.GIVEN, record_hash(record()), FROM, UNTIL), [record(), WITHDRAWN]),
        (BasisState(BasisKind.GIVEN, record_hash(RENEWED), FROM, UNTIL + timedelta(days=30)), [record(), RENEWED]),
        (BasisState(BasisKind.GIVEN, record_hash(SOME_DAY), SOME_DAY.valid_from, SOME_DAY.valid_until), [record(), SOME_DAY]),
        (BasisState(BasisKind.WITHDRAWN, record_hash(WITHDRAWN)), [WITHDRAWN]),
        (BasisState(BasisKind.REFUSED, record_hash(REFUSED)), [record(), WITHDRAWN, REFUSED]),
    ],
)
def test_the_second_gate_keeps_what_needs_no_clock(expected, consents):
    """An entry's state and window follow from the records alone, in any order."""
    assert expected == basis_state(BY_CONSENT, network(), consents)
    assert expected == basis_state(BY_CONSENT, network(), consents[::-1])


def test_the_second_gate_leaves_statutes_to_the_query():
    """Statutes that fit make a candidate though repealed or refused; those of other roles don't."""
    refused = record(State.REFUSED, item("integration", ["plan"], ["te"]))
    repealed = replace(STATUTE, in_force_until=date(2025, 2, 1))
    other = replace(STATUTE, receiving_roles=frozenset({"kela"}))
    assert BasisState(BasisKind.STATUTE_CANDIDATE) == basis_state(BY_STATUTE, network(statutes=[repealed]), [refused])
    assert basis_state(BY_STATUTE, network(statutes=[other]), [refused]).state == BasisKind.REFUSED
    assert BasisState(BasisKind.NONE) == basis_state(NOT_AGREED, network(), [record()])
