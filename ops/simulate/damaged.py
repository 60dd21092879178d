"""Documents of OSAO that can't be taken in, or not whole: one for each fault that a study register's export is known to make."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from ops.simulate.koski import document, encode, facts, faulty
from ops.simulate.people import Person, wrong_checksum
from ops.simulate.sendings import Sending
from ops.simulate.studies import INTEGRATION, State, StudyRight

__all__ = ["damaged"]


def damaged(person: Person) -> Iterator[Sending]:
    """Six files, about a person who has other documents that are sound."""
    study_right = StudyRight(f"osao-{person.number}-9", INTEGRATION, (State(date(2021, 3, 1), "lasna"),), ())
    yield faulty("virhe-katkennut.json", encode(document(person, [study_right]))[:-90], ("", "not_json"))

    value = document(person, [study_right])
    value["henkilö"]["hetu"] = wrong_checksum(person.hetu)
    yield faulty("virhe-tarkistusmerkki.json", encode(value), ("/henkilö/hetu", "hetu_checksum"))

    value = document(person, [study_right])
    value["henkilö"] = {"etunimet": person.given_name, "sukunimi": person.family_name, "syntymäaika": "1990-01-31"}
    yield faulty("virhe-tunniste-puuttuu.json", encode(value), ("/henkilö", "no_identifier"))

    text = encode(document(person, [study_right])).decode()
    twice = text.replace('"henkilö": {', f'"henkilö": {{\n  "hetu": {json.dumps(person.hetu)},', 1)
    yield faulty("virhe-avain-kahdesti.json", twice.encode(), ("/henkilö", "duplicate_key"))

    value = _with_state(document(person, [study_right]), "poissa")
    yield faulty(
        "virhe-tuntematon-tila.json", encode(value), ("/opiskeluoikeudet/0/tila/opiskeluoikeusjaksot/0/tila/koodiarvo", "unknown_code")
    )

    # One faulty study right beside a sound one: the sound one goes in.
    other = StudyRight(f"osao-{person.number}-8", INTEGRATION, (State(date(2021, 3, 1), "lasna"),), ())
    value = document(person, [other, study_right])
    del value["opiskeluoikeudet"][1]["tila"]
    yield faulty("virhe-osittain.json", encode(value), ("/opiskeluoikeudet/1/tila", "missing_field"), items=2, stated=facts(person, other))


def _with_state(value: dict[str, Any], state: str) -> dict[str, Any]:
    value["opiskeluoikeudet"][0]["tila"]["opiskeluoikeusjaksot"][0]["tila"]["koodiarvo"] = state
    return value
