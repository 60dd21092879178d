"""How the connectors are brought to a boundary, killed there, started again, and compared with the run that nobody disturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.figures import HEADER, Figures, envelopes, figures
from tests.processes import running
from tests.sites import Site
from tests.waiting import until

EVENTS, DECISIONS, DENIALS, ERRORS = 1453, 1533, 80, 9
"""8 of 12 documents of 20 facts are permitted, and 1,293 of 1,300 rows; 7 rows, a document's hetu and a document's JSON are wrong."""


@dataclass(frozen=True)
class Undisturbed:
    keys: Path
    figures: Figures


def finish(site: Site) -> None:
    """Run the connectors until every file is acknowledged."""
    with running(site.environment(), "connectors") as child:
        child.ready()
        until(lambda: not site.waiting_files(), 60, lambda: f"{site.waiting_files()}\n{child.log()}", every=0.2)
        assert child.stop() == 0, child.log()


@contextmanager
def locked(site: Site, table: str) -> Iterator[None]:
    """Nobody else can write the table; reading goes on."""
    with psycopg.connect(site.settings.database_url.get_secret_value()) as connection:
        connection.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
        yield


def waits_to_write(site: Site, table: str) -> bool:
    """Whether the child waits for the lock of this table."""
    found = site.one(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = to_regclass(%s) AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())",
        table,
    )
    return bool(found)


def claims(site: Site, state: str) -> int:
    return int(site.one("SELECT count(*) FROM claim JOIN claim_batch b ON b.id = claim.batch WHERE b.state = %s", state))


def kill_at(site: Site, reached: Callable[[], object], *, broker: str | None = None) -> None:
    """Start the connectors and kill them when they are there."""
    more = {} if broker is None else {"SILTA_KAFKA_BOOTSTRAP": broker}
    with running(site.environment(**more), "connectors") as child:
        child.ready()
        until(reached, 60, child.log)
        child.kill()


def assert_same(site: Site, undisturbed: Undisturbed, boundary: str) -> None:
    """The figures of the run that nobody disturbed, and each event id once in the topic."""
    found = figures(site)
    published = len(envelopes(site))
    print(f"{HEADER}\n{found.row()}  {boundary}; {published - found.events} repeated")
    assert undisturbed.figures == found
    assert published == found.events
    assert claims(site, "claimed") == 0
    assert site.one("SELECT count(*) FROM delivery WHERE NOT closed") == 0
