"""The idempotent producer, for records that must be durable one by one: reads, and what leaves the outbox."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Delivered

from hub.errors import TransientError
from hub.publisher.client import Message, connection, reaching_kafka
from hub.settings import Settings

__all__ = ["DurableProducer"]


class DurableProducer:
    """Publishes outside transactions; `publish` returns when all in-sync replicas have every message. Safe to share between threads.

    What is not confirmed in `seconds` has failed for its caller, though it may be there all the same.
    """

    def __init__(self, settings: Settings, *, seconds: float = 10.0) -> None:
        self._seconds = seconds
        self._producer = Producer(
            connection(settings)
            | {
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 0,
                "message.timeout.ms": int(seconds * 1000),
            }
        )
        self._stopping = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="kafka-deliveries", daemon=True)
        self._poller.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._poller.join()

    def publish(self, messages: Sequence[Message]) -> None:
        """Send, in order within a key, and wait. Raises `TransientError` if any is not confirmed in time."""
        if not messages:
            return
        waiting = _Acknowledgements(len(messages))
        with reaching_kafka():
            for message in messages:
                self._producer.produce(message.topic, message.value, message.key, headers=message.headers, on_delivery=waiting.note)
            if not waiting.done.wait(self._seconds + 1):
                raise TransientError("Kafka did not confirm in time")
            if waiting.error is not None:
                raise KafkaException(waiting.error)

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(0.2)


class _Acknowledgements:
    """Counts the delivery reports of one call; they arrive on the polling thread, one after another."""

    def __init__(self, expected: int) -> None:
        self._missing = expected
        self.error: KafkaError | None = None
        self.done = threading.Event()

    def note(self, error: KafkaError | None, message: Delivered) -> None:
        """A delivery report."""
        del message
        self.error = self.error or error
        self._missing -= 1
        if self._missing == 0:
            self.done.set()
