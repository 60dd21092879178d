"""The city's exports: four kinds of CSV file, each in the encoding, separator and way of writing days that one of its systems has.

Two files of different kinds never agree on these. Surnames stand in one of them, in a column that nobody asked for.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from ops.simulate.people import Person, wrong_checksum
from ops.simulate.sendings import Fact, Sending

__all__ = ["AREAS", "SOURCE", "Table", "faulty_rows", "mapping_rows", "need_rows", "plan_rows", "service_rows"]

SOURCE = "city-csv"
AREAS = ("kielitaito", "koulutus", "työkokemus", "työelämätaidot", "digitaidot", "opiskelutaidot", "yhteiskuntatuntemus")
_LEVELS = ("A1.2", "A1.3", "A2.1", "A2.2", "B1.1", "B1.2")
_SERVICES = ("osaamiskartoitus", "kielikahvila", "uravalmennus", "tyokokeilu")
_PROVIDERS = ("0992445-3", "0187690-1")
Cells = Mapping[str, str]


@dataclass(slots=True)
class Table:
    """A file in the making. Rows count from 1, the header."""

    name: str
    category: str
    columns: Sequence[str]
    encoding: str
    separator: str
    rows: list[Cells] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)

    def add(self, person: Person, cells: Cells) -> None:
        """A sound row, with an id of its own; ``tila`` may take the fact back."""
        self.rows.append(cells)
        content = None if cells.get("tila") == "poistettu" else repr(sorted(item for item in cells.items() if item[0] not in _IDENTIFYING))
        self.facts.append(Fact(person.number, cells["id"], self.category, content))

    def add_faulty(self, cells: Cells, column: str, code: str) -> None:
        """A row with one fault, in a column or, for the empty string, as a whole."""
        self.rows.append(cells)
        pointer = f"/rows/{len(self.rows) + 1}"
        self.errors.append((f"{pointer}/{column}" if column else pointer, code))

    def sending(self) -> Sending:
        """The file."""
        out = io.StringIO()
        writer = csv.DictWriter(out, self.columns, delimiter=self.separator, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(self.rows)
        separator = {"\t": "tab", ";": "semicolon", ",": "comma"}[self.separator]
        body = out.getvalue().encode(self.encoding)
        shown = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "cp1252": "Windows-1252", "utf-16": "UTF-16"}[self.encoding]
        return Sending(
            SOURCE, "oulu-city", self.name, f"CSV, {shown}, {separator}", body, len(self.rows), tuple(self.facts), tuple(self.errors)
        )


_IDENTIFYING = ("henkilötunnus", "asiakasnumero", "sukunimi", "tila")


def need_rows(table: Table, people: Iterable[Person], dice: Random) -> None:
    """A service need assessed for everybody (palvelutarpeen arviointi)."""
    for person in people:
        need = dice.choice(("tavanomainen", "tavanomainen", "monialainen"))
        table.add(
            person,
            _identified(person, f"PT-{person.number}")
            | {
                "sukunimi": person.family_name,
                "arviointipäivä": _day(dice).isoformat(),
                "palvelutarve": need,
                "vastuutaho": "kunta" if need == "tavanomainen" else "työvoimaviranomainen",
            },
        )


def mapping_rows(table: Table, people: Iterable[Person], dice: Random) -> None:
    """Skills mapped in seven areas (osaamiskartoitus), for most."""
    for person in people:
        if person.number % 7 == 0:
            continue
        day = _finnish(_day(dice))
        for area in AREAS:
            language = area == "kielitaito"
            table.add(
                person,
                _identified(person, f"OK-{person.number}-{AREAS.index(area) + 1}")
                | {
                    "kartoituspäivä": day,
                    "osa-alue": area,
                    "asteikko": "kielitaitotaso" if language else "1-5",
                    "taso": dice.choice(_LEVELS) if language else str(dice.randrange(1, 6)),
                },
            )


def plan_rows(table: Table, people: Iterable[Person], dice: Random, *, revised: bool = False) -> None:
    """Integration plans (kotoutumissuunnitelma), for most; `revised`: a later version, sent under the city's own number alone."""
    for person in people:
        if person.number % 5 == 0:
            continue
        made = _day(dice)
        identified = _identified(person, f"KS-{person.number}")
        if revised:
            identified["henkilötunnus"] = ""
        table.add(
            person,
            identified
            | {
                "laadittu": made.isoformat(),
                "suunnitelma": dice.choice(("tavanomainen", "monialainen")),
                "voimassa alkaen": made.isoformat(),
                "voimassa päättyen": (made + timedelta(days=365)).isoformat(),
                "tarkistettu": (made + timedelta(days=120)).isoformat() if revised else "",
                "kielikoulutus": "kyllä",
                "kotoutumiskoulutus": dice.choice(("kyllä", "ei")),
                "työnhaku": dice.choice(("kyllä", "ei")),
            },
        )


def service_rows(table: Table, people: Iterable[Person], dice: Random) -> None:
    """Service periods (palvelujakso): up to two a client."""
    for person in people:
        for number in range(person.number % 3):
            since = _day(dice)
            table.add(
                person,
                _identified(person, f"PJ-{person.number}-{number + 1}")
                | {
                    "palvelu": dice.choice(_SERVICES),
                    "järjestäjä": dice.choice(_PROVIDERS),
                    "alkoi": _finnish(since),
                    "päättyi": _finnish(since + timedelta(days=60)),
                    "päättymissyy": dice.choice(("suoritettu", "koulutukseen", "työhön")),
                },
            )


def faulty_rows(table: Table, person: Person) -> None:
    """Six rows that can't be taken in: one for each fault that exports from spreadsheets are known to have."""
    sound = {"id": "PJ-V", "asiakasnumero": person.customer_number, "palvelu": "kielikahvila", "alkoi": "1.3.2021"}
    table.add_faulty({**sound, "id": "PJ-V1", "henkilötunnus": wrong_checksum(person.hetu)}, "henkilötunnus", "hetu_checksum")
    table.add_faulty({**sound, "id": "PJ-V2", "asiakasnumero": ""}, "henkilötunnus", "no_identifier")
    table.add_faulty({**sound, "id": "PJ-V3", "palvelu": '=HYPERLINK("http://example.invalid")'}, "palvelu", "formula")
    table.add_faulty({**sound, "id": "PJ-V4", "alkoi": "31.2.2021"}, "alkoi", "bad_date")
    table.add_faulty({**sound, "id": "PJ-V5", "päättyi": "1.2.2021"}, "päättyi", "dates_out_of_order")
    if table.rows:
        table.add_faulty(dict(table.rows[0]), "", "duplicate_row")


def _identified(person: Person, row_id: str) -> dict[str, str]:
    return {"id": row_id, "henkilötunnus": person.hetu, "asiakasnumero": person.customer_number}


def _day(dice: Random) -> date:
    return date(2020, 11, 2) + timedelta(days=dice.randrange(400))


def _finnish(day: date) -> str:
    return f"{day.day}.{day.month}.{day.year}"
