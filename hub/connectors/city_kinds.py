"""The kinds of event that the city sends: their columns, their codes and what becomes of a row.

The seven areas of a skills mapping and the codes without a national list are a proposal; sources name the number of areas, not the areas.
Language levels are the code list `arviointiasteikkokehittyvankielitaidontasot`. A reason is told only for the end of a period, and as a code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from stdnum.fi import ytunnus

from hub.connectors.city_values import Cells

__all__ = ["COLUMNS", "KINDS", "Facts", "Kind"]

_NEEDS = {"tavanomainen": "ordinary", "monialainen": "multi_sector"}
_ROLES = {
    "kunta": "municipality",
    "työvoimaviranomainen": "employment_authority",
    "hyvinvointialue": "wellbeing_area",
    "kela": "kela",
}
_AREAS = {
    "kielitaito": "language",
    "koulutus": "education",
    "työkokemus": "work_experience",
    "työelämätaidot": "working_life",
    "digitaidot": "digital",
    "opiskelutaidot": "study",
    "yhteiskuntatuntemus": "society",
}
_LANGUAGE_SCALE = "arviointiasteikkokehittyvankielitaidontasot"
_SCALES = {"1-5": "scale_1_5", "kielitaitotaso": _LANGUAGE_SCALE}
_LEVELS: Mapping[str, Mapping[str, str]] = {
    "scale_1_5": {level: level for level in "12345"},
    _LANGUAGE_SCALE: {
        level.casefold().replace("_", " "): level
        for level in ("alle_A1.1", "A1.1", "A1.2", "A1.3", "A2.1", "A2.2", "B1.1", "B1.2", "B2.1", "B2.2", "C1.1", "yli_C1.1")
    },
}
_END_REASONS = {
    "suoritettu": "completed",
    "keskeytynyt": "interrupted",
    "työhön": "to_work",
    "koulutukseen": "to_education",
    "muutto": "moved_away",
    "muu": "other",
}
_BUSINESS_ID = re.compile(r"[0-9]{7}-[0-9]")
_SERVICE = re.compile(r"[0-9A-Za-zÅÄÖåäö][0-9A-Za-zÅÄÖåäö._-]{0,39}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a row states. `key` names the event where the row has no id of its own; None where its cells do not suffice for that."""

    key: str | None
    payload: Mapping[str, object] = field(repr=False)
    occurred_from: datetime | None
    occurred_until: datetime | None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event: its payload schema and data category, the columns of its own, and those among them without which a file is refused."""

    type: str
    category: str
    own: frozenset[str]
    needed: frozenset[str]
    read: Callable[[Cells, bool], Facts]
    """Reads a row; the second argument says that it retracts, and then it needs no more than its key."""


def _service_need(cells: Cells, retract: bool) -> Facts:  # noqa: FBT001 - one of `Kind.read`
    day = cells.day("arviointipäivä", required=not retract, past=True)
    payload = {
        "assessed_on": day,
        "need": cells.choice("palvelutarve", _NEEDS, required=not retract),
        "responsible_role": cells.choice("vastuutaho", _ROLES),
    }
    return _facts(_key(day), payload, day, day)


def _skills_mapping(cells: Cells, retract: bool) -> Facts:  # noqa: FBT001 - one of `Kind.read`
    day = cells.day("kartoituspäivä", required=not retract, past=True)
    area = cells.choice("osa-alue", _AREAS, required=not retract)
    scale = cells.choice("asteikko", _SCALES, required=not retract)
    level = cells.choice("taso", _LEVELS[scale], required=not retract) if scale else None
    return _facts(_key(day, area), {"mapped_on": day, "area": area, "scale": scale, "level": level}, day, day)


def _integration_plan(cells: Cells, retract: bool) -> Facts:  # noqa: FBT001 - one of `Kind.read`
    made = cells.day("laadittu", required=not retract, past=True)
    since = cells.day("voimassa alkaen")
    until = cells.day("voimassa päättyen")
    ended = cells.day("päättynyt", past=True)
    cells.check_order(since or made, until, "voimassa päättyen")
    cells.check_order(made, ended, "päättynyt")
    payload = {
        "plan": cells.choice("suunnitelma", _NEEDS, required=not retract),
        "made_on": made,
        "valid_from": since,
        "valid_until": until,
        "revised_on": cells.day("tarkistettu", past=True),
        "ended_on": ended,
        "language_studies": cells.truth("kielikoulutus"),
        "integration_training": cells.truth("kotoutumiskoulutus"),
        "job_search": cells.truth("työnhaku"),
        "other": cells.truth("muu"),
    }
    return _facts(_key(made), payload, since or made, ended or until)


def _service_period(cells: Cells, retract: bool) -> Facts:  # noqa: FBT001 - one of `Kind.read`
    service = cells.matching("palvelu", _SERVICE, required=not retract)
    since = cells.day("alkoi", required=not retract)
    until = cells.day("päättyi")
    cells.check_order(since, until, "päättyi")
    provider = cells.text("järjestäjä")
    if provider and not (_BUSINESS_ID.fullmatch(provider) and ytunnus.is_valid(provider)):
        cells.refuse("järjestäjä", "bad_business_id", "Write the provider's Y-tunnus, seven digits, a hyphen and the check digit.")
    payload = {
        "service": service,
        "provider_business_id": provider,
        "started_on": since,
        "ended_on": until,
        "end_reason": cells.choice("päättymissyy", _END_REASONS),
    }
    return _facts(_key(since, service), payload, since, until)


KINDS = (
    Kind(
        "service_need",
        "service_need",
        frozenset({"arviointipäivä", "palvelutarve", "vastuutaho"}),
        frozenset({"arviointipäivä", "palvelutarve"}),
        _service_need,
    ),
    Kind(
        "skills_mapping",
        "skills",
        frozenset({"kartoituspäivä", "osa-alue", "asteikko", "taso"}),
        frozenset({"kartoituspäivä", "osa-alue", "asteikko", "taso"}),
        _skills_mapping,
    ),
    Kind(
        "integration_plan",
        "plan",
        frozenset(
            {
                "laadittu",
                "suunnitelma",
                "voimassa alkaen",
                "voimassa päättyen",
                "tarkistettu",
                "päättynyt",
                "kielikoulutus",
                "kotoutumiskoulutus",
                "työnhaku",
                "muu",
            }
        ),
        frozenset({"laadittu", "suunnitelma"}),
        _integration_plan,
    ),
    Kind(
        "service_period",
        "service",
        frozenset({"palvelu", "järjestäjä", "alkoi", "päättyi", "päättymissyy"}),
        frozenset({"palvelu", "alkoi"}),
        _service_period,
    ),
)

COLUMNS = frozenset({"id", "henkilötunnus", "asiakasnumero", "tila"}).union(*(kind.own for kind in KINDS))
"""Every column that a file of the city may have."""


def _key(day: date | None, *others: str | None) -> str | None:
    return None if day is None or None in others else "/".join((day.isoformat(), *(other for other in others if other)))


def _facts(key: str | None, payload: Mapping[str, object], first: date | None, last: date | None) -> Facts:
    return Facts(key, payload, _midnight(first), _midnight(last + timedelta(days=1)) if last else None)


def _midnight(day: date | None) -> datetime | None:
    """Days have no zone; midnight UTC falls on the same day in Finland."""
    return datetime.combine(day, time(), UTC) if day else None
