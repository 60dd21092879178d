"""The bare producer that intake is measured against: the same facts as plain Avro records, by fastavro and confluent-kafka, acks=all and idempotent.

It looks nobody up, decides nothing, seals nothing, and remembers nothing: a fact sent twice is two records. One schema holds envelope and payload,
encoded in one go.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterable
from typing import Any

import fastavro
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from hub import codec
from hub.drafts import Draft
from hub.publisher.client import connection
from hub.settings import Settings
from hub.topics import CLIENT_EVENTS

__all__ = ["PlainProducer", "decode", "make_topic"]

_TYPES = ("skills_mapping", "service_need", "integration_plan", "service_period")
_HEADER = struct.pack(">bI", 0, 1)
_MICROS = ["null", {"type": "long", "logicalType": "timestamp-micros"}]
_FORM = fastavro.parse_schema(
    {
        "type": "record",
        "name": "fi.silta.bench.PlainEvent",
        "fields": [
            {"name": "source", "type": "string"},
            {"name": "person", "type": "string"},
            {"name": "fact", "type": "string"},
            {"name": "type", "type": "string"},
            {"name": "category", "type": "string"},
            {"name": "occurred_from", "type": _MICROS},
            {"name": "occurred_until", "type": _MICROS},
            {"name": "payload", "type": [json.loads(codec.schema_text(f"{name}.v1")) for name in _TYPES]},
        ],
    }
)
_NAMES = {name: codec.schema(f"{name}.v1").parsed["name"] for name in _TYPES}


def make_topic(settings: Settings) -> str:
    """A topic like client-events."""
    name = f"{settings.topic_prefix}bench-plain"
    admin = AdminClient(connection(settings))  # whose answers end with it
    topic = NewTopic(name, settings.kafka_partitions, settings.kafka_replication, config=CLIENT_EVENTS.config)
    admin.create_topics([topic])[name].result(15)
    return name


class PlainProducer:
    """With `batch`, a transaction every so many records; else none, and one flush at the end."""

    def __init__(self, settings: Settings, topic: str, batch: int | None) -> None:
        self._topic, self._batch = topic, batch
        options = {"enable.idempotence": True, "acks": "all", "linger.ms": 2, "queue.buffering.max.messages": 500_000}
        if batch is not None:
            options["transactional.id"] = f"{topic}-transactional"
        self._producer = Producer(connection(settings) | options)
        if batch is not None:
            self._producer.init_transactions(15)

    def publish(self, drafts: Iterable[Draft], keys: dict[str, bytes]) -> None:
        """Encode and send all, and return when all are acknowledged. `keys` gives each person's message key."""
        for number, draft in enumerate(drafts):
            if self._batch is not None and number % self._batch == 0:
                if number:
                    self._producer.commit_transaction(30)
                self._producer.begin_transaction()
            out = io.BytesIO()
            out.write(_HEADER)
            person = draft.subject[0].value
            fastavro.schemaless_writer(
                out,
                _FORM,
                {
                    "source": "bench-city",
                    "person": person,
                    "fact": draft.fact,
                    "type": draft.type,
                    "category": draft.category,
                    "occurred_from": draft.occurred_from,
                    "occurred_until": draft.occurred_until,
                    "payload": (_NAMES[draft.type], draft.payload),
                },
            )
            self._producer.produce(self._topic, out.getvalue(), keys[person])
            if number % 1000 == 0:
                self._producer.poll(0)
        if self._batch is not None:
            self._producer.commit_transaction(30)
        elif self._producer.flush(60):
            raise RuntimeError("not all records were acknowledged")


def decode(value: bytes) -> dict[str, Any]:
    """The plain event of a record."""
    found: dict[str, Any] = fastavro.schemaless_reader(io.BytesIO(value[len(_HEADER) :]), _FORM, None)  # type: ignore[assignment]
    return found
