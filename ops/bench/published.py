"""What the intake bench's sides published, read back: a line for every fact, with its payload, the same whoever published it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hub import codec, keys
from hub.database import connect
from hub.envelope import open_envelope, read_envelope
from hub.publisher import committed_since
from hub.register.store import Register
from hub.topics import CLIENT_EVENTS
from ops.bench.plain_producer import decode
from ops.bench.population import PARTNER, SOURCE, subject_of
from ops.bench.site import Site
from ops.simulate import Person

__all__ = ["Published", "checksum"]


def checksum(lines: Iterable[str]) -> str:
    """SHA-256 (hex) over the sorted lines."""
    total = hashlib.sha256()
    for line in sorted(lines):
        total.update(line.encode() + b"\n")
    return total.hexdigest()


class Published:
    """Reads committed records from the offsets `low` on."""

    def __init__(self, site: Site, people: Sequence[Person]) -> None:
        self._site = site
        register = Register(site.hub.keyring, site.hub.wire, site.hub.now)
        self._people = {person.hetu: register.person_ref(PARTNER, subject_of(person)) for person in people}

    def sealed(self, low: Mapping[int, int]) -> list[str]:
        """Of client-events, unsealed."""
        hub = self._site.hub
        envelopes = [read_envelope(hub.wire, value) for value in self._values(hub.settings.topic_prefix + CLIENT_EVENTS.name, low)]
        with connect(hub.settings) as connection:
            data_keys = keys.keys_by_id(connection, hub.keyring, {envelope.key_id for envelope in envelopes})
        found = []
        for envelope in envelopes:
            inside = open_envelope(envelope, data_keys[envelope.key_id])
            payload = codec.decode(codec.by_fingerprint(inside["payload_fingerprint"]), inside["payload"])
            found.append(_line(inside["fact_ref"], inside, payload))
        return found

    def plain(self, topic: str, low: Mapping[int, int]) -> list[str]:
        """Of the bare producer's topic; the reference that Silta gives each fact is worked out here."""
        events = [decode(value) for value in self._values(topic, low)]
        keyring = self._site.hub.keyring
        return [_line(keyring.fact(SOURCE, self._people[event["person"]], event["fact"]), event, event["payload"]) for event in events]

    def _values(self, topic: str, low: Mapping[int, int]) -> list[bytes]:
        values: list[bytes] = []
        committed_since(self._site.settings, topic, low, lambda _, value: values.append(value or b""))
        return values


def _line(fact_ref: bytes, event: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    times = [str(event["occurred_from"]), str(event["occurred_until"])]
    value = [fact_ref.hex(), event["type"], event["category"], times, {name: str(found) for name, found in payload.items()}]
    return json.dumps(value, sort_keys=True)
