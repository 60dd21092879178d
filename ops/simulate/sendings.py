"""What a partner sends: a file under a name, and what the one who made it knows about its contents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Expected", "Fact", "Sending"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of a file. `content` differs whenever what the sender states differs; None: the sender takes the fact back."""

    client: int
    """Number of the person, 0 for nobody's."""
    key: str
    """The same at every send."""
    category: str
    content: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sending:
    """One file for one source's drop folder."""

    source: str
    partner: str
    name: str
    format: str
    """For display, such as ``CSV, UTF-8``."""
    body: bytes = field(repr=False)
    items: int
    """Study rights, or rows."""
    facts: tuple[Fact, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()
    """(pointer, code) of every fault put in on purpose."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What should become of a sending: the counts of its outcome. A `repeat` answers with the counts of its first time."""

    admitted: int
    unchanged: int
    denied: int
    errors: Mapping[tuple[str, str], int]
    repeat: bool = False
