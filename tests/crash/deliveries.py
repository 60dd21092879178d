"""What partners drop in the crash tests: several Koski documents and a city file of more than two parts, the same at every call."""

from __future__ import annotations

from ops.simulate.people import clients, wrong_checksum
from tests.sites import Site
from tests.unit.connectors.koski_documents import attainment, body, document, part, period, person, study_right

STUDENTS = clients(12, seed=7)
ALLOWED = STUDENTS[:8]
"""These have let the city see their education; the other four were never asked."""
ROWS = 1300
FAULTY_ROWS = 7
_COLUMNS = "id;henkilötunnus;asiakasnumero;palvelu;järjestäjä;alkoi;päättyi;päättymissyy;tila\n"


def ask(site: Site) -> None:
    """The students' consents, given before anything is sent."""
    for student in ALLOWED:
        site.allow(student.hetu)


def drop(site: Site) -> list[tuple[str, str]]:
    """Drop everything. Returns each file's source and name."""
    files = {("osao-koski", f"{student.number}.json"): _koski(student.hetu, student.number) for student in STUDENTS}
    files["osao-koski", "bad-hetu.json"] = _koski(wrong_checksum(STUDENTS[0].hetu), 1)
    files["osao-koski", "no-json.json"] = b'{"henkil\xc3\xb6": '
    files["city-csv", "periods.csv"] = city_file(ROWS)
    for (source, name), content in files.items():
        site.drop(source, name, content)
    return list(files)


def city_file(rows: int, faulty: int = FAULTY_ROWS) -> bytes:
    """Service periods of 200 clients; `faulty` rows, spread over the file, have a day that does not exist."""
    people = clients(200, seed=8)
    lines = []
    for number in range(rows):
        who = people[number % len(people)]
        day = "31.2.2021" if number % (rows // faulty) == 3 and number < faulty * (rows // faulty) else f"{1 + number % 28}.3.2021"
        lines.append(f"PJ-{number};{who.hetu};{who.customer_number};kielikahvila;;{day};;;\n")
    return (_COLUMNS + "".join(lines)).encode()


def _koski(hetu: str, number: int) -> bytes:
    rights = [
        study_right(
            oid=f"1.2.246.562.15.{number:05}{right:06}",
            periods=(period("2023-08-01", "lasna", "1"), period(f"2024-0{1 + number % 9}-01", "valiaikaisestikeskeytynyt", "1")),
            attainments=(attainment(confirmed="2024-05-31", parts=tuple(part(f"{100000 + one}", "4") for one in range(5))),),
        )
        for right in range(2)
    ]
    return body(document(*rights, who=person(hetu=hetu)))
