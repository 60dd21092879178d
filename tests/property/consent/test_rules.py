"""What holds of every decision, whatever the network, the request and the consents."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from consent.model import BasisKind, ConsentCode, ConsentItem, ConsentRecord, Network, Request, State
from consent.records import from_text, record_hash, to_text
from consent.rules import basis_class, basis_state, decide, decide_publication
from tests.unit.consent.values import AT, CONSENT_ROW, STATUTE, STATUTE_ROW, item, later, network, record

PARTNERS = ("city", "te", "school", "kela")
CATEGORIES = ("plan", "skills", "health")
PURPOSES = ("integration", "guidance")

some_codes = st.frozensets(st.sampled_from(ConsentCode), min_size=1)
requests = st.builds(
    Request,
    st.sampled_from((*PARTNERS, "nobody")),
    st.sampled_from((*PARTNERS, "nobody")),
    st.sampled_from((*CATEGORIES, "*", "")),
    st.sampled_from((*PURPOSES, "*", "")),
)
items = st.builds(
    ConsentItem,
    st.sampled_from(PURPOSES),
    st.frozensets(st.sampled_from(CATEGORIES), min_size=1),
    st.frozensets(st.sampled_from(PARTNERS), min_size=1),
    st.booleans(),
    some_codes,
)


@st.composite
def histories(draw: st.DrawFn, number: int) -> list[ConsentRecord]:
    """The versions of one consent, in any states: the rules must hold for records that nobody should have written, too."""
    start = AT + timedelta(days=draw(st.integers(-5, 5)))
    first = record(
        draw(st.sampled_from(State)),
        *draw(st.lists(items, min_size=1, max_size=3)),
        number=number,
        valid_from=start,
        valid_until=start + timedelta(days=draw(st.integers(1, 5))),
    )
    versions = [first]
    for state in draw(st.lists(st.sampled_from(State), max_size=2)):
        versions.append(later(versions[-1], state))
    return versions


@st.composite
def persons(draw: st.DrawFn) -> list[list[ConsentRecord]]:
    """A few consents with all their versions."""
    return [draw(histories(number)) for number in range(10, 10 + draw(st.integers(0, 4)))]


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A few rows on consent or statute, in force or not."""
    rows = []
    for number in range(draw(st.integers(1, 4))):
        sender, recipient = draw(st.permutations(PARTNERS))[:2]
        row = draw(st.sampled_from((STATUTE_ROW, CONSENT_ROW)))
        categories = draw(st.frozensets(st.sampled_from(CATEGORIES), min_size=1))
        purposes = draw(st.frozensets(st.sampled_from(PURPOSES), min_size=1))
        fields = draw(st.none() | st.frozensets(st.sampled_from(("kind", "until"))))
        rows.append(
            replace(row, id=f"r{number}", sender=sender, recipient=recipient, categories=categories, purposes=purposes, fields=fields)
        )
    roles = draw(st.frozensets(st.sampled_from(("municipality", "employment_authority", "kela")), min_size=1))
    law = replace(STATUTE, disclosing_roles=roles, categories=frozenset(CATEGORIES), purposes=frozenset(PURPOSES))
    return network(*rows, statutes=[law])


def flat(person: Sequence[Sequence[ConsentRecord]]) -> list[ConsentRecord]:
    return [version for versions in person for version in versions]


@given(networks(), requests, persons(), st.randoms(use_true_random=False))
def test_order_repeats_and_old_versions_change_nothing(agreed, request, person, random):
    """All versions shuffled and doubled decide as the newest alone do, at both gates."""
    newest = [versions[-1] for versions in person]
    shuffled = flat(person) * 2
    random.shuffle(shuffled)
    assert decide(request, agreed, newest, AT) == decide(request, agreed, shuffled, AT)
    assert basis_state(request, agreed, newest) == basis_state(request, agreed, shuffled)


@given(networks(), requests, persons())
def test_nothing_is_permitted_without_an_agreement(agreed, request, person):
    """No consent makes up for an agreement that doesn't mention the request."""
    mentioned = any(
        (row.sender, row.recipient) == (request.sender, request.recipient)
        and request.category in row.categories
        and request.purpose in row.purposes
        for row in agreed.agreements
    )
    decision = decide(request, agreed, flat(person), AT)
    assert mentioned or (decision.permitted, decision.reasons) == (False, ("no_agreement",))
    assert decision.permitted is (decision.reasons[0] in ("statute", "consent"))


@given(networks(), requests, persons())
@example(network(), Request("city", "school", "skills", "guidance"), [[record()]])
def test_a_refusal_beats_every_permit(agreed, request, person):
    """With a refusal of the very thing on record, only a statute can permit it."""
    refusal = record(State.REFUSED, item(request.purpose, [request.category], [request.recipient]), number=99)
    decision = decide(request, agreed, [*flat(person), refusal], AT)
    assert not decision.permitted or decision.reasons == ("statute",)
    assert basis_state(request, agreed, [*flat(person), refusal]).state in (BasisKind.STATUTE_CANDIDATE, BasisKind.REFUSED, BasisKind.NONE)


@given(networks(), requests, persons(), st.data())
def test_forgetting_a_consent_permits_no_more(agreed, request, person, data):
    """Taking a whole consent away never turns a denial into a permit, unless it refused."""
    gone = data.draw(st.sampled_from(person)) if person else []
    rest = [versions for versions in person if versions is not gone]
    refuses = gone and (gone[-1].state is State.REFUSED or not all(each.permit for each in gone[-1].items))
    before, after = decide(request, agreed, flat(person), AT), decide(request, agreed, flat(rest), AT)
    assert refuses or before.permitted or not after.permitted


@given(networks(), requests, persons())
def test_the_second_gate_agrees_with_the_decision(agreed, request, person):
    """What is permitted on consent now is `given` at the second gate, unless a statute may carry it; and `given` within its window is permitted."""
    decision, state = decide(request, agreed, flat(person), AT), basis_state(request, agreed, flat(person))
    if state.state is BasisKind.GIVEN and state.valid_from <= AT < state.valid_until:
        assert decision.permitted
    if decision.permitted:
        assert state.state in (BasisKind.STATUTE_CANDIDATE, BasisKind.GIVEN)


@given(networks(), st.sampled_from(PARTNERS), st.sampled_from(CATEGORIES), persons())
def test_publication_is_its_decisions_one_by_one(agreed, sender, category, person):
    """The list of a publication holds what `decide` says of each pair, and the key's class says if law is among the permits."""
    made = decide_publication(agreed, sender, category, flat(person), AT)
    assert [decide(decision.request, agreed, flat(person), AT) for decision in made] == list(made)
    assert (basis_class(made) == "statute") is any(decision.permitted and "statute" in decision.reasons for decision in made)


@given(histories(10))
def test_a_record_is_the_same_after_writing_and_reading(versions):
    """Text and back gives an equal record with the same hash."""
    for version in versions:
        again = from_text(to_text(version))
        assert (again, record_hash(again)) == (version, record_hash(version))
