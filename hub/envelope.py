"""The client event: what stands in clear, what is sealed, and what the seal is bound to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub import codec, topics
from hub.vault import Sealed, seal, unseal

__all__ = ["Envelope", "bound_to", "headers", "open_envelope", "read_envelope", "seal_event"]

_CLEAR = codec.schema(topics.CLIENT_EVENTS.schema)
_INSIDE = codec.schema("sealed_event.v1")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A client event as it stands in the topic, its content still sealed."""

    event_id: bytes
    identity_id: UUID
    decision_id: UUID
    key_id: UUID
    schema_fingerprint: bytes
    recorded_at: datetime
    sealed: Sealed


def bound_to(identity: UUID, event_id: bytes, key_id: UUID, fingerprint: bytes) -> tuple[bytes, ...]:
    """What the seal is bound to, so that a ciphertext moved to another topic, identity or event does not open."""
    return (topics.CLIENT_EVENTS.name.encode(), identity.bytes, event_id, key_id.bytes, fingerprint)


def seal_event(
    wire: codec.Wire,
    key: bytes,
    inside: bytes,
    *,
    event_id: bytes,
    identity_id: UUID,
    decision_id: UUID,
    key_id: UUID,
    recorded_at: datetime,
) -> bytes:
    """The event's value for the topic. `inside` is an encoded sealed_event."""
    sealed = seal(key, inside, bound_to(identity_id, event_id, key_id, _INSIDE.fingerprint))
    return wire.encode(
        _CLEAR,
        {
            "event_id": event_id,
            "identity_id": identity_id,
            "decision_id": decision_id,
            "key_id": key_id,
            "schema_fingerprint": _INSIDE.fingerprint,
            "recorded_at": recorded_at,
            "nonce": sealed.nonce,
            "sealed": sealed.ciphertext,
        },
    )


def read_envelope(wire: codec.Wire, value: bytes | None) -> Envelope:
    """The clear part. Raises `RecordError` for what is no client event."""
    clear = wire.decode(_CLEAR, value)
    sealed = Sealed(clear.pop("nonce"), clear.pop("sealed"))
    return Envelope(sealed=sealed, **clear)


def open_envelope(envelope: Envelope, key: bytes) -> dict[str, Any]:
    """The sealed part, as a sealed_event value. Raises `RecordError` when it does not open or fit."""
    form = codec.by_fingerprint(envelope.schema_fingerprint)
    place = bound_to(envelope.identity_id, envelope.event_id, envelope.key_id, envelope.schema_fingerprint)
    return codec.decode(form, unseal(key, envelope.sealed, place))


def headers(network: str, event_id: bytes, recorded_at: datetime) -> list[tuple[str, str | bytes | None]]:
    """CloudEvents 1.0 headers (Kafka binding, binary mode): constants and random ids only. No reader of ours depends on them."""
    return [
        ("ce_specversion", "1.0"),
        ("ce_id", event_id.hex()),
        ("ce_type", "silta.client-event.v1"),
        ("ce_source", f"/silta/{network}"),
        ("ce_time", recorded_at.isoformat()),
        ("content-type", "application/avro"),
    ]
