"""Consent records in PostgreSQL: kept for ever, found in one query, and never believed without their hash."""

from threading import Thread
from uuid import UUID

import psycopg
import pytest

from consent.errors import ConsentConflictError, TamperedRecordError
from consent.model import State
from consent.store import history, latest, save
from tests.unit.consent.values import PERSON, later, record

OTHER = UUID(int=2)
FIRST = record()
SECOND = later(FIRST, State.RECONFIRMED)
THIRD = later(SECOND, State.WITHDRAWN)


def test_the_newest_version_of_each_consent_is_found(connection):
    """A client's identities are looked up together; who has no consent has an empty list."""
    another, others = record(State.REFUSED, number=11), record(number=12, subject=OTHER)
    for version in (FIRST, SECOND, another, others):
        save(connection, version)
    assert {PERSON: [SECOND, another], OTHER: [others], UUID(int=3): []} == latest(connection, [PERSON, OTHER, UUID(int=3)])
    assert latest(connection, []) == {}


def test_all_versions_are_kept(connection):
    """History holds every version, from the first on."""
    for version in (FIRST, SECOND, THIRD):
        save(connection, version)
    assert history(connection, FIRST.consent_id) == [FIRST, SECOND, THIRD]
    assert history(connection, OTHER) == []


def test_the_same_record_twice_is_one(connection):
    """Saving what is saved changes nothing, be it old."""
    for version in (FIRST, SECOND, FIRST, SECOND):
        save(connection, version)
    assert history(connection, FIRST.consent_id) == [FIRST, SECOND]


@pytest.mark.parametrize(
    "code, wrong",
    [
        ("version_taken", later(FIRST, State.WITHDRAWN)),
        ("state_cannot_follow", later(later(SECOND, State.WITHDRAWN), State.RECONFIRMED)),
        ("broken_chain", later(record(channel="web"), State.WITHDRAWN, version=3)),
        ("broken_chain", later(THIRD, State.SUPERSEDED, consent_id=UUID(int=77))),
    ],
)
def test_what_does_not_follow_is_not_saved(connection, code, wrong):
    """A version that is taken, revives, or names another predecessor is a conflict (1, 5)."""
    for version in (FIRST, SECOND):
        save(connection, version)
    if code == "state_cannot_follow":
        save(connection, THIRD)
        wrong = later(THIRD, State.GIVEN)
    with pytest.raises(ConsentConflictError) as caught:
        save(connection, wrong)
    assert code in [problem.code for problem in caught.value.problems]


def test_of_two_writers_one_wins(database_url):
    """Both read the same version; the second to write is told, and nothing forks."""
    failures: list[ConsentConflictError] = []

    def withdraw() -> None:
        with psycopg.connect(database_url) as second:
            try:
                save(second, later(FIRST, State.WITHDRAWN))
            except ConsentConflictError as error:
                failures.append(error)

    with psycopg.connect(database_url) as connection:
        save(connection, FIRST)
        connection.commit()
        save(connection, SECOND)
        thread = Thread(target=withdraw)
        thread.start()
        thread.join(timeout=0.5)
        assert thread.is_alive()  # it waits for this transaction
        connection.commit()
        thread.join(timeout=10)
        assert history(connection, FIRST.consent_id) == [FIRST, SECOND]
    assert [problem.code for problem in failures[0].problems] == ["version_taken"]


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE consent_record SET record = replace(record, '2027-', '2037-')",
        "UPDATE consent_record SET subject = '00000000-0000-0000-0000-000000000001'",
        "UPDATE consent_record SET state = 'given'",
        "UPDATE consent_record SET recorded_at = recorded_at + interval '1 day'",
        "UPDATE consent_record SET record = record || ' ', hash = sha256(convert_to(record || ' ', 'UTF8'))",
    ],
)
def test_what_was_tampered_with_is_not_used(connection, forgery):
    """An edited text, a row moved to another person, a changed column: found out on reading, before anything is decided (15)."""
    save(connection, record(State.REFUSED, subject=OTHER))
    connection.execute(forgery)
    with pytest.raises(TamperedRecordError):
        latest(connection, [PERSON, OTHER])
    with pytest.raises(TamperedRecordError):
        history(connection, record().consent_id)


def test_a_version_cut_out_is_noticed(connection):
    """History without its middle is no chain."""
    for version in (FIRST, SECOND, THIRD):
        save(connection, version)
    connection.execute("DELETE FROM consent_record WHERE version = 2")
    with pytest.raises(TamperedRecordError):
        history(connection, FIRST.consent_id)
