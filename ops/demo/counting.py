"""Counts from the read model and the tables behind it: whether everything has arrived, and what was decided for whom and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import sql

from hub.database import connect, reaching_database
from hub.settings import Settings
from hub.timeline.builds import active_build

__all__ = ["Progress", "Ruling", "progress", "rulings"]

_PROGRESS = """
SELECT (SELECT count(*) FROM {build}.entry), (SELECT count(*) FROM {build}.decision), (SELECT count(*) FROM {build}.consent),
       (SELECT count(*) FROM {build}.read), (SELECT count(*) FROM outbox WHERE change_no IS NULL), (SELECT count(*) FROM consent_record),
       (SELECT count(*) FROM membership m LEFT JOIN {build}.subject s ON s.identity = m.identity
        WHERE s.client IS NULL), (SELECT count(*) FROM {build}.unreadable)
"""
_RULINGS = """
SELECT d.partner, d.category, r->>'recipient', r->>'purpose', r->>'outcome', r->'reasons', count(*)
FROM {build}.decision d CROSS JOIN jsonb_array_elements(d.results) r GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the read model is."""

    entries: int
    decisions: int
    consents: int
    reads: int
    outbox: int
    """Changes that have not left yet."""
    consent_records: int
    unfolded: int
    """Identities of the register that the timeline has not seen yet."""
    unreadable: int

    @property
    def settled(self) -> bool:
        """Whether consents and register have arrived."""
        return not self.outbox and not self.unfolded and self.consents == self.consent_records


@dataclass(frozen=True, slots=True)
class Ruling:
    """How often something was decided on one way of the data."""

    sender: str
    category: str
    recipient: str
    purpose: str
    outcome: str
    reasons: tuple[str, ...]
    count: int


def progress(settings: Settings) -> Progress:
    """The counts now."""
    return Progress(*_rows(settings, _PROGRESS)[0])


def rulings(settings: Settings) -> list[Ruling]:
    """All decisions so far."""
    rows = _rows(settings, _RULINGS)
    return [
        Ruling(sender, category, recipient, purpose, outcome, tuple(reasons), count)
        for sender, category, recipient, purpose, outcome, reasons, count in rows
    ]


def _rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with reaching_database(), connect(settings) as connection:
        build = sql.Identifier(active_build(connection))
        return connection.execute(sql.SQL(query).format(build=build)).fetchall()
