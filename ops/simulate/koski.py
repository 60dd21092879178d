"""OSAO's documents: study rights as they are sent to the national register Koski (`PUT /koski/api/oppija`), and the facts that each states."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from ops.simulate.people import Person
from ops.simulate.sendings import Fact, Sending
from ops.simulate.studies import StudyRight

__all__ = ["SOURCE", "document", "encode", "facts", "faulty", "send", "voiding"]

SOURCE = "osao-koski"
_PARTNER = "osao"
_INSTITUTION = "1.2.246.562.10.99900000001"
_FORMAT = "JSON, Koski"
_Json = dict[str, Any]


def send(person: Person, studies: Sequence[StudyRight], name: str, *, stated: Sequence[Fact] | None = None, by: str = "both") -> Sending:
    """A document on one person. `by`: identified by ``both`` identifiers, the ``hetu`` or the learner ``number``; `stated` replaces the facts."""
    body = encode(document(person, studies, by=by))
    found = [fact for study_right in studies for fact in facts(person, study_right)] if stated is None else stated
    return Sending(SOURCE, _PARTNER, name, _FORMAT, body, items=len(studies), facts=tuple(found))


def faulty(name: str, body: bytes, *errors: tuple[str, str], items: int = 1, stated: Sequence[Fact] = ()) -> Sending:
    """A document with faults put in on purpose."""
    return Sending(SOURCE, _PARTNER, name, _FORMAT, body, items=items, facts=tuple(stated), errors=errors)


def encode(value: object) -> bytes:
    """JSON as a study register writes it."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def document(person: Person, studies: Sequence[StudyRight], *, by: str = "both") -> _Json:
    """The document's value."""
    who: _Json = {}
    if by != "hetu":
        who["oid"] = person.learner_number
    if by != "number":
        who |= {
            "hetu": person.hetu,
            "etunimet": person.given_name,
            "kutsumanimi": person.given_name,
            "sukunimi": person.family_name,
        }
    return {"henkilö": who, "opiskeluoikeudet": [study_right_json(study_right) for study_right in studies]}


def study_right_json(study_right: StudyRight) -> _Json:
    """One study right as Koski takes it."""
    kind = study_right.kind
    attainment: _Json = {
        "tyyppi": _code(kind.attainment, "suorituksentyyppi"),
        "koulutusmoduuli": {"tunniste": _code(kind.module, "koulutus"), "perusteenDiaarinumero": kind.curriculum},
        "toimipiste": {"oid": _INSTITUTION},
        "suorituskieli": _code("FI", "kieli"),
        "osasuoritukset": [_part(study_right, part.index, part.grade, part.graded) for part in study_right.parts],
    }
    if study_right.confirmed:
        attainment["vahvistus"] = {"päivä": study_right.confirmed.isoformat(), "myöntäjäOrganisaatio": {"oid": _INSTITUTION}}
    result: _Json = {
        "lähdejärjestelmänId": {"id": study_right.source_id, "lähdejärjestelmä": _code("primus", "lahdejarjestelma")},
        "tyyppi": _code(kind.type, "opiskeluoikeudentyyppi"),
        "oppilaitos": {"oid": _INSTITUTION, "nimi": {"fi": "Koulutuskuntayhtymä OSAO"}},
        "arvioituPäättymispäivä": study_right.estimated_end.isoformat(),
        "tila": {"opiskeluoikeusjaksot": [_period(study_right, index) for index in range(len(study_right.states))]},
        "suoritukset": [attainment],
        # Never read: what a support need says of a person stays with the provider.
        "lisätiedot": {"maksuttomuus": [{"alku": study_right.states[0].since.isoformat(), "maksuton": True}]},
    }
    if study_right.ended:
        result["päättymispäivä"] = study_right.ended.isoformat()
    return result


def facts(person: Person, study_right: StudyRight) -> tuple[Fact, ...]:
    """What the study right states: itself, each state, the attainment, a qualification once confirmed, each part."""
    key = study_right.source_id
    following = [state.since for state in study_right.states[1:]] + [study_right.ended]
    contents: dict[str, tuple[object, ...]] = {
        key: (study_right.states[0].since, study_right.ended),
        f"{key}/attainment": (study_right.confirmed, len(study_right.parts)),
    }
    for state, until in zip(study_right.states, following, strict=True):
        contents[f"{key}/state/{state.since}"] = (state.state, until)
    if study_right.confirmed:
        contents[f"{key}/qualification"] = (study_right.confirmed,)
    for part in study_right.parts:
        contents[f"{key}/part/{part.index}"] = (part.grade, part.graded)
    return tuple(Fact(person.number, name, "education", repr(content)) for name, content in contents.items())


def voiding(person: Person, study_right: StudyRight) -> tuple[Fact, ...]:
    """What a voiding message takes back: everything that the study right stated before."""
    return tuple(Fact(person.number, fact.key, fact.category, None) for fact in facts(person, study_right))


def _period(study_right: StudyRight, index: int) -> _Json:
    state = study_right.states[index]
    period: _Json = {"alku": state.since.isoformat(), "tila": _code(state.state, "koskiopiskeluoikeudentila")}
    if state.state in ("lasna", "valmistunut"):
        period["opintojenRahoitus"] = _code(study_right.kind.funding, "opintojenrahoitus")
    return period


def _part(study_right: StudyRight, index: int, grade: str, graded: date) -> _Json:
    type_, code, code_list, credits_ = study_right.kind.parts[index]
    return {
        "tyyppi": _code(type_, "suorituksentyyppi"),
        "koulutusmoduuli": {
            "tunniste": _code(code, code_list),
            "laajuus": {"arvo": credits_, "yksikkö": _code(study_right.kind.credits_unit, "opintojenlaajuusyksikko")},
        },
        "arviointi": [{"arvosana": _code(grade, study_right.kind.grade_list), "päivä": graded.isoformat(), "hyväksytty": True}],
    }


def _code(value: str, code_list: str) -> _Json:
    return {"koodiarvo": value} | ({"koodistoUri": code_list} if code_list else {})
