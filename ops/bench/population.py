"""Who the bench's events are about: invented clients known to the register, with consents of every kind, and what the city states of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

from consent.choices import Act
from consent.model import ConsentCode, ConsentItem
from hub.consents import Wish, record_answer, withdraw
from hub.database import Connection, connect
from hub.drafts import Delivery, Draft, Identifier, Scheme
from hub.register.store import Register, Subject
from hub.start import Hub
from ops.simulate import Person, clients

__all__ = ["PARTNER", "SOURCE", "deliveries", "settle", "subject_of"]

PARTNER = "oulu-city"
SOURCE = "bench-city"
_FILE = 2_000
"""Rows of a file."""
_DAY = date(2026, 1, 1)
_BOTH = frozenset({ConsentCode.GDPR_6_1_A, ConsentCode.JULKL_CONSENT})
_ITEMS = (
    ConsentItem("employment_services", frozenset({"skills"}), frozenset({"te-pohjois-pohjanmaa"}), permit=True, codes=_BOTH),
    ConsentItem("study_guidance", frozenset({"skills", "plan"}), frozenset({"osao"}), permit=True, codes=_BOTH),
    ConsentItem("business_liaison", frozenset({"skills"}), frozenset({"business-oulu"}), permit=True, codes=_BOTH),
)
_AREAS = ("language", "education", "work_experience", "working_life", "digital", "study", "society")
_PLAN = {
    "plan": "ordinary",
    "revised_on": None,
    "ended_on": None,
    "language_studies": True,
    "integration_training": True,
    "job_search": None,
    "other": None,
}
_SERVICE = {"provider_business_id": "0245895-5", "ended_on": None, "end_reason": None}
_ACTS = ("give", "give", "give", "give", "give", "give", "give", "refuse", "withdraw", "nothing")


def settle(hub: Hub, count: int) -> tuple[Person, ...]:
    """Make `count` clients known; of ten, seven consent, one refuses, one consents and takes it back, one was never asked."""
    people = clients(count)
    now = hub.now()
    act = Act(now - timedelta(hours=1), "face_to_face", PARTNER, "client")
    wish = Wish(hub.network.notices[0], _ITEMS, act.occurred_at, now + timedelta(days=365))
    with connect(hub.settings) as connection:
        Register(hub.keyring, hub.wire, hub.now).ensure(connection, PARTNER, [subject_of(person) for person in people])
        for person in people:
            _choose(hub, connection, person, _ACTS[person.number % len(_ACTS)], wish, act)
            connection.commit()
    return people


def _choose(hub: Hub, connection: Connection, person: Person, act: str, wish: Wish, by: Act) -> None:
    consent_id = uuid4()
    if act != "nothing":
        answer = "refuse" if act == "refuse" else "give"
        record_answer(hub, connection, PARTNER, subject_of(person)[0], consent_id, answer, wish, by)  # type: ignore[arg-type]
    if act == "withdraw":
        withdraw(hub, connection, PARTNER, consent_id, by)


def subject_of(person: Person) -> Subject:
    """How the city names a client."""
    return (Identifier(Scheme.HETU, person.hetu), Identifier(Scheme.PARTNER, person.customer_number))


def deliveries(people: Sequence[Person], events: int, round_: str) -> list[Delivery]:
    """`events` facts that no other round states, in files of 2,000 rows. A statute lets each through to someone.

    A client has ten: seven areas of a skills mapping one after another, and in other files a service need, a plan and a service period.
    """
    drafts = list(_drafts(people, events, round_))
    files = [drafts[start : start + _FILE] for start in range(0, events, _FILE)]
    return [Delivery(SOURCE, PARTNER, tuple(file), items=len(file)) for file in files]


def _drafts(people: Sequence[Person], events: int, round_: str) -> Iterator[Draft]:
    mapped = events * 7 // 10
    for number in range(events):
        kind = 0 if number < mapped else 1 + (number - mapped) // len(people) % 3
        person = people[(number // 7 if kind == 0 else number - mapped) % len(people)]
        day = _DAY + timedelta(days=number % 365)
        type_, category, payload = _fact(kind, number, day)
        item = number % _FILE + 1
        since = datetime(day.year, day.month, day.day, tzinfo=UTC)
        yield Draft(
            item,
            f"/rows/{item}",
            subject_of(person),
            f"{type_}/{round_}-{number}",
            type_,
            category,
            payload,
            occurred_from=since,
            occurred_until=since + timedelta(days=1),
        )


def _fact(kind: int, number: int, day: date) -> tuple[str, str, dict[str, object]]:
    """Type, category and payload."""
    facts: tuple[tuple[str, str, dict[str, object]], ...] = (
        ("skills_mapping", "skills", {"mapped_on": day, "area": _AREAS[number % 7], "scale": "scale_1_5", "level": str(number % 5 + 1)}),
        ("service_need", "service_need", {"assessed_on": day, "need": "ordinary", "responsible_role": "municipality"}),
        ("integration_plan", "plan", _PLAN | {"made_on": day, "valid_from": day, "valid_until": day + timedelta(days=300)}),
        ("service_period", "service", _SERVICE | {"service": f"palvelu-{number % 40}", "started_on": day}),
    )
    return facts[kind]
