"""The consumer that stream processors read Kafka with: read committed, bounded, never at an offset that nobody asked for."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError, KafkaTimeoutError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition

from hub.errors import FatalError, TransientError
from hub.settings import Settings
from hub.streams.records import TP, Batch

__all__ = ["ConsumerLog", "consumer", "translated"]

_MAX_RECORDS = 5_000
_MAX_BYTES = 1024 * 1024
_ANSWER = 5.0
"""Seconds to wait for what a broker that is there answers at once."""


def consumer(settings: Settings, *, group: str | None = None, instance: str | None = None) -> AIOKafkaConsumer:
    """A consumer, not started, for the running event loop; without a group it is told its partitions.

    It fails where its position is outside the log (`none`): a reset to either end would skip or repeat in silence. How long it may go
    without fetching is left to the deadline of each batch, since it does not fetch while PostgreSQL is away.
    """
    context = ssl.create_default_context(cafile=settings.kafka_ca_file) if settings.kafka_tls else None
    security: dict[str, Any] = {"security_protocol": "SSL" if context else "PLAINTEXT", "ssl_context": context}
    if settings.kafka_username is not None and settings.kafka_password is not None:
        security |= {
            "security_protocol": "SASL_SSL" if context else "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        client_id="silta-streams",
        group_id=group,
        group_instance_id=instance,
        partition_assignment_strategy=[RoundRobinPartitionAssignor],
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        max_poll_records=_MAX_RECORDS,
        max_partition_fetch_bytes=_MAX_BYTES,
        session_timeout_ms=10_000,
        heartbeat_interval_ms=2_000,
        rebalance_timeout_ms=30_000,
        max_poll_interval_ms=86_400_000,
        **security,
    )


@contextmanager
def translated() -> Iterator[None]:
    """Errors of aiokafka become the hub's."""
    try:
        yield
    except OffsetOutOfRangeError as error:
        raise FatalError(
            f"Kafka no longer holds the offsets that come next: {error}. Restore its log, or rebuild from the topics"
        ) from error
    except (IllegalStateError, KafkaTimeoutError, ConsumerStoppedError, TimeoutError) as error:
        raise TransientError(f"Kafka: {type(error).__name__}") from error
    except KafkaError as error:
        if error.retriable:
            raise TransientError(f"Kafka: {type(error).__name__}") from error
        raise FatalError(f"Kafka refuses: {error!r}") from error


class ConsumerLog:
    """A consumer as a `Log`, for the event loop that the consumer runs in."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._reached: dict[TP, int] = {}

    def assigned(self, tp: TP) -> bool:
        return tp in self._consumer.assignment()

    def lag(self, tp: TP, position: int) -> int | None:
        """How many offsets are readable and not handled; None until something was fetched."""
        readable = self._consumer.last_stable_offset(TopicPartition(*tp)) if self.assigned(tp) else None
        return None if readable is None or readable < 0 else max(0, readable - position)

    async def bounds(self, tp: TP) -> tuple[int, int]:
        partition = TopicPartition(*tp)
        with translated():
            async with asyncio.timeout(_ANSWER):
                first = await self._consumer.beginning_offsets([partition])
                end = await self._consumer.end_offsets([partition])
        return first[partition], end[partition]

    async def seek(self, tp: TP, offset: int) -> None:
        with translated():
            self._consumer.seek(TopicPartition(*tp), offset)
        self._reached[tp] = offset

    async def fetch(self, tps: Collection[TP], timeout: float) -> Mapping[TP, Batch]:
        partitions = {tp: TopicPartition(*tp) for tp in tps}  # never empty: aiokafka would take that for all partitions
        with translated():
            fetched = await self._consumer.getmany(*partitions.values(), timeout_ms=int(timeout * 1000))
            async with asyncio.timeout(_ANSWER):  # right after a rebalance there may be no position to tell
                # Nobody else fetches or seeks meanwhile: these are past the records, and past the transaction markers and aborted
                # records behind them.
                positions = {tp: await self._consumer.position(partition) for tp, partition in partitions.items()}
        moved = {tp: position for tp, position in positions.items() if position != self._reached.get(tp)}
        self._reached |= moved
        return {tp: Batch(fetched.get(partitions[tp], ()), position) for tp, position in moved.items()}
