"""Whatever bytes come, a parser answers with a delivery whose faults point into the document and show nothing of it."""

import copy
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.connectors.city import parse_city_csv
from hub.connectors.education import parse_koski
from hub.connectors.strictjson import parse_json
from hub.drafts import Delivery
from hub.errors import RecordError
from tests.unit.connectors import koski_documents as koski
from tests.unit.connectors.payloads import round_trip

TODAY = date(2026, 11, 22)
SECRETS = (koski.HETU, *koski.NAMES)

DOCUMENTS = (
    koski.document(who=koski.person(oid=koski.LEARNER)),
    koski.document(
        koski.study_right(
            oid=koski.STUDY_RIGHT,
            versionumero=2,
            lähdejärjestelmänId={"id": "12345", "lähdejärjestelmä": koski.code("winnova")},
            periods=(koski.period("2023-08-01", "lasna", "1"), koski.period("2024-05-31", "valmistunut", "1")),
            attainments=(
                koski.attainment(
                    confirmed="2024-05-31",
                    parts=(koski.part("105708", "5"), koski.part("101050", "3", pakollinen=False)),
                    tutkintonimike=[koski.code("10024", "tutkintonimikkeet")],
                    osaamisala=[{"osaamisala": koski.code("1719", "osaamisala")}, koski.code("1720", "osaamisala")],
                ),
            ),
            päättymispäivä="2024-05-31",
        ),
        koski.language_certificate(),
    ),
    [koski.document(koski.study_right("luva", periods=(koski.period("2023-08-01", "mitatoity"),)))],
)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([koski.HETU, "2024-02-30", "", "1.2.246"]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["koodiarvo", "oid", "a/b~c", "päivä"]) | st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=6,
)


def koski_delivery(body: bytes) -> Delivery:
    return parse_koski(body, source="s", partner="p", today=TODAY)


