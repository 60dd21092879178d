"""What a connector hands to intake: draft events about a person whom nobody has identified yet.

A draft is what the sender claims; whether anyone may see it is decided in `hub.intake`. Identifiers and payloads never show in a `repr`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hub.errors import Fault

__all__ = ["Delivery", "Draft", "Identifier", "ItemError", "Parent", "Scheme"]


class Scheme(StrEnum):
    """Kinds of identifier. Hetu and learner number are strong; a partner's own id is known to that partner alone."""

    HETU = "hetu"
    LEARNER_NUMBER = "learner_number"
    PARTNER = "partner"


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier as checked and normalised (upper case, no white space). `issuer` tells apart a partner's own id spaces."""

    scheme: Scheme
    value: str = field(repr=False)
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """One fact that the sender states.

    `fact` names the fact within the person's record at the sender, such as `study_right/<id>/state/2024-08-01`, the same at every send.
    `payload` fits the Avro schema `schemas/<type>.v1.avsc`; its content alone decides whether the fact changed.
    Facts of different data categories are different drafts.
    """

    item: int
    """Number of the item (row, study right) within the delivery, from 1."""
    pointer: str
    """JSON pointer (RFC 6901) of the item in the document, or ``/rows/<n>``."""
    subject: tuple[Identifier, ...]
    """Strongest first; never empty."""
    fact: str
    type: str
    category: str
    payload: Mapping[str, object] = field(repr=False)
    parent: str | None = None
    """The record that the fact belongs to, such as `study_right/<id>`; see `Parent`."""
    occurred_from: datetime | None = None
    occurred_until: datetime | None = None
    source_version: int | None = None
    """The sender's own version number of the fact; a lower one than admitted before is an error."""
    retract: bool = False
    """The sender states that the fact no longer holds (or never did); the payload is then ignored."""
    kept_when_omitted: bool = False
    """An update of the parent that leaves this fact out does not retract it."""


@dataclass(frozen=True, slots=True)
class Parent:
    """The delivery states the whole of this parent record: admitted facts under it that are absent from the drafts are retracted.

    With `removed`, the record as a whole is void (Koski's `mitatoity`): every admitted fact under it is retracted, kept ones too.
    A fact may be the parent of its parts (a completed degree, its units): whenever a fact is retracted, whatever the reason, so are the facts
    under it. A fact that names itself as its parent is the record's own fact.
    """

    item: int
    pointer: str
    subject: tuple[Identifier, ...]
    parent: str
    removed: bool = False


@dataclass(frozen=True, slots=True)
class ItemError:
    """An item that can't be admitted; the others go on."""

    item: int
    pointer: str
    """Of the item; `faults` hold their own pointers."""
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """All that one file or one pushed document states, in the order of its items."""

    source: str
    """The connector's configured name, such as `osao-koski`."""
    partner: str
    """The sending organisation's id in the network."""
    drafts: tuple[Draft, ...] = ()
    parents: tuple[Parent, ...] = ()
    errors: tuple[ItemError, ...] = ()
    items: int = 0
    """How many items were found, faulty ones included."""
