"""Making the topics, and the guard that refuses to start where records could be lost or hidden."""

from __future__ import annotations

import threading
import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from hub.errors import FatalError, TransientError
from hub.publisher.client import connection, reaching_kafka
from hub.publisher.transactions import TRANSACTION_TIMEOUT_MS
from hub.settings import Settings
from hub.topics import TOPICS, Topic

__all__ = ["ensure_topics", "guard"]

_SECONDS = 15.0
_CLEANUP = "transaction.abort.timed.out.transaction.cleanup.interval.ms"
_SLOWEST_CLEANUP_MS = 1000


def ensure_topics(settings: Settings) -> None:
    """Make the topics that are missing; those that stand are left as they are, for `guard` to judge."""
    with reaching_kafka():
        admin = AdminClient(connection(settings))
        standing = admin.list_topics(timeout=_SECONDS).topics
        missing = [_new(settings, topic) for topic in TOPICS if settings.topic_prefix + topic.name not in standing]
        if not missing:
            return
        for made in admin.create_topics(missing, operation_timeout=_SECONDS).values():
            try:
                made.result()
            except KafkaException as error:
                # Another process that starts at the same time was first.
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
        _await_topics(admin, {topic.topic for topic in missing})


def guard(settings: Settings) -> None:
    """Raise `FatalError` that names every unsafe topic or broker setting at once, with what to set."""
    faults: list[str] = []
    with reaching_kafka():
        admin = AdminClient(connection(settings))
        cluster = admin.list_topics(timeout=_SECONDS)
        names = {settings.topic_prefix + topic.name: topic for topic in TOPICS}
        configs = _configs(admin, [ConfigResource(ResourceType.TOPIC, name) for name in names if name in cluster.topics])
        for name, topic in names.items():
            if name not in cluster.topics:
                faults.append(f"topic {name} is missing: let this user create topics, or create it")
                continue
            replicas = min(len(partition.replicas) for partition in cluster.topics[name].partitions.values())
            faults += _topic_faults(settings, name, topic, replicas, configs[name])
        broker = str(min(cluster.brokers))
        values = _configs(admin, [ConfigResource(ResourceType.BROKER, broker)])[broker]
    faults += _broker_faults(values)
    if faults:
        raise FatalError("Kafka is not set up safely, so nothing was started:\n  " + "\n  ".join(faults))


def _await_topics(admin: AdminClient, made: set[str]) -> None:
    """Wait until a broker tells of the topics: the controller has them a moment before."""
    deadline = time.monotonic() + _SECONDS
    while not made <= admin.list_topics(timeout=_SECONDS).topics.keys():
        if time.monotonic() > deadline:
            raise TransientError("Kafka made the topics, and does not tell of them yet")
        threading.Event().wait(0.05)


def _new(settings: Settings, topic: Topic) -> NewTopic:
    return NewTopic(
        settings.topic_prefix + topic.name,
        num_partitions=topic.partitions or settings.kafka_partitions,
        replication_factor=settings.kafka_replication,
        config=topic.config | {"min.insync.replicas": str(_min_insync(settings))},
    )


def _min_insync(settings: Settings) -> int:
    return max(1, settings.kafka_replication - 1)


def _topic_faults(settings: Settings, name: str, topic: Topic, replicas: int, config: dict[str, str]) -> list[str]:
    faults = [
        f"topic {name}: {key} is {config.get(key)}, set it to {value}" for key, value in topic.config.items() if config.get(key) != value
    ]
    if replicas < settings.kafka_replication:
        faults.append(f"topic {name}: {replicas} replicas, {settings.kafka_replication} wanted (SILTA_KAFKA_REPLICATION)")
    if int(config.get("min.insync.replicas", 0)) < _min_insync(settings):
        faults.append(f"topic {name}: min.insync.replicas is {config.get('min.insync.replicas')}, set it to {_min_insync(settings)}")
    if config.get("unclean.leader.election.enable") == "true":
        faults.append(f"topic {name}: unclean.leader.election.enable is true, set it to false")
    return faults


def _broker_faults(config: dict[str, str]) -> list[str]:
    faults = []
    if int(config.get(_CLEANUP, 0)) > _SLOWEST_CLEANUP_MS:
        faults.append(
            f"broker: {_CLEANUP} is {config[_CLEANUP]}, set it to {_SLOWEST_CLEANUP_MS} or less, or a killed producer hides records"
        )
    if int(config.get("transaction.max.timeout.ms", TRANSACTION_TIMEOUT_MS)) < TRANSACTION_TIMEOUT_MS:
        faults.append(f"broker: transaction.max.timeout.ms must be at least {TRANSACTION_TIMEOUT_MS}")
    if config.get("auto.create.topics.enable") == "true":
        faults.append(
            "broker: auto.create.topics.enable is true, set it to false, or a mistyped topic comes into being with unsafe settings"
        )
    return faults


def _configs(admin: AdminClient, resources: list[ConfigResource]) -> dict[str, dict[str, str]]:
    if not resources:
        return {}
    answers = admin.describe_configs(resources, request_timeout=_SECONDS)
    return {resource.name: {key: entry.value for key, entry in answer.result().items()} for resource, answer in answers.items()}
