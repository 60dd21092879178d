"""Reading committed records back, by plain assignment, outside any consumer group: for recovery, counts and checks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from hub.errors import TransientError
from hub.publisher.client import connection, reaching_kafka
from hub.settings import Settings

__all__ = ["committed_since", "end_offsets", "read_all"]

_SECONDS = 30.0


def end_offsets(settings: Settings, topic: str) -> dict[int, int]:
    """The offset after the last record of each partition, records of open transactions included."""
    with _consumer(settings) as consumer:
        return _ends(consumer, topic)


def read_all(settings: Settings, topic: str) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Key and value of every committed record of a topic so far, partition by partition."""
    found: list[tuple[bytes | None, bytes | None]] = []
    committed_since(settings, topic, {}, lambda key, value: found.append((key, value)))
    return iter(found)


def committed_since(settings: Settings, topic: str, low: Mapping[int, int], note: Callable[[bytes | None, bytes | None], None]) -> None:
    """Call `note` with key and value of each committed record from the offsets `low` up to the present end.

    Waits until transactions open at the start of the call are decided (their producers' time-out is 5 s). Raises `TransientError` after 30 s.
    """
    with _consumer(settings) as consumer:
        ends = _ends(consumer, topic)
        starts = [TopicPartition(topic, number, low.get(number, OFFSET_BEGINNING)) for number in ends]
        consumer.assign(starts)
        open_partitions = {number for number, end in ends.items() if end > max(low.get(number, 0), 0)}
        deadline = time.monotonic() + _SECONDS
        while open_partitions:
            message = consumer.poll(0.05)
            if message is not None and message.error() is None and (message.offset() or 0) < ends[message.partition() or 0]:
                note(message.key(), message.value())
            if message is None or (message.offset() or 0) >= ends[message.partition() or 0] - 1:
                # Control records at the end are never handed out, so the position decides, not the last offset seen.
                reached = consumer.position([TopicPartition(topic, number) for number in open_partitions])
                open_partitions -= {place.partition for place in reached if place.offset >= ends[place.partition]}
            if time.monotonic() > deadline:
                raise TransientError(f"{topic} could not be read to its end in {_SECONDS:.0f} s")


def _ends(consumer: Consumer, topic: str) -> dict[int, int]:
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    return {number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1] for number in partitions}


@contextmanager
def _consumer(settings: Settings) -> Iterator[Consumer]:
    options = {"group.id": "unused", "enable.auto.commit": False, "isolation.level": "read_committed", "auto.offset.reset": "earliest"}
    with reaching_kafka():
        consumer = Consumer(connection(settings) | options)
        try:
            yield consumer
        finally:
            consumer.close()
