"""What every Kafka client of the hub has in common: the connection, and what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException

from hub.errors import FatalError, TransientError
from hub.settings import Settings

__all__ = ["Message", "connection", "reaching_kafka"]

_log = structlog.get_logger()
_DENIED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,  # noqa: SLF001 - librdkafka's local errors have an underscore
)


@dataclass(frozen=True, slots=True)
class Message:
    """A record to publish. `topic` is the real name, prefix included."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, str | bytes | None]] = field(default_factory=list)


def connection(settings: Settings) -> dict[str, Any]:
    """Settings of librdkafka for reaching the brokers."""
    common: dict[str, Any] = {
        "bootstrap.servers": settings.kafka_bootstrap,
        "socket.connection.setup.timeout.ms": 5000,
        "reconnect.backoff.max.ms": 2000,
        "logger": _Librdkafka(),
        "error_cb": _note,
    }
    if settings.kafka_username is not None and settings.kafka_password is not None:
        common |= {
            "security.protocol": "SASL_SSL" if settings.kafka_tls else "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": settings.kafka_username,
            "sasl.password": settings.kafka_password.get_secret_value(),
        }
    elif settings.kafka_tls:
        common["security.protocol"] = "SSL"
    if settings.kafka_ca_file is not None:
        common["ssl.ca.location"] = str(settings.kafka_ca_file)
    return common


@contextmanager
def reaching_kafka() -> Iterator[None]:
    """Turn Kafka's errors into `FatalError` where access is refused, else `TransientError`."""
    try:
        yield
    except KafkaException as error:
        cause = error.args[0]
        if cause.code() in _DENIED:
            raise FatalError(f"Kafka refuses access ({cause.name()}): check SILTA_KAFKA_USERNAME, its password and its ACLs") from error
        raise TransientError(f"Kafka can't be reached ({cause.name()}): see `silta status`, or SILTA_KAFKA_BOOTSTRAP") from error
    except BufferError as error:
        raise TransientError("the queue to Kafka is full", retry_after=1) from error


class _Librdkafka:
    """librdkafka's own log lines, as events of ours."""

    def log(self, level: int, message: str, *args: object) -> None:
        """One line, at the level of the standard library's logging."""
        _log.log(min(level, 30), "kafka_client", message=message % args if args else message)


def _note(error: KafkaError) -> None:
    _log.warning("kafka_connection", error=error.name())
