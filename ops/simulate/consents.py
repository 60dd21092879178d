"""Who was asked for consent and what they answered, on which language's notice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Literal
from uuid import UUID

from consent.model import Network
from ops.simulate.people import Person

__all__ = ["Answer", "Item", "allows", "answers"]

_BOTH = ("gdpr_6_1_a", "julkl_consent")


@dataclass(frozen=True, slots=True)
class Item:
    """One permission or refusal, as the form lists them."""

    purpose: str
    categories: tuple[str, ...]
    recipients: tuple[str, ...]
    permit: bool = True
    codes: tuple[str, ...] = _BOTH


@dataclass(frozen=True, slots=True)
class Answer:
    """A client's answer. `asked_by`: the partner whose worker asked, `request`: asked, and never answered."""

    client: int
    consent_id: UUID
    asked_by: str
    answer: Literal["give", "refuse", "request"]
    language: str
    items: tuple[Item, ...]
    channel: str


_EDUCATION_TO_CITY = Item("integration_services", ("education",), ("oulu-city",))
_EDUCATION_TO_TE = Item("employment_services", ("education",), ("te-pohjois-pohjanmaa",))
_SKILLS_TO_TE = Item("employment_services", ("skills",), ("te-pohjois-pohjanmaa",))
_GUIDANCE = Item("study_guidance", ("plan", "skills"), ("osao",))
_EMPLOYERS = Item("business_liaison", ("skills",), ("business-oulu",))
_FORM = (_EDUCATION_TO_CITY, _EDUCATION_TO_TE, _SKILLS_TO_TE, _GUIDANCE, _EMPLOYERS)

_KINDS = ("all", "all", "all", "all", "some", "some", "refuse", "request", "never")


def answers(people: Iterable[Person], students: frozenset[int], seed: int) -> tuple[Answer, ...]:
    """At most one answer a person; every kind occurs among the first nine.

    Every other student is asked by OSAO, which would disclose their data. The others are asked by the city, before OSAO has sent anything of them.
    """
    dice = Random(f"{seed}/consents")  # noqa: S311 - repeatable on purpose
    found = []
    for person in people:
        round_ = (person.number - 1) // len(_KINDS)
        kind = _KINDS[(person.number - 1 + 2 * round_) % len(_KINDS)]
        consent_id = UUID(int=dice.getrandbits(128), version=4)
        language, channel = dice.choice(("fi", "fi", "sv", "en")), dice.choice(("face_to_face", "online", "paper"))
        if kind == "never":
            continue
        asked_by = "osao" if person.number in students and person.number % 2 else "oulu-city"
        answer: Literal["give", "refuse", "request"] = "refuse" if kind == "refuse" else "request" if kind == "request" else "give"
        items = _FORM if kind != "some" else _some(dice)
        found.append(Answer(person.number, consent_id, asked_by, answer, language, items, channel))
    return tuple(found)


def allows(network: Network, answer: Answer | None, sender: str, category: str, recipient: str, purpose: str) -> str | None:
    """``statute`` or ``consent``, whichever lets the sender's category through to the recipient by the network's agreements; None if nothing does."""
    rows = network.rows.get((sender, recipient, category, purpose), ())
    if any(row.statutes for row in rows):
        return "statute"
    if answer is None or answer.answer != "give":
        return None
    said = [item for item in answer.items if item.purpose == purpose and category in item.categories and recipient in item.recipients]
    given = {code for item in said for code in item.codes}
    refused = any(not item.permit for item in said)
    return "consent" if said and not refused and any(row.codes <= given for row in rows if row.codes) else None


def _some(dice: Random) -> tuple[Item, ...]:
    """Yes to the city and OSAO, no to employers, the employment authority as it falls."""
    towards_te = dice.random() < 0.5  # noqa: PLR2004 - a coin
    return (
        _EDUCATION_TO_CITY,
        Item(_EDUCATION_TO_TE.purpose, _EDUCATION_TO_TE.categories, _EDUCATION_TO_TE.recipients, permit=towards_te),
        _GUIDANCE,
        Item(_EMPLOYERS.purpose, _EMPLOYERS.categories, _EMPLOYERS.recipients, permit=False),
    )
