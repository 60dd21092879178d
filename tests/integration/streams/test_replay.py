"""Replays into a build beside the live one."""

from __future__ import annotations

import asyncio

import pytest
from confluent_kafka import Producer

from hub.errors import FatalError
from hub.streams.records import TP
from hub.streams.replay import Replayed, replay
from tests.integration.streams.site import Site
from tests.integration.streams.worker import effects


def _replay(site: Site, until: dict[TP, int] | None = None, build: str = "build_2") -> Replayed:
    return asyncio.run(replay(site.settings, {site.topic: effects}, build=build, until=until))


def test_replay_ends_at_the_ends(site: Site):
    """A replay handles each committed record once, ends behind the transaction markers, and a second one finds nothing more."""
    site.produce(20_000)
    producer = Producer({**site.kafka, "transactional.id": site.topic})
    producer.init_transactions(30)
    for value, finish in ((b"kept", producer.commit_transaction), (b"aborted", producer.abort_transaction)):
        producer.begin_transaction()
        for number in range(400):
            producer.produce(site.topic, value, partition=number % 4)
        finish(30)
    site.build("build_2")
    assert _replay(site).records == 20_400
    assert site.positions("build_2") == site.ends()
    site.assert_each_once(20_400, build="build_2")
    assert _replay(site).records == 0
    assert site.handled() == 0


def test_replay_goes_on_from_where_it_ended(site: Site):
    """A replay up to noted offsets handles nothing past them; the next one handles the rest."""
    site.produce(20_000)
    site.build("build_2")
    noted = {TP(site.topic, 0): 1_000, TP(site.topic, 1): 0, TP(site.topic, 2): 1, TP(site.topic, 3): 4_000}
    assert _replay(site, noted).records == 5_001
    assert site.positions("build_2") == {0: 1_000, 1: 0, 2: 1, 3: 4_000}
    assert _replay(site).records == 14_999
    site.assert_each_once(20_000, build="build_2")


def test_replay_beside_a_worker(site: Site):
    """A replay takes nothing from the worker of the live build; once active, its build goes on with the same worker."""
    site.produce(20_000)
    worker = site.worker()
    site.build("build_2")
    assert _replay(site).records == 20_000
    site.await_handled(20_000)
    site.database.execute("UPDATE active_build SET build = 'build_2'")
    site.produce(1_000)
    site.await_handled(21_000, build="build_2")
    assert worker.stop() == 0
    site.assert_each_once(20_000)
    site.assert_each_once(21_000, build="build_2")


def test_unknown_build_is_fatal(site: Site):
    """A build without positions is named, not made."""
    site.produce(10)
    with pytest.raises(FatalError, match="build_3 has no table of positions"):
        _replay(site, build="build_3")
