"""The client register under parallel callers: one client for a person, one identity for a partner's record, no deadlock left to its callers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from hub.database import connect
from hub.drafts import Identifier, Scheme
from hub.register.store import Known, OvertakenError, Register, Subject
from ops.simulate.people import Person, clients
from tests.sites import Site
from tests.waiting import until


def register(site: Site) -> Register:
    return Register(site.hub.keyring, site.hub.wire, site.hub.now)


def hetu(person: Person) -> Identifier:
    return Identifier(Scheme.HETU, person.hetu)


def own(person: Person) -> Identifier:
    return Identifier(Scheme.PARTNER, person.customer_number, "city-csv")


def ensure(site: Site, partner: str, subjects: Sequence[Subject]) -> dict[Subject, Known]:
    with connect(site.settings) as connection:
        return register(site).ensure(connection, partner, subjects)


def test_two_partners_register_the_same_people_at_once(site: Site):
    """Whoever comes first, each person is one client with an identity at each partner; nothing waits for review."""
    people = clients(300)
    made = register(site)
    deadlocks = 0

    def take(partner: str, order: Sequence[Person]) -> None:
        nonlocal deadlocks
        for start in range(0, len(order), 60):
            subjects = [(hetu(person), Identifier(Scheme.LEARNER_NUMBER, person.learner_number)) for person in order[start : start + 60]]
            while True:
                try:
                    with connect(site.settings) as connection:
                        made.ensure(connection, partner, subjects)
                    break
                except (OvertakenError, psycopg.errors.DeadlockDetected):
                    deadlocks += 1

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(take, partner, people[::step]) for partner in ("osao", "kela") for step in (1, -1)]
        for job in jobs:
            job.result()
    print(f"{deadlocks} deadlocks or races, all retried")
    assert site.one("SELECT count(DISTINCT client) FROM membership") == 300
    assert site.one("SELECT count(*) FROM client") == 300
    assert site.one("SELECT count(*) FROM identity") == 600
    assert site.one("SELECT count(*) FROM identifier") == 1200
    assert site.one("SELECT count(*) FROM review_item") == 0
    assert site.one("SELECT count(*) FROM outbox WHERE topic = 'register-changes'") == 600


def test_two_anchors_of_two_clients_wait_for_review(site: Site):
    """A record that names one client by hetu and another by learner number merges nobody: a person settles it."""
    one, other = clients(2)
    learner = Identifier(Scheme.LEARNER_NUMBER, other.learner_number)
    first = ensure(site, "osao", [(hetu(one),)])[hetu(one),]
    second = ensure(site, "osao", [(learner,)])[learner,]
    mixed: Subject = (hetu(one), learner)
    third = ensure(site, "kela", [mixed])[mixed]
    assert (third.client, first.client != second.client) == (first.client, True)
    assert site.rows("SELECT identity, client, other_client FROM review_item") == [(third.identity, first.client, second.client)]


def test_one_person_by_two_identifiers_in_one_batch(site: Site):
    """Rows of one batch that share an identifier are one person, whichever of them comes first, as they would be in two batches."""
    one, other = clients(2)
    by_both, by_number = (hetu(one), own(one)), (own(one),)
    found = ensure(site, "oulu-city", [by_both, by_number])
    assert found[by_both] == found[by_number]
    turned = ensure(site, "oulu-city", [(own(other),), (hetu(other), own(other))])
    assert len(set(turned.values())) == 1
    assert site.one("SELECT count(*) FROM identity") == 2
    assert site.one("SELECT count(*) FROM identifier") == 4
    assert site.one("SELECT count(*) FROM client") == 2


def test_one_person_by_two_identifiers_at_once(site: Site):
    """The second of two parallel callers is told to look again, and then finds the person of the first: no record is made twice."""
    (person,) = clients(1)
    by_both, by_number = (hetu(person), own(person)), (own(person),)
    site.hub  # noqa: B018 - started before anybody waits
    refused = threading.Event()

    def second() -> Known:
        try:
            ensure(site, "oulu-city", [by_number])
        except OvertakenError:
            refused.set()
        return ensure(site, "oulu-city", [by_number])[by_number]

    with connect(site.settings) as connection, ThreadPoolExecutor(1) as pool:
        first = register(site).ensure(connection, "oulu-city", [by_both])[by_both]
        job = pool.submit(second)
        until(lambda: site.one("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))
        connection.commit()
        assert job.result(20) == first
    assert refused.is_set()
    assert site.one("SELECT count(*) FROM identity") == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_files_of_one_round_that_name_a_person_differently(site: Site, order: tuple[int, int]):
    """A plan and its revision under the city's own number alone, taken in together: one identity, one fact, one correction."""
    from hub.connectors.catalogue import read_sources
    from hub.connectors.receiving import receive, take_in
    from hub.connectors.runner import open_intake
    from hub.networks import find

    (person,) = clients(1)
    head = "id;henkilötunnus;asiakasnumero;palvelu;järjestäjä;alkoi;päättyi;päättymissyy;tila\n"
    bodies = [
        f"{head}PJ-1;{person.hetu};{person.customer_number};kielikahvila;;1.3.2021;;;\n".encode(),
        f"{head}PJ-1;;{person.customer_number};kielikahvila;;1.3.2021;30.4.2021;;\n".encode(),
    ]
    source = read_sources(find("oulu-2021"), site.hub.network)["city-csv"]
    with open_intake(site.hub, source) as intake:
        received = [receive(intake, source, item=bytes([n]), body=bodies[n], stamp=str(n)) for n in order]
        outcomes = take_in(intake, [one for one in received if one is not None])
    assert [(one.admitted, one.unchanged) for one in outcomes] == [(1, 0), (1, 0)]
    assert site.one("SELECT count(*) FROM identity") == 1
    assert site.one("SELECT count(*) FROM identifier") == 2
    assert site.one("SELECT count(*) FROM snapshot") == 1
    assert site.one("SELECT count(*) FROM claim WHERE predecessor IS NOT NULL") == 1
