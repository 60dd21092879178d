"""The relay killed between publishing and numbering: rows go out again under the same ids, are numbered without a gap, and count once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from hub import topics
from hub.database import connect
from hub.drafts import Identifier, Scheme
from hub.register.store import Register
from ops.simulate.people import clients
from ops.stack import Endpoints
from tests.figures import ids
from tests.processes import Child, running
from tests.sites import Site, opened_site
from tests.waiting import until

pytestmark = [pytest.mark.crash, pytest.mark.slow]

PEOPLE = 100


@pytest.fixture
def hub_site(stack: Endpoints, tmp_path: Path) -> Iterator[Site]:
    with opened_site(stack, tmp_path) as opened:
        assert opened.hub.network.id == "oulu-2021"
        opened.relay()
        yield opened


def join(site: Site) -> None:
    """Put a row a person into the outbox, in one transaction."""
    with connect(site.settings) as connection:
        subjects = [(Identifier(Scheme.HETU, person.hetu),) for person in clients(PEOPLE)]
        Register(site.hub.keyring, site.hub.wire, site.hub.now).ensure(connection, "osao", subjects)


@pytest.mark.parametrize("numbering", [False, True], ids=["before-numbering", "amid-numbering"])
def test_killed_before_it_has_numbered(hub_site: Site, numbering: bool):
    """The relay that stood by takes over, and publishes what was published and not numbered once more."""
    site = hub_site
    before = site.one("SELECT count(*) FROM outbox")
    database = site.settings.database_url.get_secret_value()
    with running(site.environment(), "relay") as first, running_second(site, first) as second:
        with psycopg.connect(database) as epoch, psycopg.connect(database) as last:
            epoch.execute("SELECT FROM relay FOR UPDATE")
            join(site)
            until(lambda: blocked(site), 30, first.log)
            if numbering:
                last.execute("SELECT FROM outbox WHERE id = (SELECT max(id) FROM outbox) FOR UPDATE")
                epoch.rollback()
                until(lambda: blocked(site, "UPDATE outbox%"), 30, first.log)
            assert site.one("SELECT count(*) FROM outbox WHERE change_no IS NULL") == PEOPLE
            assert len(ids(site, topics.REGISTER_CHANGES, "change_id")) == PEOPLE
            first.kill()
        until(lambda: site.one("SELECT count(*) FROM outbox WHERE change_no IS NULL") == 0, 30, second.log)
        assert second.stop() == 0
    numbers = [number for (number,) in site.rows("SELECT change_no FROM outbox ORDER BY id")]
    published = ids(site, topics.REGISTER_CHANGES, "change_id")
    print(f"{published.total()} records published, {len(published)} distinct, change numbers {numbers[0]} to {numbers[-1]}")
    assert numbers == list(range(1, before + PEOPLE + 1))
    assert (len(published), published.total()) == (PEOPLE, 2 * PEOPLE)
    site.fold()
    assert site.one("SELECT count(*) FROM build_1.subject WHERE client IS NOT NULL") == PEOPLE


@contextmanager
def running_second(site: Site, first: Child) -> Iterator[Child]:
    """A relay that stands by, since the first one leads."""
    first.ready()
    with running(site.environment(), "relay") as second:
        second.ready()
        yield second


def blocked(site: Site, query: str = "SELECT FROM relay%") -> bool:
    """Whether a session waits for a lock in this statement."""
    return bool(
        site.rows("SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE %s", query)
    )
