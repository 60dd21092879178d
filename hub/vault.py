"""Keys and what is done with them: sealing (AES-256-GCM), wrapping of data keys, and every keyed HMAC. The only importer of cryptography in `hub/`.

Data keys are random, one per (identity, class), and stand in PostgreSQL wrapped under the key-encryption key of an epoch. The key file holds the
key-encryption keys and the HMAC keys; whoever loses it has erased everything.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.errors import FatalError, Fault, RecordError

__all__ = ["KeyClass", "Keyring", "Sealed", "create_keyring", "frame", "load_keyring", "open_keyring", "seal", "unseal"]

_FORMAT = b"\x01"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_LENGTH = struct.Struct(">I").pack


class KeyClass(StrEnum):
    """What a data key seals, and so what its destruction erases."""

    CONSENT = "consent"
    """Events that rest on consent alone."""
    STATUTE = "statute"
    """Events that a statute lets someone see: they stay when consent-based data is erased."""
    RECORD = "record"
    """Consent records, which outlive the erasure of what they permitted."""
    REGISTER = "register"
    """Identifiers in the client register."""


def frame(*parts: bytes) -> bytes:
    """An unambiguous concatenation: each part after its length in 4 bytes, so that no two different lists give the same bytes."""
    return b"".join([_LENGTH(len(part)) + part for part in parts])


@dataclass(frozen=True, slots=True)
class Sealed:
    """A nonce of 12 bytes and the ciphertext with its 16-byte tag."""

    nonce: bytes
    ciphertext: bytes


def seal(key: bytes, plain: bytes, bound_to: tuple[bytes, ...], random: Callable[[int], bytes] = os.urandom) -> Sealed:
    """Encrypt under a data key; `bound_to` must be given again to unseal. The nonce is random: at most 2^32 seals a key (NIST SP 800-38D)."""
    nonce = random(_NONCE_BYTES)
    return Sealed(nonce, AESGCM(key).encrypt(nonce, plain, frame(_FORMAT, *bound_to)))


def unseal(key: bytes, sealed: Sealed, bound_to: tuple[bytes, ...]) -> bytes:
    """Decrypt. Raises `RecordError` when anything does not fit: another key, another place, changed bytes."""
    try:
        return AESGCM(key).decrypt(sealed.nonce, sealed.ciphertext, frame(_FORMAT, *bound_to))
    except (InvalidTag, ValueError):
        raise RecordError(Fault("/sealed", "not_authentic", "the bytes were changed, moved, or sealed under another key")) from None


@dataclass(frozen=True, slots=True)
class Keyring:
    """The hub's own keys. Each HMAC has a key of its own, so that a value under one says nothing about another."""

    epoch: int
    """The epoch whose key-encryption key wraps new data keys."""
    wrapping: dict[int, bytes] = field(repr=False)
    identifier_key: bytes = field(repr=False)
    fact_key: bytes = field(repr=False)
    event_key: bytes = field(repr=False)

    def new_data_key(self) -> bytes:
        """A random 256-bit key."""
        return secrets.token_bytes(_KEY_BYTES)

    def wrap(self, key: bytes, key_id: UUID) -> bytes:
        """A data key sealed under the current key-encryption key: nonce, then ciphertext."""
        sealed = seal(self.wrapping[self.epoch], key, (b"data-key", key_id.bytes))
        return sealed.nonce + sealed.ciphertext

    def unwrap(self, wrapped: bytes, key_id: UUID, epoch: int) -> bytes:
        """The data key. Raises `FatalError` when its epoch's key is not in the key file."""
        if epoch not in self.wrapping:
            raise FatalError(f"the key file has no key of epoch {epoch}: restore it from its backup")
        return unseal(self.wrapping[epoch], Sealed(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]), (b"data-key", key_id.bytes))

    def identifier(self, partner: str, scheme: str, issuer: str, value: str) -> bytes:
        """32 bytes by which a partner's identifier of a person is found."""
        return _hmac(self.identifier_key, b"identifier", partner.encode(), scheme.encode(), issuer.encode(), value.encode())

    def anchor(self, scheme: str, value: str) -> bytes:
        """32 bytes that a strong identifier has whoever sends it."""
        return _hmac(self.identifier_key, b"anchor", scheme.encode(), value.encode())

    def fact(self, source: str, person: bytes, fact: str) -> bytes:
        """32 bytes that name a fact (or a parent record) of a person at a source."""
        return _hmac(self.fact_key, b"fact", source.encode(), person, fact.encode())

    def content(self, *parts: bytes) -> bytes:
        """32 bytes that are the same for the same content."""
        return _hmac(self.fact_key, b"content", *parts)

    def name(self, kind: str, *parts: bytes) -> bytes:
        """32 bytes in place of a name that must not be stored: a file's name, an idempotency key, a request id."""
        return _hmac(self.fact_key, b"name", kind.encode(), *parts)

    def event_id(self, source: str, fact_ref: bytes, origin: bytes) -> bytes:
        """16 bytes: the id of an event. `origin` frames the source's version, or the predecessor's id and the content."""
        return _hmac(self.event_key, b"event", source.encode(), fact_ref, origin)[:16]

    def stable_id(self, kind: str, *parts: bytes) -> UUID:
        """A UUID (version 8, RFC 9562) that is the same for the same parts and can't be guessed without the key."""
        raw = bytearray(_hmac(self.event_key, kind.encode(), *parts)[:16])
        raw[6] = (raw[6] & 0x0F) | 0x80
        raw[8] = (raw[8] & 0x3F) | 0x80
        return UUID(bytes=bytes(raw))


def open_keyring(path: Path, *, create: bool) -> Keyring:
    """The keys of the file, made first if it is missing and `create` says so (demo mode)."""
    if create and not path.exists():
        create_keyring(path)
    return load_keyring(path)


def create_keyring(path: Path) -> None:
    """Write a new key file, mode 0600. Raises `FatalError` if one stands there: overwriting it would erase all data."""
    keys = {name: base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode() for name in ("identifier", "fact", "event", "wrapping")}
    content = {"epoch": 1, "wrapping": {"1": keys.pop("wrapping")}, **keys}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump(content, out, indent=2)
            out.flush()
            os.fsync(out.fileno())
        # A link fails where a rename would overwrite: of two processes that start at once, one makes the file.
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
    except FileExistsError as error:
        raise FatalError(f"{path} is already there; it would make all data unreadable to replace it") from error
    except OSError as error:
        raise FatalError(f"can't write the key file {path}: {error.strerror}") from error


def load_keyring(path: Path) -> Keyring:
    """Read the key file. Raises `FatalError` that says what to do when it is missing, open to others, or broken."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise FatalError(f"others can read the key file {path}: chmod 600 it")
        content = json.loads(path.read_text("utf-8"))
        wrapping = {int(epoch): _key(text) for epoch, text in content["wrapping"].items()}
        return Keyring(int(content["epoch"]), wrapping, _key(content["identifier"]), _key(content["fact"]), _key(content["event"]))
    except FileNotFoundError as error:
        raise FatalError(f"there is no key file {path}: make one with `silta keys create`, or point SILTA_KEYS_FILE at yours") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FatalError(f"the key file {path} can't be read; restore it from its backup") from error


def _key(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != _KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return key


def _hmac(key: bytes, *parts: bytes) -> bytes:
    return hmac.digest(key, frame(*parts), hashlib.sha256)
