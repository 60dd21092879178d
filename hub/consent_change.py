"""A consent record on its way through the topic: sealed by who records it, opened by who folds it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from consent.errors import ConsentError
from consent.model import ConsentRecord
from consent.records import from_text, record_hash, to_text
from hub import topics
from hub.errors import Fault, RecordError
from hub.keys import DataKey
from hub.vault import Sealed, seal, unseal

__all__ = ["open_record", "read_record", "seal_record"]


def seal_record(record: ConsentRecord, key: DataKey) -> dict[str, Any]:
    """The record as a SealedConsentRecord of the topic."""
    digest = record_hash(record)
    sealed = seal(key.key, to_text(record).encode(), _bound_to(record.subject, digest, key.key_id))
    return {
        "identity_id": record.subject,
        "consent_id": record.consent_id,
        "version": record.version,
        "record_hash": digest,
        "key_id": key.key_id,
        "nonce": sealed.nonce,
        "sealed": sealed.ciphertext,
    }


def open_record(change: Mapping[str, Any], key: bytes) -> str:
    """The canonical text of a SealedConsentRecord. Raises `RecordError` if it is not the record that its hash names."""
    place = _bound_to(change["identity_id"], change["record_hash"], change["key_id"])
    text = unseal(key, Sealed(change["nonce"], change["sealed"]), place).decode()
    try:
        fits = record_hash(read_record(text)) == change["record_hash"]
    except (ValueError, ConsentError):
        fits = False
    if not fits:
        raise RecordError(Fault("/change/sealed", "unreadable_consent", "the record does not fit its hash"))
    return text


@lru_cache(maxsize=50_000)
def read_record(text: str) -> ConsentRecord:
    """The record of a canonical text; remembered, since parsing costs more than any decision on it."""
    return from_text(text)


def _bound_to(identity: UUID, digest: bytes, key_id: UUID) -> tuple[bytes, ...]:
    return (topics.CONSENT_CHANGES.name.encode(), identity.bytes, digest, key_id.bytes)
