"""A record put together from parts is the record encoded as a whole."""

from datetime import UTC, datetime
from uuid import UUID

from hub import codec

WHOLE = codec.schema("decision.v1")
RESULT = {
    "recipient": "oulu-city",
    "purpose": "integration_services",
    "outcome": "permit",
    "reasons": ["consent"],
    "agreement": "osao-city-education",
    "agreement_version": 1,
    "statute": None,
    "statute_version": None,
    "consents": [bytes(32)],
}
BEFORE = {
    "decision_id": UUID(int=1),
    "event_id": bytes(16),
    "identity_id": None,
    "partner": "osao",
    "source": "osao-koski",
    "delivery_id": UUID(int=2),
    "item": 1,
    "category": "education",
    "action": "assert",
    "outcome": "permit",
}
AFTER = {"network_version": "v", "at": datetime(2026, 1, 1, tzinfo=UTC), "writer": "w", "epoch": 3, "n": 4}


def test_the_parts_make_the_whole():
    """Byte for byte, and it reads back."""
    spliced = codec.Spliced(WHOLE, "results")
    body = spliced.encode(BEFORE, spliced.encode_field([RESULT, RESULT]), AFTER)
    assert body == codec.encode(WHOLE, {**BEFORE, "results": [RESULT, RESULT], **AFTER})
    assert codec.decode(WHOLE, body)["results"] == [RESULT, RESULT]
