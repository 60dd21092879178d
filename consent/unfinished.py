"""What a network still lacks before it may carry real people's data: named one by one, so that somebody can go and get it."""

from __future__ import annotations

from collections.abc import Iterator

from consent.model import Agreement, ConsentBasis, Network, Organisation, Processing

__all__ = ["LANGUAGES", "PROCESSINGS", "unfinished"]

PROCESSINGS = ("source_events", "client_register", "timeline", "log")
"""What every network does with personal data, and so must answer for (GDPR 26, 28, 35)."""

LANGUAGES = ("en", "fi", "sv")
"""Languages in which a client must at least be able to read the notice."""


def unfinished(network: Network) -> tuple[str, ...]:
    """A sentence for each thing that is missing; empty when the network may run outside `demo` mode."""
    return (*_processings(network), *_statutes(network), *_notices(network), *_assumptions(network))


def _processings(network: Network) -> Iterator[str]:
    by_id = {processing.id: processing for processing in network.processings}
    yield from (f"processing {name} is not described" for name in PROCESSINGS if name not in by_id)
    for processing in network.processings:
        yield from (f"processing {processing.id} has no {what}" for what in _lacking(processing))


def _lacking(processing: Processing) -> Iterator[str]:
    parts = {
        "controllers": processing.controllers,
        "processor": processing.processor,
        "retention_days": processing.retention_days,
        "document (GDPR 26 or 28)": processing.document,
        "dpia (GDPR 35)": processing.dpia,
    }
    return (name for name, value in parts.items() if not value)


def _statutes(network: Network) -> Iterator[str]:
    for statute in network.statutes.values():
        if statute.reviewed_by is None:
            yield f"statute {statute.id} ({statute.act}, {statute.section}) is unreviewed"


def _notices(network: Network) -> Iterator[str]:
    if any(isinstance(agreement.basis, ConsentBasis) for agreement in network.agreements):
        languages = {notice.language for notice in network.notices}
        yield from (f"there is no consent notice in language {language}" for language in LANGUAGES if language not in languages)


def _assumptions(network: Network) -> Iterator[str]:
    assumed = [(kind, each) for kind, rows in _rows(network).items() for each in rows if each.assumed]
    yield from (f"{kind} {each.id} is an assumption, not agreed" for kind, each in assumed)


def _rows(network: Network) -> dict[str, tuple[Organisation | Agreement | Processing, ...]]:
    return {"organisation": tuple(network.organisations.values()), "agreement": network.agreements, "processing": network.processings}
