"""`silta connectors` killed with SIGKILL at a step of PostgreSQL's and run again: the result is that of a run nobody disturbed.

A boundary is reached by a table that another session has locked; that the child waits there is read from PostgreSQL.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.crash.table import (
    DECISIONS,
    DENIALS,
    ERRORS,
    EVENTS,
    Undisturbed,
    assert_same,
    claims,
    finish,
    kill_at,
    locked,
    waits_to_write,
)
from tests.figures import envelopes
from tests.processes import running
from tests.sites import Site
from tests.waiting import until

pytestmark = [pytest.mark.crash, pytest.mark.slow]


def test_undisturbed(undisturbed: Undisturbed):
    """The run that the others are compared with holds what the input was made to give."""
    found = undisturbed.figures
    assert (found.events, found.decisions, found.denials, found.errors) == (EVENTS, DECISIONS, DENIALS, ERRORS)


@pytest.mark.parametrize(
    "boundary, table, published",
    [("before the first commit", "claim", False), ("after the Kafka commit, before the last step", "snapshot", True)],
)
def test_killed_at_a_lock(site: Site, undisturbed: Undisturbed, boundary: str, table: str, published: bool):
    """Killed while it waits for a table of the first step or of the last one."""
    with locked(site, table):
        kill_at(site, lambda: waits_to_write(site, table))
        assert bool(envelopes(site)) is published
        assert bool(claims(site, "claimed")) is published
        assert claims(site, "published") == 0
    finish(site)
    assert_same(site, undisturbed, boundary)


def test_killed_inside_the_last_step(site: Site, undisturbed: Undisturbed):
    """Killed when the snapshot has moved on and the error list has not, in a transaction that is then lost as a whole."""
    with locked(site, "error_list"):
        kill_at(site, lambda: waits_to_write(site, "error_list"))
        assert claims(site, "published") == 0
    finish(site)
    assert_same(site, undisturbed, "inside the last step")


def test_started_again_while_the_dead_ones_session_lives(site: Site, undisturbed: Undisturbed):
    """PostgreSQL still holds the slots of the dead process, whose claims are open: the successor takes other slots and waits for them."""
    with ExitStack() as lock:
        lock.enter_context(locked(site, "snapshot"))
        kill_at(site, lambda: waits_to_write(site, "snapshot"))
        with running(site.environment(), "connectors") as child:
            until(lambda: site.one("SELECT count(*) FROM slot WHERE slot = 1"), 60, child.log)
            lock.close()
            until(lambda: not site.waiting_files(), 60, child.log, every=0.2)
            assert child.stop() == 0, child.log()
    assert_same(site, undisturbed, "as before, its session outliving it")
