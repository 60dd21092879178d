"""Intake: Silta's whole (look up, decide, identify, claim, seal, encode, publish with decisions, settle) against a bare Avro producer.

Every round states new facts of clients whom the register knows, in files of 2,000 rows that the connectors' own code cuts into transactions.
Measured from the drafts in hand to all of it acknowledged and settled; parsing files is in neither side. Afterwards what each side published is read
back, read committed and ours unsealed, and a checksum over its set of (fact, payload) must be the same.

The sides: ``silta``; ``producer``, idempotent with acks=all; ``transactional``, the same with a transaction every 500 records, as Silta has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from hub.connectors.base import Source
from hub.connectors.receiving import PART, receive, take_in
from hub.connectors.runner import open_intake
from hub.drafts import Delivery
from hub.intake import Intake, Origin
from hub.publisher import end_offsets
from hub.topics import CLIENT_EVENTS
from ops.bench.figures import Goal, Run, require_equal, summary
from ops.bench.plain_producer import PlainProducer, make_topic
from ops.bench.population import PARTNER, SOURCE, deliveries, settle
from ops.bench.published import Published, checksum
from ops.bench.site import Site

__all__ = ["GOALS", "bench_intake", "clients_for", "source", "take_all_in"]

GOALS = (Goal("producer", 0.2), Goal("transactional", 0.2))
_WARM_UP = 1000
Progress = Callable[[str], None]


def bench_intake(site: Site, events: int, rounds: int, progress: Progress) -> dict[str, Any]:
    """Measure `rounds` times `events` events a side, the sides in turn. Raises `FatalError` when what they published differs."""
    progress(f"intake: {clients_for(events)} clients with consents …")
    people = settle(site.hub, clients_for(events))
    site.relay()
    topic = make_topic(site.settings)
    message_keys = {person.hetu: str(uuid4()).encode() for person in people}
    producers = {"producer": PlainProducer(site.settings, topic, None), "transactional": PlainProducer(site.settings, topic, PART)}
    published = Published(site, people)
    measured = []
    with open_intake(site.hub, source()) as intake:

        def publish(side: str, sent: Sequence[Delivery]) -> None:
            if side == "silta":
                take_all_in(intake, sent)
            else:
                producers[side].publish((draft for delivery in sent for draft in delivery.drafts), message_keys)

        sides = ["silta", *producers]
        for side in sides:
            publish(side, deliveries(people, min(events, _WARM_UP), "warm-up"))
        for number in range(rounds):
            sent = deliveries(people, events, str(number))
            found: dict[str, Run] = {}
            for side in sides[number % 3 :] + sides[: number % 3]:
                where = site.settings.topic_prefix + CLIENT_EVENTS.name if side == "silta" else topic
                low = end_offsets(site.settings, where)
                began, cpu = time.perf_counter(), time.process_time()
                publish(side, sent)
                seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
                facts = published.sealed(low) if side == "silta" else published.plain(topic, low)
                found[side] = Run(len(facts), seconds, cpu, checksum(facts))
                progress(f"intake: round {number + 1} {side}: {found[side].rate:,.0f} events/s, facts {found[side].checksum[:12]}")
            require_equal(found)
            measured.append({side: found[side] for side in sides})
    return summary(measured, GOALS)


def take_all_in(intake: Intake, sent: Sequence[Delivery]) -> None:
    """What the connectors' process does with files, but with deliveries that are parsed already."""
    received = []
    for delivery in sent:
        one = receive(intake, source(delivery), item=uuid4().bytes, body=b"", stamp="")
        assert one is not None
        received.append(one)
    take_in(intake, received)


def clients_for(events: int) -> int:
    """Ten facts a client."""
    return max(10, events // 10)


def source(delivery: Delivery | None = None) -> Source:
    """The city's, whose parser answers with this delivery."""

    def parse(body: bytes, /, **_: object) -> Delivery:
        del body
        assert delivery is not None
        return delivery

    return Source(SOURCE, PARTNER, "city-csv", parse, ".csv", Origin("integration_services", "bench"), keep_processed=False)
