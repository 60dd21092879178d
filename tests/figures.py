"""What stands in a hub's topics and tables, in figures that two runs on the same input must agree on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hub import codec, topics
from hub.database import connect
from hub.envelope import Envelope, open_envelope, read_envelope
from hub.keys import keys_by_id
from hub.publisher.reading import read_all
from hub.topics import Topic
from tests.sites import Site

__all__ = ["HEADER", "Figures", "Published", "envelopes", "events", "figures", "ids"]


HEADER = "events decisions denials errors reads  digest"


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts over distinct ids."""

    digest: str
    events: int
    decisions: int
    denials: int
    errors: int
    reads: int

    def row(self) -> str:
        return f"{self.events:6} {self.decisions:9} {self.denials:7} {self.errors:6} {self.reads:5}  {self.digest[:12]}"


@dataclass(frozen=True, slots=True)
class Published:
    """An event of the topic, unsealed."""

    event_id: bytes
    fact_ref: bytes
    action: str
    target: bytes | None


def envelopes(site: Site) -> list[Envelope]:
    """Every committed record of client-events."""
    return [read_envelope(site.hub.wire, value) for _, value in read_all(site.settings, site.prefix + topics.CLIENT_EVENTS.name)]


def events(site: Site) -> list[Published]:
    """Every committed record of client-events, unsealed."""
    found = envelopes(site)
    with connect(site.settings) as connection:
        keys = keys_by_id(connection, site.hub.keyring, {one.key_id for one in found})
    opened = [(one, open_envelope(one, keys[one.key_id])) for one in found]
    return [Published(one.event_id, inside["fact_ref"], inside["action"], inside["target_event"]) for one, inside in opened]


def ids(site: Site, topic: Topic, name: str) -> Counter[object]:
    """How often each id stands in a topic."""
    form = codec.schema(topic.schema)
    return Counter(site.hub.wire.decode(form, value)[name] for _, value in read_all(site.settings, site.prefix + topic.name))


def figures(site: Site) -> Figures:
    """After everything has been relayed and folded."""
    digest = site.fold()
    form = codec.schema(topics.DECISIONS.schema)
    decided = [site.hub.wire.decode(form, value) for _, value in read_all(site.settings, site.prefix + topics.DECISIONS.name)]
    return Figures(
        digest,
        events=len({one.event_id for one in envelopes(site)}),
        decisions=len({one["decision_id"] for one in decided}),
        denials=len({one["decision_id"] for one in decided if one["outcome"] == "deny"}),
        errors=site.one("SELECT count(*) FROM error_list WHERE cleared_at IS NULL"),
        reads=len(ids(site, topics.READS, "read_id")),
    )
