"""Killed after the last commit, before the file is removed; and the worker killed inside its fold and after it."""

from __future__ import annotations

import json
import os

import pytest

from hub.timeline.digest import digest
from tests.crash.table import EVENTS, Undisturbed, assert_same, finish, kill_at, locked, waits_to_write
from tests.processes import OFFSET_COMMIT, KafkaProxy, running
from tests.sites import Site
from tests.waiting import until

pytestmark = [pytest.mark.crash, pytest.mark.slow]


def test_killed_before_the_file_is_removed(site: Site, undisturbed: Undisturbed):
    """Killed after the last commit, while it writes the outcome: the file is still there, and is found to be done."""
    pipe = site.settings.drops / "city-csv" / "outcome" / ".periods.csv.tmp"
    pipe.parent.mkdir(mode=0o700)
    os.mkfifo(pipe)
    kill_at(site, lambda: site.rows("SELECT FROM delivery WHERE source = 'city-csv' AND closed") and "periods.csv" in site.waiting_files())
    pipe.unlink()
    assert [name for name in site.waiting_files() if name.endswith(".csv")] == ["periods.csv"]
    finish(site)
    outcome = json.loads(site.outcome_of("city-csv", "periods.csv").read_text("utf-8"))
    assert (
        *(outcome[name] for name in ("items", "admitted", "unchanged", "denied")),
        len(outcome["errors"]),
        outcome["repeat"],
    ) == (1300, 1293, 0, 0, 7, True)
    assert_same(site, undisturbed, "after the last step, before the file is removed")


def test_fold_killed_inside_its_transaction_and_after_it(site: Site, undisturbed: Undisturbed):
    """A worker killed inside the fold's transaction, and another one after it with nothing acknowledged to Kafka: the timeline is the same."""
    finish(site)
    site.relay()
    proxy = KafkaProxy(site.settings.kafka_bootstrap)
    try:
        with running(site.environment(SILTA_KAFKA_BOOTSTRAP=proxy.address), "worker") as child, locked(site, "build_1.basis_state"):
            child.ready()
            until(lambda: waits_to_write(site, "build_1.basis_state"), 60, child.log)
            child.kill()
        proxy.hold(OFFSET_COMMIT)
        with running(site.environment(SILTA_KAFKA_BOOTSTRAP=proxy.address), "worker") as child:
            until(lambda: site.one("SELECT count(*) FROM build_1.entry"), 60, child.log)
            child.kill()
    finally:
        proxy.close()
    with running(site.environment(), "worker") as child:
        child.ready()
        until(lambda: site.one("SELECT count(*) FROM build_1.entry") == EVENTS, 60, child.log)
        until(lambda: undisturbed.figures.digest == digest(site.settings), 30, child.log, every=0.5)
        assert child.stop() == 0
    assert_same(site, undisturbed, "fold killed inside its transaction, and after it")
