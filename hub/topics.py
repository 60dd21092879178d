"""Every topic of the hub, in one table, and the guard that refuses to start on unsafe ones."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CLIENT_EVENTS", "CONSENT_CHANGES", "DECISIONS", "QUARANTINE", "READS", "REGISTER_CHANGES", "TOPICS", "Topic"]

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: `schema` is the Avro schema of its values; `partitions` None takes the setting `SILTA_KAFKA_PARTITIONS`."""

    name: str
    schema: str
    key: str
    """What the message key is, in words; never anything that names a person."""
    partitions: int | None
    retention_ms: int = -1
    """-1 keeps records for ever. Never compacted: compaction by identity would leave one event a person."""

    @property
    def config(self) -> dict[str, str]:
        """Topic settings that the hub depends on."""
        return {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms), "retention.bytes": "-1", "max.message.bytes": "1048576"}


CLIENT_EVENTS = Topic("client-events", "client_event.v1", "identity_id", None)
DECISIONS = Topic("decisions", "decision.v1", "decision_id", 3)
READS = Topic("reads", "read.v1", "read_id", 3)
CONSENT_CHANGES = Topic("consent-changes", "consent_change.v1", "identity_id or network id", 3)
REGISTER_CHANGES = Topic("register-changes", "register_change.v1", "identity_id", 3)
QUARANTINE = Topic("quarantine", "quarantine.v1", "quarantine_id", 1, retention_ms=30 * _DAY_MS)

TOPICS = (CLIENT_EVENTS, DECISIONS, READS, CONSENT_CHANGES, REGISTER_CHANGES, QUARANTINE)
