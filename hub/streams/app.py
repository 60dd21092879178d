"""The worker: Faust gives group membership, threads and life cycle; the records go past it, a whole fetch at a time.

Sole importer of Faust. Its agents, tables, producer, web server and `exactly_once` stay off: per record it makes 1,700-4,400 events/s, and an
agent that raises or is stopped loses its event. What is overridden here was read in Faust 0.15.3, whose version is pinned.
"""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import Collection, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

import faust
import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.app.base import BootStrategy
from faust.transport.drivers import aiokafka as driver
from faust.types import tuples

from hub.settings import Settings
from hub.streams import kafka, positions
from hub.streams.batching import Feeder, Lane
from hub.streams.records import TP, Batch, Handler

__all__ = ["run_worker"]

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)

_GRACE = 5.0
"""Seconds that batches under way are given, when partitions are taken away or the worker stops, before they are rolled back."""
_SUMMARY = 10.0
_COMMIT_INTERVAL, _COMMIT_TIMEOUT = 0.5, 2.0


def run_worker(
    settings: Settings, handlers: Mapping[str, Handler], *, processor: str = "timeline", instance: str | None = None, deadline: float = 30
) -> None:
    """Follow the topics (real names) until SIGTERM or SIGINT; return when the batches under way have ended or been rolled back.

    Raises `FatalError` when a position is outside the log or a batch misses its deadline (in seconds), and whatever a handler raised. While
    Kafka or PostgreSQL is away it waits and tries again.

    Each worker is a static member of the consumer group under an instance id of its own. Without `instance` it is random, and the worker
    leaves the group as it stops, so that others go on at once. Of a given one, the partitions are kept for
    10 s after its worker ended, however it ended, so that a restart in that time takes nothing from other workers; meanwhile new ones wait.
    It must be unique: two workers of one instance take the partitions from each other again and again, though neither loses nor doubles.
    """
    asyncio.run(_Work(settings, handlers, processor, instance, deadline).run())