def resolves(document: Any, pointer: str) -> bool:
    """Whether the pointer's parent is there: the last step may name what is missing, and `?` stands for a key that could name somebody."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    holders = [document]
    for step in steps[:-1]:
        holders = [member for holder in holders for member in members(holder, step)]
    return not steps or any(isinstance(holder, dict | list) for holder in holders)


def members(holder: Any, step: str) -> list[Any]:
    if isinstance(holder, dict):
        return list(holder.values()) if step == "?" else [holder[step]] if step in holder else []
    if isinstance(holder, list) and step.isdecimal() and int(step) < len(holder):
        return [holder[int(step)]]
    return []


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, member in members for place in places(member, (*path, key)))]


@st.composite
def damaged_documents(draw: st.DrawFn) -> Any:
    """A sound document in which some things were deleted or replaced by whatever there is."""
    holder = [copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))]
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from([path for path in places(holder) if path]))
        parent: Any = holder
        for step in path[:-1]:
            parent = parent[step]
        if draw(st.booleans()) and len(path) > 1:
            del parent[path[-1]]
        else:
            parent[path[-1]] = draw(json_values)
    return holder[0]


def check_shows_nothing(delivery: Delivery, secrets: tuple[str, ...] = SECRETS) -> None:
    shown = repr(delivery.errors) + repr(delivery.parents) + "".join(repr(draft) + repr(dict(draft.payload)) for draft in delivery.drafts)
    assert not [secret for secret in secrets if secret in shown]


def check(document: Any) -> Delivery:
    delivery = koski_delivery(json.dumps(document).encode())
    assert delivery.drafts or delivery.parents or delivery.errors
    assert delivery.items >= len(delivery.errors)
    check_shows_nothing(delivery)
    seen = parse_or_none(document)
    for error in delivery.errors:
        assert error.faults
        for fault in error.faults:
            assert fault.pointer.startswith(error.pointer)
            assert resolves(seen, fault.pointer)
    for draft in delivery.drafts:
        assert draft.subject
        assert round_trip(draft) == draft.payload
    faulty = {error.item for error in delivery.errors}
    assert not faulty & ({draft.item for draft in delivery.drafts} | {parent.item for parent in delivery.parents})
    return delivery


@given(damaged_documents())
@settings(max_examples=300, deadline=None)
def test_any_damaged_document_is_answered_with_pointers_into_it(document):
    check(document)


@pytest.mark.parametrize(
    "value", [None, True, -1, 1e30, "", "x", "a b\u200b", [], {}, [None], [[]], {"koodiarvo": 1}, {"oid": []}], ids=repr
)
@pytest.mark.parametrize("index", range(len(DOCUMENTS)))
def test_any_one_thing_replaced_is_answered_with_pointers_into_the_document(index, value):
    for path in places(DOCUMENTS[index])[1:]:
        check(replaced(DOCUMENTS[index], path, value))


@pytest.mark.parametrize("secret", [koski.HETU, f"x {koski.HETU.lower()}", "１３１０５２-３０８T"])
@pytest.mark.parametrize("index", range(len(DOCUMENTS)))
def test_a_hetu_in_the_wrong_place_goes_nowhere(index, secret):
    for path in places(DOCUMENTS[index])[1:]:
        delivery = check(replaced(DOCUMENTS[index], path, secret))
        check_shows_nothing(delivery, (secret, secret.strip("x ")))


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    result = copy.deepcopy(document)
    parent = result
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    return result


def parse_or_none(document: Any) -> Any:
    """The document as the parser saw it, in composed form."""
    try:
        return parse_json(json.dumps(document).encode())
    except RecordError:
        return document


@given(damaged_documents())
@settings(max_examples=100, deadline=None)
def test_the_same_bytes_give_an_equal_delivery(document):
    body = json.dumps(document).encode()
    assert koski_delivery(body) == koski_delivery(body)


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\u0dé1eE-+.NaNfty \ufeff', max_size=200).map(str.encode))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_a_value_or_a_record_error(body):
    try:
        parse_json(body)
    except RecordError as error:
        assert error.faults  # noqa: PT017 - either way is right
    koski_delivery(body)


HEADERS = (
    "id;henkilötunnus;asiakasnumero;arviointipäivä;palvelutarve;vastuutaho;tila",
    "id,asiakasnumero,kartoituspäivä,osa-alue,asteikko,taso",
    "id\thenkilötunnus\tlaadittu\tsuunnitelma\tmuu",
    "asiakasnumero;palvelu;järjestäjä;alkoi;päättyi",
)
cells = st.sampled_from(
    [
        "",
        "1",
        "A-1",
        koski.HETU,
        "131052-308U",
        "31.3.2026",
        "2026-02-30",
        "monialainen",
        "kielitaito",
        "1-5",
        "poistettu",
        "=1",
        '"',
        '"a;b"',
        "0201256-6",
        koski.NAMES[0],
    ]
) | st.text(max_size=8)


@st.composite
def city_files(draw: st.DrawFn) -> bytes:
    header = draw(st.sampled_from(HEADERS))
    separator = next(sign for sign in ";,\t" if sign in header)
    width = header.count(separator) + 1
    rows = draw(st.lists(st.lists(cells, min_size=max(1, width - 1), max_size=width + 1), max_size=5))
    text = "\n".join([header, *(separator.join(row) for row in rows), ""])
    body = text.encode(draw(st.sampled_from(["utf-8", "utf-16", "windows-1252"])), errors="replace")
    return body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body


@given(city_files() | st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_any_file_is_answered_row_by_row_and_shows_nothing(body):
    delivery = parse_city_csv(body, source="s", partner="p", today=TODAY)
    check_shows_nothing(delivery, (koski.HETU, "131052-308U"))
    assert [draft.item for draft in delivery.drafts] == sorted({draft.item for draft in delivery.drafts})
    for error in delivery.errors:
        assert error.faults
        assert all(fault.pointer.startswith("/rows/") for fault in error.faults)
    for draft in delivery.drafts:
        assert draft.subject
        assert draft.retract or round_trip(draft) == draft.payload
