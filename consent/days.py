"""Days as Finnish law counts them: a statute enters into force at midnight in Finland, not in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

__all__ = ["finnish_day", "in_force", "utc"]

_HELSINKI = ZoneInfo("Europe/Helsinki")


def utc(at: datetime) -> datetime:
    """The same instant in UTC; ValueError for a time without a zone.

    Times are compared in UTC only: Python compares two times of one zone by the clock on the wall, which stands still for an hour in October.
    """
    if at.tzinfo is UTC:
        return at
    if at.utcoffset() is None:
        raise ValueError("a time without a zone names no instant")
    return at.astimezone(UTC)


@lru_cache(maxsize=1024)  # a batch is decided at one instant
def finnish_day(at: datetime) -> date:
    """The calendar day in Finland at this instant; ValueError for a time without a zone."""
    return utc(at).astimezone(_HELSINKI).date()


def in_force(since: date, until: date | None, day: date) -> bool:
    """Whether `day` is in the half-open range [since, until); None has no end."""
    return since <= day and (until is None or day < until)
