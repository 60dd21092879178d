"""`silta connectors` killed with SIGKILL around the Kafka transaction and run again: the result is that of a run nobody disturbed.

A boundary is reached by a request or an answer of Kafka's that a proxy keeps back; that it does is asked of the proxy.
"""

from __future__ import annotations

import json

import pytest

from tests.crash.table import Undisturbed, assert_same, claims, finish, kill_at
from tests.figures import envelopes
from tests.processes import ADD_PARTITIONS, END_TXN, PRODUCE, KafkaProxy
from tests.sites import Site

pytestmark = [pytest.mark.crash, pytest.mark.slow]


@pytest.mark.parametrize(
    "boundary, api, answers, skip, in_topic",
    [
        ("after the first commit, before the Kafka transaction", ADD_PARTITIONS, False, 0, 0),
        ("inside the transaction, before its records", PRODUCE, False, 0, 0),
        ("records produced, not committed", END_TXN, False, 0, 0),
        ("committed, and never told so", END_TXN, True, 0, 1),
        ("records of a later part produced, not committed", END_TXN, False, 3, 1),
    ],
)
def test_killed_at_kafka(site: Site, undisturbed: Undisturbed, boundary: str, api: int, answers: bool, skip: int, in_topic: int):
    """Killed while Kafka does not answer; claims are open then, and the topic has this batch's records or not."""
    proxy = KafkaProxy(site.settings.kafka_bootstrap)
    try:
        held = proxy.hold(api, answers=answers, skip=skip)
        kill_at(site, lambda: held.is_set() and claims(site, "claimed"), broker=proxy.address)
    finally:
        proxy.close()
    assert in_topic == bool(envelopes(site))
    finish(site)
    assert_same(site, undisturbed, boundary)


def test_outcome_of_an_interrupted_file(site: Site):
    """The outcome file of a delivery that was killed in its second part tells of all its parts."""
    proxy = KafkaProxy(site.settings.kafka_bootstrap)
    try:
        for path in (site.settings.drops / "osao-koski").glob("*.json"):
            path.unlink()
        held = proxy.hold(END_TXN, skip=1)
        kill_at(site, held.is_set, broker=proxy.address)
    finally:
        proxy.close()
    assert site.rows("SELECT next FROM source_position") == [(505,)]
    finish(site)
    outcome = json.loads(site.outcome_of("city-csv", "periods.csv").read_text("utf-8"))
    assert (outcome["items"], outcome["admitted"], len(outcome["errors"])) == (1300, 1293, 7)
