"""Processes and sessions that are killed under load: nothing is lost and nothing is done twice."""

from __future__ import annotations

import signal

import pytest

from tests.integration.streams.site import Site

pytestmark = [pytest.mark.crash, pytest.mark.slow]

RECORDS = 100_000
SLOWED = ("--pause", "0.5")


def test_second_worker_joins_is_killed_and_joins_again(site: Site):
    """Two workers share the partitions; one is killed, comes back, and the other one leaves."""
    site.produce(RECORDS)
    first = site.worker(*SLOWED)
    site.await_handled(1)
    second = site.worker("--instance", "second", *SLOWED)
    site.await_handled(RECORDS // 3)
    second.stop(signal.SIGKILL)
    again = site.worker("--instance", "second", *SLOWED)
    site.await_handled(RECORDS // 2)
    site.produce(RECORDS)
    site.await_handled(RECORDS + RECORDS // 2)
    assert first.stop() == 0
    site.await_handled(2 * RECORDS, within=60)
    assert again.stop() == 0
    site.assert_each_once(2 * RECORDS)


def test_killed_four_times_in_a_row(site: Site):
    """A worker that is killed amid its batches, four times, loses and doubles nothing."""
    site.produce(RECORDS)
    for round_ in range(1, 5):
        worker = site.worker("--instance", "only", *SLOWED)
        site.await_handled(round_ * RECORDS // 6)
        worker.stop(signal.SIGKILL)
    last = site.worker("--instance", "only")
    site.await_handled(RECORDS)
    assert last.stop() == 0
    site.assert_each_once(RECORDS)


def test_postgresql_ends_the_sessions(site: Site):
    """The server ends all of the worker's sessions, ten times: it goes on by itself."""
    site.produce(RECORDS)
    worker = site.worker("--pause", "0.1")
    ended = 0
    for round_ in range(1, 11):
        site.await_handled(round_ * RECORDS // 12)
        ended += site.one(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    site.await_handled(RECORDS)
    assert worker.stop() == 0
    print(f"{ended} sessions ended")
    assert ended >= 10
    site.assert_each_once(RECORDS)
