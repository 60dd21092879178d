"""Everything that the hub writes to Kafka, and reads back while it recovers. The only importer of confluent-kafka in `hub/`."""

from hub.publisher.admin import ensure_topics, guard
from hub.publisher.client import Message, reaching_kafka
from hub.publisher.durable import DurableProducer
from hub.publisher.reading import committed_since, end_offsets, read_all
from hub.publisher.transactions import TransactionalProducer, UncertainError

__all__ = [
    "DurableProducer",
    "Message",
    "TransactionalProducer",
    "UncertainError",
    "committed_since",
    "end_offsets",
    "ensure_topics",
    "guard",
    "reaching_kafka",
    "read_all",
]
