"""The transactional producer of one intake slot (KIP-98): all of a batch becomes visible, or nothing."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import KafkaException, Producer

from hub.errors import TransientError
from hub.publisher.client import Message, connection, reaching_kafka
from hub.settings import Settings

__all__ = ["TRANSACTION_TIMEOUT_MS", "TransactionalProducer", "UncertainError"]

TRANSACTION_TIMEOUT_MS = 5000
"""With the default of 60 s a killed producer would hide every later record from readers for a minute."""
_INIT_SECONDS = 15.0
_COMMIT_SECONDS = 30.0


class UncertainError(TransientError):
    """Whether the transaction took place is not known: recover before anything else."""


class TransactionalProducer:
    """Publishes batches under one transactional id. Making it fences every earlier producer of that id and aborts its open transaction."""

    def __init__(self, settings: Settings, transactional_id: str) -> None:
        """Raises `TransientError` when Kafka does not answer in 15 s."""
        self._producer = Producer(
            connection(settings)
            | {
                "transactional.id": transactional_id,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 2,
                "queue.buffering.max.messages": 200_000,
            }
        )
        with reaching_kafka():
            self._producer.init_transactions(_INIT_SECONDS)

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish all messages in one transaction, acknowledged by all in-sync replicas.

        Raises `UncertainError` for any failure: the caller makes a new producer, which settles what happened, and reads what was committed.
        """
        try:
            self._producer.begin_transaction()
            for message in messages:
                self._producer.produce(message.topic, message.value, message.key, headers=message.headers)
            self._commit()
        except (KafkaException, BufferError) as error:
            raise UncertainError(f"Kafka did not confirm a transaction of {len(messages)} records") from error

    def _commit(self) -> None:
        while True:
            try:
                self._producer.commit_transaction(_COMMIT_SECONDS)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
            else:
                return
