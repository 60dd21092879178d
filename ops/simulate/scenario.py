"""A year at the integration service of Oulu in four waves of files, and what should become of each of them.

1. What is known at first, faults included. 2. Corrections: graduations, a study right voided, plans revised, a service period taken back.
3. Files sent again, under their own names and under others: nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from ops.simulate import city, koski
from ops.simulate.consents import Answer, answers
from ops.simulate.damaged import damaged
from ops.simulate.people import Person, clients
from ops.simulate.sendings import Sending
from ops.simulate.studies import StudyRight, completed, draw_studies, voided

__all__ = ["Scenario", "scenario"]

_NEED = ("id", "henkilötunnus", "asiakasnumero", "sukunimi", "arviointipäivä", "palvelutarve", "vastuutaho", "tila")
_MAPPING = ("id", "henkilötunnus", "asiakasnumero", "kartoituspäivä", "osa-alue", "asteikko", "taso")
_PLAN = (
    *("id", "henkilötunnus", "asiakasnumero", "laadittu", "suunnitelma", "voimassa alkaen", "voimassa päättyen"),
    *("tarkistettu", "kielikoulutus", "kotoutumiskoulutus", "työnhaku"),
)
_SERVICE = ("id", "henkilötunnus", "asiakasnumero", "palvelu", "järjestäjä", "alkoi", "päättyi", "päättymissyy", "tila")


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that happens. Files of one wave may be taken in in any order, a wave only after the one before."""

    people: tuple[Person, ...]
    answers: Mapping[int, Answer]
    """By the client's number; none for those whom nobody asked."""
    waves: tuple[tuple[Sending, ...], ...]


def scenario(count: int = 150, seed: int = 2021) -> Scenario:
    """The scenario of `count` clients, at least one."""
    people = clients(count, seed)
    dice = Random(f"{seed}/studies")  # noqa: S311 - repeatable on purpose
    studies = {person.number: draw_studies(dice, person.number) for person in people}
    students = frozenset(number for number, found in studies.items() if found)
    corrections = {person.number: _corrected(person, studies[person.number]) for person in people}
    first = (*_documents(people, studies), *damaged(people[0]), *_exports(people, seed))
    second = (*(sending for found in corrections.values() for sending in found), *_later_exports(people, seed))
    unchanged = [sending for sending in first if sending.name in {_name(one) for one in people if not corrections[one.number]}]
    third = tuple(_again(unchanged[:40], first))
    found = {answer.client: answer for answer in answers(people, students, seed)}
    return Scenario(people, found, (first, second, third))


def _name(person: Person) -> str:
    return f"oppija-{person.number:05}.json"


def _documents(people: Sequence[Person], studies: Mapping[int, Sequence[StudyRight]]) -> Iterator[Sending]:
    for person in people:
        if studies[person.number]:
            yield koski.send(person, studies[person.number], _name(person))


def _corrected(person: Person, studies: Sequence[StudyRight]) -> list[Sending]:
    """A second version for some: every third graduates, and a tenth's study right is voided; both identified by the learner number alone."""
    still_open = [study_right for study_right in studies if study_right.ended is None]
    if not still_open:
        return []
    last = still_open[-1]
    day = last.states[-1].since + timedelta(days=400)
    if person.number % 10 == 2:  # noqa: PLR2004 - every tenth
        return [koski.send(person, [voided(last, day)], _name(person), stated=koski.voiding(person, last), by="number")]
    if person.number % 3 == 1:
        now = [completed(one, max(day, date(2022, 6, 4))) if one is last else one for one in studies]
        return [koski.send(person, now, _name(person), by="number")]
    return []


def _exports(people: Sequence[Person], seed: int) -> Iterator[Sending]:
    """The city's four files. Each draws for itself, so that one more row in one changes nothing in another."""
    need = city.Table("palvelutarpeet.csv", "service_need", _NEED, "utf-8-sig", ";")
    city.need_rows(need, people, _dice(seed, "need"))
    mapping = city.Table("osaamiskartoitukset.csv", "skills", _MAPPING, "cp1252", ";")
    city.mapping_rows(mapping, people, _dice(seed, "mapping"))
    plan = city.Table("kotoutumissuunnitelmat.csv", "plan", _PLAN, "utf-8", ",")
    city.plan_rows(plan, people, _dice(seed, "plan"))
    service = city.Table("palvelujaksot.csv", "service", _SERVICE, "utf-16", "\t")
    city.service_rows(service, people, _dice(seed, "service"))
    city.faulty_rows(service, people[0])
    for table in (need, mapping, plan, service):
        yield table.sending()


def _later_exports(people: Sequence[Person], seed: int) -> Iterator[Sending]:
    plan = city.Table("kotoutumissuunnitelmat-2.csv", "plan", _PLAN, "utf-8", ",")
    city.plan_rows(plan, people[: len(people) // 2 + 1], _dice(seed, "plan"), revised=True)
    yield plan.sending()
    service = city.Table("palvelujaksot-2.csv", "service", _SERVICE, "utf-16", "\t")
    city.service_rows(service, [person for person in people if person.number in (2, 5)], _dice(seed, "service"))
    for index, row in enumerate(service.rows):
        service.rows[index] = {**row, "tila": "poistettu"}
    service.facts = [replace(fact, content=None) for fact in service.facts]
    yield service.sending()


def _again(documents: Sequence[Sending], first: Sequence[Sending]) -> Iterator[Sending]:
    """The same bytes once more: documents that nobody corrected and an export, by their own names and by others."""
    exports = [sending for sending in first if sending.name == "palvelutarpeet.csv"]
    for number, sending in enumerate([*documents, *exports]):
        yield sending if number % 2 == 0 else replace(sending, name=f"kopio-{sending.name}")


def _dice(seed: int, what: str) -> Random:
    return Random(f"{seed}/city/{what}")  # noqa: S311 - repeatable on purpose
