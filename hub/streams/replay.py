"""Replay of topics into a build beside the live one: the worker's own lanes, without its group."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from hub.errors import FatalError
from hub.settings import Settings
from hub.streams import kafka, positions
from hub.streams.batching import Feeder, Lane
from hub.streams.records import TP, Batch, Handler

__all__ = ["Replayed", "replay"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did: how many records it handled, and the offsets up to which each partition is in the build now."""

    records: int
    until: Mapping[TP, int]


async def replay(
    settings: Settings, handlers: Mapping[str, Handler], *, build: str, until: Mapping[TP, int] | None = None, processor: str = "timeline"
) -> Replayed:
    """Bring the build from its own positions up to `until` in all partitions of the topics (real names), in any order among partitions.

    By default, and for partitions that `until` leaves out, that is all that is readable now. The build's positions end at these offsets
    exactly, even where the last ones are transaction markers; a position that is past them already stays. Called again, it goes on from there.
    A second replay of the same build takes over from the first. Raises `TransientError` if Kafka can't be reached at first, `FatalError`
    as the worker does, and whatever a handler raises; away in between, it waits.
    """
    consumer = kafka.consumer(settings)
    with kafka.translated():
        await consumer.start()
    try:
        ends = await _ends(consumer, handlers) | dict(until or {})
        consumer.assign([TopicPartition(*tp) for tp in ends])
        records = await _follow(settings, handlers, _LogUntil(consumer, ends), ends, build, processor)
    finally:
        await consumer.stop()
    _log.info("replayed", build=build, processor=processor, count=records)
    return Replayed(records, ends)


class _LogUntil(kafka.ConsumerLog):
    """A log that ends at given offsets."""

    def __init__(self, consumer: AIOKafkaConsumer, ends: Mapping[TP, int]) -> None:
        super().__init__(consumer)
        self._ends = ends

    async def fetch(self, tps: Collection[TP], timeout: float) -> Mapping[TP, Batch]:
        unfinished = [tp for tp in tps if self._reached[tp] < self._ends[tp]]
        if not unfinished:
            await asyncio.sleep(0.01)
            return {}
        fetched = await super().fetch(unfinished, timeout)
        return {tp: batch if batch.reached <= self._ends[tp] else _cut(batch, self._ends[tp]) for tp, batch in fetched.items()}


def _cut(batch: Batch, end: int) -> Batch:
    return Batch([record for record in batch.records if record.offset < end], end)


async def _ends(consumer: AIOKafkaConsumer, topics: Collection[str]) -> dict[TP, int]:
    with kafka.translated():
        cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - nothing public tells the partitions before they are assigned
        missing = sorted(topic for topic in topics if not cluster.partitions_for_topic(topic))
        if missing:
            raise FatalError(f"Kafka has no topic {', '.join(missing)}: nothing can be replayed")
        partitions = [TopicPartition(topic, number) for topic in topics for number in cluster.partitions_for_topic(topic)]
        ends = await consumer.end_offsets(partitions)
    return {TP(*partition): offset for partition, offset in ends.items()}


async def _follow(
    settings: Settings, handlers: Mapping[str, Handler], log: _LogUntil, ends: Mapping[TP, int], build: str, processor: str
) -> int:
    url = settings.database_url.get_secret_value()
    feeder = Feeder(log)
    lanes = [Lane(tp, handlers[tp.topic], feeder, lambda: positions.connect(url), processor=processor, build=build) for tp in ends]
    try:
        async with asyncio.TaskGroup() as tasks:
            for lane in lanes:
                tasks.create_task(lane.run())
            while any(lane.next is None or lane.next < ends[lane.tp] for lane in lanes):
                await feeder.step()
            for lane in lanes:
                lane.end()
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    return sum(lane.records for lane in lanes)
