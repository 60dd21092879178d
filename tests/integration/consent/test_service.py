"""The acts on consents, on a real database: each can be repeated, none revives what ended. Numbers are lines of the list of attacks."""

from dataclasses import replace
from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest

from consent.choices import Act, Choice, Mandate
from consent.errors import ConsentConflictError, InvalidConsentError, UnknownConsentError
from consent.model import ConsentBasis, State
from consent.records import record_hash
from consent.rules import decide
from consent.service import ConsentService
from consent.store import history, latest
from tests.unit.consent.values import AT, BY_CONSENT, CONSENT_ROW, FROM, NOTICE, ONE, PERSON, STATUTE_ROW, UNTIL, item, network

HOUR = timedelta(hours=1)
KEY, KEY_2 = UUID(int=100), UUID(int=200)
SCHOOL = replace(CONSENT_ROW, categories=frozenset({"skills", "education"}), basis=ConsentBasis(ONE))
AGREED = network(SCHOOL, STATUTE_ROW)
CHOICE = Choice(PERSON, NOTICE, (item(),), ("city",), AT + 4 * HOUR, UNTIL)


def act(hours: int = 0, **changes):
    return replace(Act(AT + hours * HOUR, "office", "city/u1", "client"), **changes)


@pytest.fixture
def announced():
    return []


@pytest.fixture
def service(connection, announced):
    ids = count(1000)
    return ConsentService(connection, AGREED, lambda: AT + 9 * HOUR, lambda: UUID(int=next(ids)), lambda *said: announced.append(said))


def permitted(service, at=AT + 9 * HOUR):
    return decide(BY_CONSENT, AGREED, latest(service.connection, [PERSON])[PERSON], at).permitted


def code(caught):
    return [problem.code for problem in caught.value.problems]


def test_given_and_taken_back(service, announced):
    """A consent permits until it is withdrawn, and every record is announced with its hash."""
    given = service.give(KEY, CHOICE, act())
    assert permitted(service)
    withdrawn = service.withdraw(KEY, act(1))
    assert not permitted(service)
    assert [(given, record_hash(given)), (withdrawn, record_hash(withdrawn))] == announced
    assert [record.state for record in history(service.connection, KEY)] == ["given", "withdrawn"]


def test_an_act_again_changes_nothing(service, announced):
    """Giving, refusing and withdrawing twice is once."""
    assert service.give(KEY, CHOICE, act()) == service.give(KEY, CHOICE, act())
    assert service.withdraw(KEY, act(1)) == service.withdraw(KEY, act(2))
    assert service.refuse(KEY_2, CHOICE, act(3)) == service.refuse(KEY_2, CHOICE, act(3))
    assert len(announced) == 3


def test_a_replayed_grant_revives_nothing(service):
    """The same grant after its withdrawal is answered with the withdrawal (1)."""
    service.give(KEY, CHOICE, act())
    withdrawn = service.withdraw(KEY, act(1))
    assert withdrawn == service.give(KEY, CHOICE, act())
    assert not permitted(service)


def test_the_same_key_with_another_body(service):
    """A key names one choice for ever (2)."""
    service.give(KEY, CHOICE, act())
    for choice, when in (
        (replace(CHOICE, valid_until=UNTIL + HOUR), act()),
        (CHOICE, act(1)),
        (replace(CHOICE, subject=UUID(int=2)), act()),
    ):
        with pytest.raises(ConsentConflictError) as caught:
            service.give(KEY, choice, when)
        assert code(caught) == ["consent_id_reused"]


@pytest.mark.parametrize("before", ["refuse", "withdraw"])
def test_a_grant_that_arrives_after_a_newer_no(service, before):
    """An older yes that comes late doesn't overrule a newer refusal or withdrawal (5)."""
    if before == "refuse":
        service.refuse(KEY, CHOICE, act(2))
    else:
        service.give(KEY, CHOICE, act())
        service.withdraw(KEY, act(2))
    with pytest.raises(ConsentConflictError) as caught:
        service.give(KEY_2, CHOICE, act(1))
    assert code(caught) == ["newer_choice"]
    assert service.give(KEY_2, CHOICE, act(3)).state is State.GIVEN
    assert permitted(service)


def test_a_newer_yes_supersedes_the_refusal_and_no_more(service):
    """Of a refusal of two things, only the one that is permitted now ends; the other goes on refused."""
    service.refuse(KEY, replace(CHOICE, items=(item(categories=["skills", "education"]),)), act())
    service.give(KEY_2, CHOICE, act(1))
    assert permitted(service)
    found = latest(service.connection, [PERSON])[PERSON]
    assert [("superseded", {"skills", "education"}), ("given", {"skills"}), ("refused", {"education"})] == [
        (record.state, record.items[0].categories) for record in found
    ]
    assert record_hash(history(service.connection, KEY)[0]) == found[2].evidence_sha256


def test_a_refusal_on_another_identity_is_superseded_too(service):
    """A client's refusal binds all identities, and so does the newer answer."""
    service.refuse(KEY, replace(CHOICE, subject=UUID(int=2)), act())
    service.give(KEY_2, CHOICE, act(1), [UUID(int=2)])
    assert State.SUPERSEDED is history(service.connection, KEY)[-1].state


