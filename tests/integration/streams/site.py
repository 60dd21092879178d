"""A topic, a database and workers of a test's own, on the shared servers."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from psycopg import sql

from hub.settings import Settings
from hub.streams.positions import POSITION_TABLE
from tests.waiting import until

PARTITIONS = 4
ROOT = Path(__file__).parents[3]


class Worker:
    """A worker process and what it wrote to standard error."""

    def __init__(self, environment: dict[str, str], arguments: list[str]) -> None:
        self._stderr = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 - closed when the process is reaped
        command = [sys.executable, "-m", "tests.integration.streams.worker", *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=self._stderr)

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within: float = 20) -> int:
        self.process.send_signal(number)
        return self.ended(within=within)

    def ended(self, *, within: float = 20) -> int:
        return self.process.wait(within)

    @property
    def log(self) -> str:
        self._stderr.seek(0)
        return self._stderr.read()

    def reap(self) -> None:
        self.process.kill()
        self.process.wait()
        self._stderr.close()


class Site:
    """One test's surroundings. The handler's effects are rows of the active build, one for each time that a record was handled."""

    def __init__(self, settings: Settings, environment: dict[str, str], kafka: dict[str, str]) -> None:
        self.settings, self.kafka, self._environment = settings, kafka, environment
        self.topic = settings.topic_prefix + "streams"
        self.workers: list[Worker] = []
        self._watermarks = Consumer({**kafka, "group.id": "watermarks"})
        self.database = psycopg.connect(settings.database_url.get_secret_value(), autocommit=True)
        self.database.execute("CREATE TABLE active_build (build text NOT NULL)")
        self.database.execute("CREATE TABLE fault (word text NOT NULL)")
        self.build("build_1")
        self.database.execute("INSERT INTO active_build VALUES ('build_1')")
        admin = AdminClient(kafka)  # whose results end with it
        for created in admin.create_topics([NewTopic(self.topic, PARTITIONS, 1)]).values():
            created.result(30)

    def build(self, name: str) -> None:
        with self.database.transaction():
            self.database.execute(sql.SQL("CREATE SCHEMA {0}; SET LOCAL search_path TO {0}").format(sql.Identifier(name)))
            self.database.execute(POSITION_TABLE.encode())
            self.database.execute("CREATE TABLE effect (topic text, partition integer, position bigint, value text)")
            self.database.execute("CREATE TABLE parked (topic text, partition integer, position bigint)")

    def produce(self, count: int, *, size: int = 260) -> None:
        producer = Producer({**self.kafka, "linger.ms": 20, "queue.buffering.max.messages": 200_000})
        for number in range(count):
            producer.produce(self.topic, f"event {number} ".ljust(size, "x").encode(), str(number))
        assert producer.flush(60) == 0

    def send(self, values: Iterable[str], partition: int = 0) -> None:
        producer = Producer(self.kafka)
        for value in values:
            producer.produce(self.topic, value.encode(), partition=partition)
        assert producer.flush(30) == 0

    def worker(self, *arguments: str) -> Worker:
        worker = Worker(self._environment, [self.topic, *arguments])
        self.workers.append(worker)
        return worker

    def one(self, query: str) -> Any:
        row = self.database.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]

    def handled(self, build: str = "build_1") -> int:
        return int(self.one(f"SELECT count(*) FROM {build}.effect"))

    def await_handled(self, count: int, *, within: float = 40, build: str = "build_1") -> None:
        """Wait for so many effects, doubles included."""
        until(lambda: self.handled(build) >= count, within, lambda: f"{self.handled(build)} of {count}\n{self._logs()}")

    def assert_each_once(self, count: int, *, build: str = "build_1") -> None:
        """All readable records were handled, each once."""
        effects, distinct = self.database.execute(
            f"SELECT count(*), count(DISTINCT (topic, partition, position)) FROM {build}.effect".encode()
        ).fetchone() or (0, 0)
        print(f"{count} records: {count - distinct} lost, {effects - distinct} double")
        assert (count, count) == (distinct, effects)

    def positions(self, build: str = "build_1") -> dict[int, int]:
        rows = self.database.execute(f"SELECT partition, next FROM {build}.position".encode()).fetchall()
        return {int(partition): int(offset) for partition, offset in rows}

    def ends(self) -> dict[int, int]:
        """The offsets after the last ones, transaction markers included."""
        return {number: self._watermarks.get_watermark_offsets(TopicPartition(self.topic, number), 10)[1] for number in range(PARTITIONS)}

    def await_ends(self, *, within: float = 30, build: str = "build_1") -> None:
        """Wait until the positions are the log's ends."""
        until(
            lambda: self.positions(build) == self.ends(),
            within,
            lambda: f"{self.positions(build)} of {self.ends()}\n{self._logs()}",
            every=0.2,
        )

    @contextmanager
    def fault(self, word: str) -> Iterator[None]:
        self.database.execute("INSERT INTO fault VALUES (%s)", [word])
        try:
            yield
        finally:
            self.database.execute("DELETE FROM fault")

    def close(self) -> None:
        for worker in self.workers:
            worker.reap()
        self._watermarks.close()
        self.database.close()

    def _logs(self) -> str:
        return "\n".join(worker.log[-3000:] for worker in self.workers)
