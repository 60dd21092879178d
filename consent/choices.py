"""What a client chooses and how it was captured, checked before it becomes a consent record.

No longest validity is set here: no act names one, so how long a consent is asked for is the network's own decision, shown to the client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from consent.days import utc
from consent.errors import Problem
from consent.model import ConsentItem, Network, Notice

__all__ = ["Act", "Choice", "Mandate", "act_problems", "choice_problems", "notice_problems", "without"]

CLOCK_SKEW = timedelta(minutes=5)
"""How far a partner's clock may run ahead of ours."""


@dataclass(frozen=True, slots=True)
class Mandate:
    """On whose behalf a guardian or proxy acts, and how long the mandate lasts, [valid_from, valid_until) (Suomi.fi-valtuudet)."""

    on_behalf_of: str
    """Pseudonym of the represented."""
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Act:
    """Who did something about a consent, when and how."""

    occurred_at: datetime
    channel: str
    captured_by: str
    """The partner, and its pseudonymous user if any: never a name."""
    actor: str
    """Pseudonym of who chose: the client, or the proxy."""
    evidence_sha256: bytes | None = None
    mandate: Mandate | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "occurred_at", utc(self.occurred_at))


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked or answered: for whom, on which notice, which items, for how long, [valid_from, valid_until)."""

    subject: UUID
    notice: Notice
    items: tuple[ConsentItem, ...]
    controllers: tuple[str, ...]
    valid_from: datetime
    valid_until: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "valid_from", utc(self.valid_from))
        object.__setattr__(self, "valid_until", utc(self.valid_until))


def act_problems(act: Act, now: datetime) -> Iterator[Problem]:
    """An act of the future, or a proxy without a mandate that holds at the act and now."""
    if act.occurred_at > now + CLOCK_SKEW:
        yield Problem("/occurred_at", "occurred_in_future", "this has not happened yet: check the clock")
    mandate = act.mandate
    if mandate is not None and not (mandate.valid_from <= act.occurred_at < mandate.valid_until and now < mandate.valid_until):
        yield Problem("/mandate", "mandate_lapsed", "the mandate must hold both at the act and now: the client or another proxy may act")


def notice_problems(notice: Notice, network: Network) -> Iterator[Problem]:
    """A notice that this network does not show: by id, version, language, or text."""
    known = network.notices
    for name, code in (
        ("id", "unknown_notice"),
        ("version", "unknown_version"),
        ("language", "unknown_language"),
        ("sha256", "other_text"),
    ):
        known = tuple(each for each in known if getattr(each, name) == getattr(notice, name))
        if not known:
            yield Problem(f"/notice/{name}", code, "a consent names the exact notice that the client was shown")
            return


def choice_problems(choice: Choice, act: Act, network: Network, *, asks: bool) -> Iterator[Problem]:
    """All that makes a choice impossible in this network. `asks`: it permits or asks for permission, so consent must be what carries the exchange."""
    yield from notice_problems(choice.notice, network)
    for index, controller in enumerate(choice.controllers):
        if controller not in network.organisations:
            yield Problem(f"/controllers/{index}", "unknown_organisation", "name organisations of this network")
    if asks and choice.valid_from < act.occurred_at:
        yield Problem("/valid_from", "before_the_act", "a consent permits nothing that was done before it was given")
    for index, item in enumerate(choice.items):
        yield from _unknown(item, f"/items/{index}", network)
        if asks and item.permit:
            yield from _needless(item, f"/items/{index}", network)


def _unknown(item: ConsentItem, pointer: str, network: Network) -> Iterator[Problem]:
    if item.purpose not in network.purposes:
        yield Problem(f"{pointer}/purpose", "unknown_purpose", "name a purpose of this network")
    if not item.categories <= network.categories:
        yield Problem(f"{pointer}/categories", "unknown_category", "name categories of this network")
    if not item.recipients <= network.organisations.keys():
        yield Problem(f"{pointer}/recipients", "unknown_organisation", "name organisations of this network")


def _needless(item: ConsentItem, pointer: str, network: Network) -> Iterator[Problem]:
    """Consent is asked only where an agreement rests on it: not where a statute suffices, nor where nothing is agreed."""
    asking = {key[1:3] for key, rows in network.rows.items() if key[3] == item.purpose and any(row.codes for row in rows)}
    remedy = "no agreement of this network rests on consent for this: a statute carries it, or nothing does"
    if not item.categories <= {category for recipient, category in asking if recipient in item.recipients}:
        yield Problem(f"{pointer}/categories", "consent_not_asked", remedy)
    elif not item.recipients <= {recipient for recipient, category in asking if category in item.categories}:
        yield Problem(f"{pointer}/recipients", "consent_not_asked", remedy)


def without(items: Iterable[ConsentItem], answered: Sequence[ConsentItem]) -> tuple[ConsentItem, ...]:
    """What is left of the items when every (purpose, category, recipient) that `answered` speaks of is taken out."""
    left = tuple(items)
    for answer in answered:
        left = tuple(piece for item in left for piece in _subtract(item, answer))
    return left


def _subtract(item: ConsentItem, answer: ConsentItem) -> Iterator[ConsentItem]:
    categories, recipients = item.categories & answer.categories, item.recipients & answer.recipients
    if item.purpose != answer.purpose or not categories or not recipients:
        yield item
        return
    if item.categories - categories:
        yield replace(item, categories=item.categories - categories)
    if item.recipients - recipients:
        yield replace(item, categories=categories, recipients=item.recipients - recipients)