def test_part_of_a_consent_is_taken_back(service):
    """The item goes, the rest of the consent goes on under an id of its own, and a repeat finds nothing more."""
    service.give(
        KEY, replace(CHOICE, items=(item(categories=["skills", "education"]), item("benefits", ["health"], ["te"], permit=False))), act()
    )
    assert [record.state for record in service.withdraw_items([PERSON], [item()], act(1))] == ["withdrawn"]
    assert not permitted(service)
    rest = latest(service.connection, [PERSON])[PERSON][1]
    assert (rest.state, [(left.purpose, left.permit) for left in rest.items]) == ("given", [("benefits", False), ("guidance", True)])
    assert {"education"} == rest.items[1].categories
    assert service.withdraw_items([PERSON], [item()], act(2)) == ()


def test_withdrawing_releases_nothing_that_was_refused(service):
    """What a mixed answer refused stays refused when the client takes its permissions back."""
    service.give(KEY, replace(CHOICE, items=(item(permit=False), item(categories=["education"]))), act())
    service.withdraw(KEY, act(1))
    assert [record.state for record in latest(service.connection, [PERSON])[PERSON]] == ["withdrawn", "refused"]
    assert service.invalidate(latest(service.connection, [PERSON])[PERSON][1].consent_id, act(2)).state is State.INVALIDATED


def test_asked_first_then_answered(service):
    """A request permits nothing; the answer is the next version of the same consent."""
    service.request(KEY, CHOICE, act())
    assert not permitted(service)
    answer = service.give(KEY, CHOICE, act(1))
    assert (answer.version, permitted(service)) == (2, True)
    assert answer == service.request(KEY, CHOICE, act())


def test_reconfirmed_before_it_ran_out(service, connection):
    """A consent lasts longer when it is reconfirmed in time, once; when it ran out, it must be asked anew."""
    service.give(KEY, CHOICE, act())
    longer = service.reconfirm(KEY, NOTICE, UNTIL + HOUR, act(1))
    assert longer == service.reconfirm(KEY, NOTICE, UNTIL + HOUR, act(1))
    assert (longer.version, permitted(service, UNTIL)) == (2, True)
    late = replace(service, now=lambda: UNTIL + 2 * HOUR)
    with pytest.raises(ConsentConflictError) as caught:
        late.reconfirm(KEY, NOTICE, UNTIL + 9 * HOUR, act(3))
    assert code(caught) == ["expired"]


@pytest.mark.parametrize("state", ["withdrawn", "refused"])
def test_what_ended_is_not_reconfirmed(service, state):
    """Neither a withdrawal nor a refusal turns into a permission (1)."""
    if state == "refused":
        service.refuse(KEY, CHOICE, act())
    else:
        service.give(KEY, CHOICE, act())
        service.withdraw(KEY, act(1))
    with pytest.raises(ConsentConflictError) as caught:
        service.reconfirm(KEY, NOTICE, UNTIL, act(2))
    assert code(caught) == ["state_cannot_follow"]


@pytest.mark.parametrize(
    "pointer, choice, when",
    [
        ("/notice/sha256", replace(CHOICE, notice=replace(NOTICE, sha256=b"\0" * 32)), act()),
        ("/items/0/purpose", replace(CHOICE, items=(item("*"),)), act()),
        ("/items/0/categories", replace(CHOICE, items=(item("integration", ["plan"], ["te"]),)), act()),
        ("/occurred_at", replace(CHOICE, valid_from=UNTIL - HOUR), act(24)),
        ("/valid_until", replace(CHOICE, valid_until=AT), act()),
        ("/mandate", CHOICE, act(mandate=Mandate("child", FROM, AT + HOUR))),
    ],
)
def test_what_cannot_be_recorded_leaves_no_trace(service, announced, pointer, choice, when):
    """A wrong notice, a wildcard, a needless question, the future, a lapsed mandate: an error that points at it (6, 7, 11, 12)."""
    with pytest.raises(InvalidConsentError) as caught:
        service.give(KEY, choice, when)
    assert pointer == caught.value.problems[0].pointer
    assert (announced, history(service.connection, KEY)) == ([], [])


def test_a_proxy_is_on_record(service):
    """Who acts for another is named as such, by pseudonym."""
    given = service.give(KEY, CHOICE, act(actor="guardian", mandate=Mandate("child", FROM, UNTIL)))
    assert (given.actor, given.on_behalf_of) == ("guardian", "child")


@pytest.mark.parametrize("do", ["withdraw", "invalidate"])
def test_an_unknown_consent(service, do):
    """There is nothing to take back."""
    with pytest.raises(UnknownConsentError):
        getattr(service, do)(KEY, act())


def test_nothing_is_kept_when_the_announcement_fails(service, connection):
    """Record and announcement commit together or not at all."""

    def fail(*_):
        raise ConnectionError("outbox")

    with pytest.raises(ConnectionError), connection.transaction():
        replace(service, announce=fail).give(KEY, CHOICE, act())
    assert history(connection, KEY) == []