class _Work:
    """What one worker process does: its lanes, and the first error that ends it."""

    def __init__(self, settings: Settings, handlers: Mapping[str, Handler], processor: str, instance: str | None, deadline: float) -> None:
        self.settings, self.handlers = settings, handlers
        self.group = settings.topic_prefix + processor
        self.instance, self.leaves = instance or str(uuid.uuid4()), instance is None
        self.lanes: dict[TP, Lane] = {}
        self._processor, self._deadline = processor, deadline
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Future[None]

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.end)
        app = _App(self)
        starting, summary = loop.create_task(app.start()), loop.create_task(self._summarise())
        starting.add_done_callback(self._task_done)
        crashed = loop.create_task(app.wait_until_stopped())
        try:
            await asyncio.wait({self._ended, crashed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self.close()
            for task in (summary, starting, crashed):
                task.cancel()
            await app.stop()
            _log.info("worker_stopped", group=self.group)
        self.end(app.crash_reason)
        await self._ended

    def end(self, error: BaseException | None = None) -> None:
        """Let `run` return, or raise this error; the first call counts."""
        if not self._ended.done():
            if error is None:
                self._ended.set_result(None)
            else:
                self._ended.set_exception(error)

    def open(self, assigned: Collection[TP], feeder: Feeder) -> None:
        """Begin with these partitions."""
        url = self.settings.database_url.get_secret_value()
        for tp in sorted(assigned):
            lane = self.lanes[tp] = Lane(
                tp, self.handlers[tp.topic], feeder, lambda: positions.connect(url), processor=self._processor, deadline=self._deadline
            )
            task = asyncio.create_task(lane.run(), name=f"{tp.topic}/{tp.partition}")
            task.add_done_callback(self._task_done)
            self._tasks.add(task)
        _log.info("partitions_assigned", group=self.group, count=len(assigned))

    async def close(self) -> None:
        """Let all lanes go, each after its batch under way; what does not end in time is rolled back."""
        for lane in self.lanes.values():
            lane.end()
        self.lanes.clear()
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=_GRACE)
            for task in late:
                task.cancel()
            if late:
                _log.warning("batches_rolled_back", group=self.group, partitions=len(late))
                await asyncio.wait(late)

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.end(error)

    async def _summarise(self) -> None:
        while True:
            await asyncio.sleep(_SUMMARY)
            for tp, lane in self.lanes.items():
                _log.info("partition_progress", topic=tp.topic, partition=tp.partition, next=lane.next, lag=lane.lag, count=lane.records)


class _Thread(driver.AIOKafkaConsumerThread):
    """Faust's thread of the consumer: heartbeats go on whatever the handlers do."""

    consumer: _Consumer
    records: kafka.ConsumerLog

    async def on_start(self) -> None:
        pause = 0.1
        while not self.should_stop:
            try:
                await super().on_start()
                self.records = kafka.ConsumerLog(self._ensure_consumer())
            except KafkaConnectionError as error:
                _log.warning("kafka_away", error=type(error).__name__)
                if self._consumer is not None:
                    await self._consumer.stop()
                await self.sleep(pause)
                pause = min(2 * pause, 5.0)
            else:
                return

    async def on_thread_stop(self) -> None:
        if self._consumer is not None and self.consumer.work.leaves:
            # aiokafka does not let a static member leave, and its partitions would lie idle until its session ends.
            self._consumer._coordinator._group_instance_id = None  # noqa: SLF001
        await super().on_thread_stop()

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        # Faust's own reads uncommitted outside exactly-once mode, so that records of aborted transactions show.
        del transport
        work = self.consumer.work
        return kafka.consumer(work.settings, group=work.group, instance=work.instance)

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        # For lag displays alone, so a failure must not end the worker as Faust's own does, nor keep it from stopping.
        try:
            async with asyncio.timeout(_COMMIT_TIMEOUT):
                await self._ensure_consumer().commit({TopicPartition(*tp): OffsetAndMetadata(offset, "") for tp, offset in offsets.items()})
        except (KafkaError, TimeoutError) as error:
            _log.debug("commit_skipped", error=type(error).__name__)
            return False
        return True


class _Consumer(driver.Consumer):
    """Faust's consumer with whole fetches, and PostgreSQL's positions in the place of Kafka's."""

    _thread: _Thread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._feeder = Feeder(_Remote(self._thread))
        self._committed: dict[TP, int] = {}

    @property
    def work(self) -> _Work:
        assert isinstance(self.app, _App)
        return self.app.work

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def subscribe(self, topics: Iterable[str]) -> None:
        """To the handlers' topics: Faust knows only those of agents."""
        del topics
        await super().subscribe(self.work.handlers)

    async def perform_seek(self) -> None:
        """Faust calls this at the end of each rebalance to seek to Kafka's offsets; each lane seeks to its position in PostgreSQL instead."""
        self.work.open({TP(*tp) for tp in self.assignment()}, self._feeder)

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        # In an eager rebalance all partitions go, and those that come back come anew.
        await self.work.close()
        self._committed.clear()
        await super().on_partitions_revoked(revoked)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Faust's loop of fetches; its own spends two tasks on every message, and counts transaction markers as lost acknowledgements."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                if self.flow_active:
                    await self._feeder.step()
                else:
                    await self.wait(self.can_resume_flow.wait())
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise
        except Exception as error:  # noqa: BLE001 - raised by `run_worker`
            self.work.end(error)

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002
        del topics, start_new_transaction
        reached = {tp: lane.next for tp, lane in self.work.lanes.items() if lane.next is not None}
        moved = {tp: offset for tp, offset in reached.items() if self._committed.get(tp) != offset}
        if moved and await self._thread.commit({tuples.TP(*tp): offset for tp, offset in moved.items()}):
            self._committed.update(moved)
            return True
        return False

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Faust watches messages that it never sees here, and would call a quiet topic an error."""


class _Remote:
    """The consumer's log, called in its thread."""

    def __init__(self, thread: _Thread) -> None:
        self._thread = thread

    def assigned(self, tp: TP) -> bool:
        return self._thread.records.assigned(tp)

    def lag(self, tp: TP, position: int) -> int | None:
        return self._thread.records.lag(tp, position)

    async def bounds(self, tp: TP) -> tuple[int, int]:
        return await self._there(self._thread.records.bounds(tp))

    async def seek(self, tp: TP, offset: int) -> None:
        await self._there(self._thread.records.seek(tp, offset))

    async def fetch(self, tps: Collection[TP], timeout: float) -> Mapping[TP, Batch]:
        return await self._there(self._thread.records.fetch(tps, timeout))

    async def _there(self, call: Coroutine[Any, Any, _T]) -> _T:
        # Not by Faust's queue of calls, which two slow ones would block.
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, self._thread.thread_loop))


class _Transport(driver.Transport):
    Consumer = _Consumer


class _BootStrategy(BootStrategy):
    # `web_enabled=False` alone still opens a port on all interfaces.
    enable_web = False
    enable_kafka_producer = False


class _App(faust.App):
    BootStrategy = _BootStrategy

    def __init__(self, work: _Work) -> None:
        self.work = work
        super().__init__(
            work.group,
            broker=[f"kafka://{address}" for address in work.settings.kafka_bootstrap.split(",")],
            topic_disable_leader=True,
            topic_allow_declare=False,
            broker_session_timeout=10,
            broker_commit_interval=_COMMIT_INTERVAL,
            consumer_group_instance_id=work.instance,
            web_enabled=False,
        )

    def _new_transport(self) -> _Transport:
        return _Transport(self.conf.broker_consumer, self)

    async def on_first_start(self) -> None:
        """Faust makes folders for tables in the working directory; there are none."""
