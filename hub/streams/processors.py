"""Which handler follows which topic."""

from __future__ import annotations

from consent.rules import basis_state
from hub import topics
from hub.start import Hub
from hub.streams.evidence import fold_decisions, fold_reads
from hub.streams.opening import KeyCache
from hub.streams.records import Handler
from hub.streams.timeline import JudgeBasis, Timeline

__all__ = ["PROCESSOR", "handlers"]

PROCESSOR = "timeline"
"""The consumer group's name, and the processor in the table of positions."""


def handlers(hub: Hub, judge: JudgeBasis = basis_state) -> dict[str, Handler]:
    """By the topic's real name."""
    timeline = Timeline(hub.wire, KeyCache(hub.keyring), judge)
    prefix = hub.settings.topic_prefix
    return {
        prefix + topics.CLIENT_EVENTS.name: timeline.fold_events,
        prefix + topics.CONSENT_CHANGES.name: timeline.fold_consents,
        prefix + topics.REGISTER_CHANGES.name: timeline.fold_register,
        prefix + topics.DECISIONS.name: fold_decisions(hub.wire),
        prefix + topics.READS.name: fold_reads(hub.wire),
    }
