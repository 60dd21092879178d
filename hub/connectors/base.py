"""What a connector is: a configured source of one partner, and a pure function from the bytes it sends to drafts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from hub.drafts import Delivery
from hub.intake import Origin

__all__ = ["Parser", "Source"]


class Parser(Protocol):
    """Reads one file or document. Pure; every fault is in the delivery's errors, and nothing that names a person is in them."""

    def __call__(self, body: bytes, /, *, source: str, partner: str, today: date) -> Delivery: ...


@dataclass(frozen=True, slots=True)
class Source:
    """One source of one partner, as the network's file configures it."""

    id: str
    """Also the name of its drop folder."""
    partner: str
    format: str
    """A key of `hub.connectors.catalogue.FORMATS`."""
    parse: Parser
    suffix: str
    """Files of the drop folder that end so are read, the others left alone."""
    origin: Origin
    keep_processed: bool
    """Move processed files to `done/` instead of deleting them."""
