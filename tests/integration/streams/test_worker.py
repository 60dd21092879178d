"""The worker on the real servers, while nothing crashes."""

from __future__ import annotations

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

from tests.integration.streams.site import Site
from tests.waiting import until


def _transactional(site: Site, name: str, **settings: object) -> Producer:
    producer = Producer({**site.kafka, "transactional.id": f"{site.topic}-{name}", **settings})
    producer.init_transactions(30)
    return producer


def _in_transaction(producer: Producer, site: Site, count: int, value: bytes) -> None:
    producer.begin_transaction()
    for number in range(count):
        producer.produce(site.topic, value, partition=number % 4)
    producer.flush(30)


def test_each_record_is_handled_once(site: Site):
    """All records are handled once, the positions end at the log's ends, Kafka is told them, and SIGTERM ends with 0."""
    site.produce(40_000)
    worker = site.worker()
    site.await_handled(40_000)
    site.await_ends()
    told = Consumer({**site.kafka, "group.id": site.settings.topic_prefix + "timeline"})
    partitions = [TopicPartition(site.topic, number) for number in range(4)]
    until(lambda: {p.partition: p.offset for p in told.committed(partitions, 10)} == site.ends(), 10, "Kafka's commits lag")
    told.close()
    assert worker.stop() == 0
    site.assert_each_once(40_000)


def test_listens_on_nothing(site: Site):
    """A worker opens no listening socket."""
    site.produce(10)
    worker = site.worker()
    site.await_handled(10)
    sockets = psutil.Process(worker.process.pid).net_connections(kind="all")
    assert [socket for socket in sockets if socket.status == psutil.CONN_LISTEN] == []


def test_aborted_records_never_show(site: Site):
    """Only committed transactions are handled, and positions pass the markers at the log's end."""
    producer = _transactional(site, "p")
    worker = site.worker()
    for round_ in range(5):
        _in_transaction(producer, site, 400, b"kept")
        producer.commit_transaction(30)
        _in_transaction(producer, site, 400, b"aborted")
        producer.abort_transaction(30)
        site.await_handled(400 * (round_ + 1))
    site.await_ends()
    assert worker.stop() == 0
    assert site.one("SELECT count(*) FROM build_1.effect WHERE value = 'aborted'") == 0
    site.assert_each_once(2_000)


def test_open_transaction_holds_back_until_it_is_aborted(site: Site):
    """Nothing behind an open transaction shows; once the broker has aborted it, reading goes on."""
    worker = site.worker()
    site.send(["before"] * 4)
    site.await_handled(4)
    hanging = _transactional(site, "h", **{"transaction.timeout.ms": 3_000})
    _in_transaction(hanging, site, 400, b"never committed")
    site.send(["behind"] * 100)
    assert site.handled() == 4
    site.await_handled(104)
    assert worker.stop() == 0
    assert site.one("SELECT count(*) FROM build_1.effect WHERE value = 'never committed'") == 0
    site.assert_each_once(104)


def test_poison_is_the_handlers_matter(site: Site):
    """What a handler parks stops neither its batch nor its partition."""
    site.send([*["good"] * 50, "poison", *["good"] * 50])
    worker = site.worker()
    site.await_handled(100)
    assert worker.stop() == 0
    assert site.one("SELECT count(*) FROM build_1.parked") == 1
    site.assert_each_once(100)


def test_raising_handler_ends_the_worker(site: Site):
    """A handler that raises ends the worker with an error, its batch rolled back; after a restart nothing is missing."""
    site.send([*["good"] * 50, "raise", *["good"] * 49])
    with site.fault("raise"):
        worker = site.worker()
        assert worker.ended() != 0
        assert "the handler can't" in worker.log
    assert site.handled() == 0
    again = site.worker()
    site.await_handled(100)
    assert again.stop() == 0
    site.assert_each_once(100)


def test_missed_deadline_ends_the_worker(site: Site):
    """A batch that takes longer than its deadline is rolled back and ends the worker; after a restart nothing is missing."""
    site.send(["hang"])
    with site.fault("hang"):
        worker = site.worker("--deadline", "1")
        assert worker.ended() != 0
        assert "missed the deadline of 1 s" in worker.log
    again = site.worker()
    site.await_handled(1)
    assert again.stop() == 0
    site.assert_each_once(1)


def test_hanging_handler_keeps_up_neither_other_partitions_nor_the_end(site: Site):
    """While one partition's handler awaits, the others go on, and SIGTERM ends the worker with 0; nothing is missing afterwards."""
    site.send([*["good"] * 10, "hang"], partition=0)
    with site.fault("hang"):
        worker = site.worker()
        for partition in (1, 2, 3):
            site.send(["good"] * 30, partition)
        site.await_handled(90)
        assert worker.stop() == 0
        assert "batches_rolled_back" in worker.log
    assert site.handled() == 90
    again = site.worker()
    site.await_handled(101)
    assert again.stop() == 0
    site.assert_each_once(101)


def test_position_beyond_the_end_is_fatal(site: Site):
    """PostgreSQL ahead of Kafka, as after restoring an older log: the worker says so and ends."""
    site.send(["good"] * 10)
    site.database.execute("INSERT INTO build_1.position VALUES ('timeline', %s, 0, 11, 1)", [site.topic])
    worker = site.worker()
    assert worker.ended() != 0
    assert "the position 11 is outside the log, which holds 0 to 10" in worker.log


def test_another_build_becomes_active(site: Site):
    """A running worker goes over to the build that becomes active, from that build's positions."""
    site.produce(8_000)
    worker = site.worker()
    site.await_handled(8_000)
    site.build("build_2")
    site.database.execute("UPDATE active_build SET build = 'build_2'")
    site.produce(8_000)
    site.await_handled(16_000, build="build_2")
    assert worker.stop() == 0
    site.assert_each_once(8_000)
    site.assert_each_once(16_000, build="build_2")
