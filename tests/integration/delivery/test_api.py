"""The HTTP interface from outside: who may ask what, what the answers give away, and what is on record."""

from __future__ import annotations

import json
import re
from typing import ClassVar
from uuid import uuid4

import httpx
import psycopg
import pytest

from consent.rules import decide
from hub import codec, topics
from hub.delivery.gate import Gate
from hub.drafts import Identifier, Scheme
from hub.publisher import DurableProducer
from hub.start import start
from tests.integration.delivery.hubs import (
    CITY,
    KELA,
    OSAO,
    TE,
    Town,
    an_hour_ago,
    consent_body,
    education,
    folded,
    given,
    rows,
    running_town,
    sent,
    served,
    topic,
)
from tests.unit.connectors.koski_documents import HETU, LEARNER, NAMES, body, document, person

STRANGER, OTHER = "280618-402H", "010101A900R"
PURPOSES = "benefit_processing, business_liaison, employment_services, integration_services, study_guidance"


@pytest.fixture
def town(settings, environment, tmp_path):
    """The API as a process of its own; at the end its log names nobody."""
    with running_town(settings, environment, tmp_path) as (opened, processes):
        yield opened
    log = processes.log("api")
    for word in (HETU, STRANGER, OTHER, LEARNER, *NAMES):
        assert word not in log
    assert "Traceback" not in log


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    """Pointer and code of each fault; the answer is a problem of RFC 9457."""
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["status"] == answer.status_code
    return [(fault["pointer"], fault["code"]) for fault in said.get("errors", ())]


def reads(town: Town) -> list[dict]:
    """What the topic `reads` holds."""
    form = codec.schema(topics.READS.schema)
    return [town.hub.wire.decode(form, value) for _, value in topic(town.hub, "reads")]


def shape(answer: httpx.Response) -> tuple:
    """What an outsider can compare: all but the read's id and the time."""
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status_code, headers, answer.json() | {"record": ""}


def test_nobody_nothing_and_no_basis_answer_alike(town):
    """An unknown client, a known one without anything, and one whose entries this partner may not see: status, headers, body and steps."""
    given(town, OTHER, items=[education()])
    given(town, HETU, items=[education() | {"recipients": [TE], "purpose": "employment_services"}])
    assert sent(town.hub, "osao-koski", body(document())).admitted == 3
    folded(town.hub)
    assert town.shown(TE, HETU, "employment_services") == 3
    three = {who: [town.ask(CITY, who) for _ in range(5)] for who in (STRANGER, OTHER, HETU)}
    shapes = [shape(answer) for answers in three.values() for answer in answers]
    assert all(one == shapes[0] for one in shapes)
    assert shapes[0][0] == 200
    assert shapes[0][2]["entries"] == []


class Counting(psycopg.Cursor):
    """A cursor that notes the statements it runs."""

    noted: ClassVar[list[str]] = []

    def execute(self, query, params=None, **more):
        text = query.decode() if isinstance(query, bytes) else query if isinstance(query, str) else query.as_string(self)
        Counting.noted.append(" ".join(text.split()))
        return super().execute(query, params, **more)


def test_they_take_the_same_steps(settings):
    """The same statements, one by one, for a client that is unknown, has nothing, or has something that this partner may not see."""
    hub = start(settings)
    steps: dict[str, list[str]] = {}
    with served(hub) as town:
        given(town, OTHER)
        given(town, HETU, items=[education() | {"recipients": [TE], "purpose": "employment_services"}])
        assert sent(hub, "osao-koski", body(document())).admitted == 3
        folded(hub)
    url = settings.database_url.get_secret_value()
    with DurableProducer(settings) as producer, psycopg.connect(url, cursor_factory=Counting) as connection:
        gate = Gate(hub, producer, decide)
        for who in (STRANGER, OTHER, HETU):
            Counting.noted.clear()
            answer = gate.answer(connection, CITY, Identifier(Scheme.HETU, who), "integration_services", "one")
            assert answer.entries == []
            connection.commit()
            steps[who] = list(Counting.noted)
    print(f"{len(steps[STRANGER])} statements each")
    assert len(steps[STRANGER]) > 5
    assert steps[STRANGER] == steps[OTHER] == steps[HETU]


def test_who_may_ask(town):
    """No credential, a wrong one, a revoked one, another scheme; partners and auditors each where they belong."""
    question = {"identifier": {"scheme": "hetu", "value": HETU}, "purpose": "integration_services"}
    asked = {"identifier": {"scheme": "hetu", "value": HETU}, "partner": OSAO}
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic d3Jvbmc6"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer \u00e4".encode("latin-1")},
    ):
        for method, path, content in (
            ("POST", "/v1/timeline/query", question),
            ("POST", "/v1/reads/query", asked),
            ("GET", "/v1/errors", None),
            ("GET", "/v1/notices", None),
        ):
            answer = httpx.request(method, town.address + path, json=content, headers=headers)
            assert (answer.status_code, answer.headers.get("www-authenticate")) == (401, "Bearer"), (path, headers)
            assert faults(answer) == []
    auditor, partner = town.partner(CITY, "auditor"), town.partner(CITY)
    assert partner.post("/v1/reads/query", json=asked).status_code == 403
    assert auditor.post("/v1/reads/query", json=asked).json() == {"reads": []}
    for method, path in (
        ("POST", "/v1/timeline/query"),
        ("POST", "/v1/consents"),
        ("POST", "/v1/consents/query"),
        ("GET", "/v1/errors"),
        ("GET", "/v1/notices"),
        ("POST", "/v1/sources/city-csv/documents"),
    ):
        content = {
            "/v1/timeline/query": question,
            "/v1/consents": consent_body(town.hub, HETU),
            "/v1/consents/query": {"identifier": question["identifier"]},
        }.get(path)
        assert auditor.request(method, path, json=content).status_code == 403, path
    assert auditor.post(f"/v1/consents/{uuid4()}/withdraw", json={"channel": "phone"}).status_code == 403
    assert auditor.post("/v1/reads/query", json=asked | {"partner": "nobody"}).status_code == 422
    from hub.database import connect
    from hub.delivery.credentials import revoke_credentials

    with connect(town.hub.settings) as connection:
        assert revoke_credentials(connection, CITY, town.hub.now()) == 2
    assert partner.get("/v1/notices").status_code == 401
    assert reads(town) == []


def test_a_question_with_faults_says_where_and_never_what(town):
    """Purpose, hetu, unknown fields: pointer, code and what to do."""
    city = town.partner(CITY)
    answer = town.ask(CITY, HETU, "curiosity")
    assert (answer.status_code, faults(answer)) == (422, [("/purpose", "unknown_purpose")])
    assert answer.json()["errors"][0]["remedy"] == f"name a purpose of the network: {PURPOSES}"
    for value, code in (
        ("131052-308X", "hetu_checksum"),
        ("131052 308T", "hetu_format"),
        ("310252-308T", "hetu_date"),
        ("Kuvitteellinen", "hetu_format"),
        ("", "hetu_format"),
    ):
        answer = town.ask(CITY, value)
        assert (answer.status_code, faults(answer)) == (422, [("/identifier/value", code)])
        assert not value or value not in answer.text
    for changed, place in (
        ({HETU: 1}, ("", "extra_forbidden")),
        ({"purpose": 1}, ("/purpose", "string_type")),
        ({"identifier": {"scheme": "name", "value": "Kuvitteellinen"}}, ("/identifier/scheme", "literal_error")),
        ({"identifier": {"scheme": "hetu", "value": "1" * 201}}, ("/identifier/value", "string_too_long")),
        ({"identifier": {"scheme": "partner", "value": "A1", "issuer": HETU}}, ("/identifier/issuer", "personal_identifier")),
        ({"identifier": {"scheme": "partner", "value": " "}}, ("/identifier/value", "identifier_length")),
    ):
        sent_body = {"identifier": {"scheme": "hetu", "value": HETU}, "purpose": "integration_services"} | changed
        answer = city.post("/v1/timeline/query", json=sent_body)
        assert (answer.status_code, faults(answer)) == (422, [place])
        assert HETU not in answer.text
        assert "Kuvitteellinen" not in answer.text
    assert reads(town) == []


@pytest.mark.parametrize(
    "content, status, code",
    [
        (b'{"a": 1, "a": 2}', 400, "duplicate_key"),
        (b'{"purpose": NaN}', 400, "not_a_number"),
        (b'{"purpose": -Infinity}', 400, "not_a_number"),
        (b"[" * 100_000, 400, "too_deep"),
        (b'{"purpose": ' + b"9" * 50_000 + b"}", 400, "number_too_large"),
        (b'{"purpose": 1e999999}', 400, "number_too_large"),
        (b'{"purpose": "\\ud800"}', 400, "lone_surrogate"),
        (b'{"purpose": "\\u0000"}', 400, "nul_character"),
        (b'{"purpose": "x"} {}', 400, "not_json"),
        (b"<xml/>", 400, "not_json"),
        (b"", 400, "not_json"),
        (b"\xff\xfe{}", 400, "not_utf8"),
        (b'{"131052-308T": NaN}', 400, "not_a_number"),
        (b'"text"', 422, "model_attributes_type"),
        (b"null", 422, "model_attributes_type"),
        (b" " * 10_000_000, 413, "too_large"),
    ],
    ids=lambda value: value[:12].decode(errors="replace") if isinstance(value, bytes) else str(value),
)
def test_bodies_that_are_no_question(served_town, content, status, code):
    """Each is refused with a code, whatever kind of attack it is, and nothing of it comes back."""
    answer = served_town.partner(CITY).post("/v1/timeline/query", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert [found for _, found in faults(answer)] == [code]
    assert HETU not in answer.text
    assert served_town.shown(CITY, STRANGER) == 0


@pytest.fixture(scope="module")
def served_town(stack, tmp_path_factory):
    """One API for all of this module's attacks that change nothing."""
    from tests.integration.delivery.hubs import own_hub

    with own_hub(stack, tmp_path_factory.mktemp("attacks")) as opened:
        yield opened


def test_other_contents_and_addresses(served_town):
    """Another media type, compressed bodies, a method or an address that does not exist."""
    city = served_town.partner(CITY)
    question = json.dumps({"identifier": {"scheme": "hetu", "value": HETU}, "purpose": "integration_services"})
    for headers in ({"content-type": "text/plain"}, {"content-type": "application/json", "content-encoding": "gzip"}):
        answer = city.post("/v1/timeline/query", content=question, headers=headers)
        assert answer.status_code in (200, 400, 415, 422)
    assert city.post("/v1/timeline/query", content=b"\x1f\x8b" + bytes(100), headers={"content-encoding": "gzip"}).status_code == 400
    assert (city.get("/v1/timeline/query").status_code, city.get("/v1/nothing").status_code, city.get("/v1/notices/").status_code) == (
        405,
        404,
        404,
    )
    assert city.post(f"/v1/consents/{HETU}/withdraw", json={"channel": "phone"}).status_code == 422
    assert city.post("/v1/timeline/query", content=question, headers={"x-request-id": "x" * 201}).status_code == 422
    answer = city.post("/v1/timeline/query", content=question, headers={"x-request-id": HETU, "content-type": "application/json"})
    assert answer.status_code == 200
    assert HETU not in answer.text + str(answer.headers)


def test_the_openapi_document(served_town):
    """Is served, names every route, and has no person in an address."""
    answer = httpx.get(served_town.address + "/openapi.json")
    document = answer.json()
    assert (answer.status_code, document["openapi"]) == (200, "3.1.0")
    assert set(document["paths"]) >= {
        "/v1/timeline/query",
        "/v1/consents",
        "/v1/consents/{consent_id}/withdraw",
        "/v1/sources/{source}/documents",
        "/v1/reads/query",
    }
    assert set(re.findall(r"{(\w+)}", " ".join(document["paths"]))) == {"consent_id", "source"}
    references = set(re.findall(r'"#/components/schemas/(\w+)"', answer.text))
    assert references <= set(document["components"]["schemas"])


def test_a_read_is_on_record_before_its_answer(town):
    """The topic holds it when the answer arrives; the same request again is the same read; other questions under its id are reads of their own."""
    given(town, HETU)
    given(town, OTHER)
    assert sent(town.hub, "osao-koski", body(document())).admitted == 3
    folded(town.hub)
    first = town.ask(CITY, HETU, request_id="one").json()
    (on_record,) = reads(town)
    assert str(on_record["read_id"]) == first["record"]
    assert (on_record["partner"], on_record["purpose"], on_record["outcome"], on_record["entries"], on_record["withheld"]) == (
        CITY,
        "integration_services",
        "answered",
        3,
        0,
    )
    (basis,) = on_record["bases"]
    assert (basis["partner"], basis["category"], basis["entries"], basis["agreement"], len(basis["consents"])) == (
        OSAO,
        "education",
        3,
        "osao-city-education",
        1,
    )
    assert town.ask(CITY, HETU, request_id="one").json()["record"] == first["record"]
    others = [
        town.ask(CITY, OTHER, request_id="one").json()["record"],
        town.ask(CITY, STRANGER, request_id="one").json()["record"],
        town.ask(CITY, HETU, "employment_services", request_id="one").json()["record"],
        town.ask(TE, HETU, request_id="one").json()["record"],
    ]
    assert len({first["record"], *others}) == 5
    folded(town.hub)
    assert rows(town.hub.settings, "SELECT count(*) FROM build_1.read") == [(5,)]
    seen = (
        town.partner(CITY, "auditor")
        .post("/v1/reads/query", json={"identifier": {"scheme": "hetu", "value": HETU}, "partner": OSAO})
        .json()["reads"]
    )
    assert sorted((one["partner"], one["entries"]) for one in seen) == [(CITY, 0), (CITY, 3), (TE, 0)]


def test_a_request_id_used_again_hides_no_later_look(town):
    """Asked when there was nothing, and again under the same id when there is: two reads, and the second shows what was seen."""
    given(town, HETU)
    before = town.ask(CITY, HETU, request_id="one").json()
    assert sent(town.hub, "osao-koski", body(document())).admitted == 3
    folded(town.hub)
    after = town.ask(CITY, HETU, request_id="one").json()
    assert (len(before["entries"]), len(after["entries"])) == (0, 3)
    folded(town.hub)
    assert rows(town.hub.settings, "SELECT entries FROM build_1.read ORDER BY entries") == [(0,), (3,)]


def test_consents_from_giving_to_taking_back(town):
    """Given, repeated with and without a time, refused later, given anew, taken back, repeated."""
    dated = consent_body(town.hub, HETU, occurred_at=an_hour_ago())
    undated = consent_body(town.hub, OTHER)
    osao = town.partner(OSAO)
    for content in (dated, undated):
        answers = [osao.post("/v1/consents", json=content) for _ in range(3)]
        assert [(answer.status_code, answer.json()["state"], answer.json()["version"]) for answer in answers] == [(201, "given", 1)] * 3
        assert len({answer.json()["hash"] for answer in answers}) == 1
        assert content["identifier"]["value"] not in answers[0].text
    other = osao.post("/v1/consents", json=undated | {"channel": "phone"})
    assert (other.status_code, faults(other)) == (409, [("/consent_id", "consent_id_reused")])
    refusal = town.consent(HETU, answer="refuse", items=[education(permit=False)])
    assert (refusal.status_code, refusal.json()["state"]) == (201, "refused")
    late = town.consent(HETU, occurred_at=an_hour_ago())
    assert (late.status_code, faults(late)) == (409, [("/occurred_at", "newer_choice")])
    anew = given(town, HETU)
    first, second = town.withdraw(anew), town.withdraw(anew)
    assert (first.status_code, first.json()["state"], second.json() == first.json()) == (200, "withdrawn", True)
    revived = osao.post("/v1/consents", json=dated)
    assert (revived.status_code, revived.json()["state"]) == (201, "given")
    listed = osao.post("/v1/consents/query", json={"identifier": dated["identifier"]}).json()["consents"]
    assert sorted(one["state"] for one in listed) == ["given", "superseded", "withdrawn"]
    assert osao.post("/v1/consents/query", json={"identifier": {"scheme": "hetu", "value": STRANGER}}).json() == {"consents": []}


def test_consents_that_cannot_be(town):
    """Each fault at its place: the notice, the items, what a statute carries, the time, another's client, a person in the pseudonym."""
    hub = town.hub
    notice = consent_body(hub, HETU)["notice"]
    cases = {
        ("/notice/id", "unknown_notice"): {"notice": notice | {"id": "x"}},
        ("/notice/version", "unknown_version"): {"notice": notice | {"version": 9}},
        ("/notice/language", "unknown_language"): {"notice": notice | {"language": "xx"}},
        ("/notice/sha256", "other_text"): {"notice": notice | {"sha256": "0" * 64}},
        ("/items/0/purpose", "not_a_name"): {"items": [education() | {"purpose": "*"}]},
        ("/items/0/purpose", "unknown_purpose"): {"items": [education() | {"purpose": "curiosity"}]},
        ("/items/0/categories", "unknown_category"): {"items": [education() | {"categories": ["education", "secrets"]}]},
        ("/items/0/recipients", "unknown_organisation"): {"items": [education() | {"recipients": ["everybody"]}]},
        ("/items/0/categories", "consent_not_asked"): {
            "items": [education() | {"categories": ["benefit"], "recipients": [TE], "purpose": "employment_services"}]
        },
        ("/occurred_at", "occurred_in_future"): {"occurred_at": "2098-01-01T00:00:00Z", "valid_from": "2098-01-01T00:00:00Z"},
        ("/actor", "personal_identifier"): {"actor": HETU},
        ("/identifier/value", "hetu_checksum"): {"identifier": {"scheme": "hetu", "value": "131052-308X"}},
        ("/valid_until", "timezone_aware"): {"valid_until": "2099-01-01T00:00:00"},
        ("/items", "too_short"): {"items": []},
    }
    for place, changes in cases.items():
        answer = town.consent(HETU, **changes)
        assert answer.status_code == 422, (place, answer.text)
        assert place in faults(answer), (place, answer.text)
        assert HETU not in answer.text
    assert rows(hub.settings, "SELECT (SELECT count(*) FROM consent_record), (SELECT count(*) FROM client)") == [(0, 0)]
    mine = given(town, HETU)
    theirs = town.withdraw(mine, by=KELA)
    nobodys = town.withdraw(str(uuid4()), by=KELA)
    assert (theirs.status_code, theirs.json()) == (404, nobodys.json())
    assert faults(theirs) == [("/consent_id", "unknown_consent")]
    assert town.withdraw(mine).json()["state"] == "withdrawn"


def test_whom_a_partner_may_name(town):
    """An authority names anybody by hetu; others only their own clients; the learner number serves guidance alone."""
    given(town, HETU)
    taken = body(document(who=person(oid=LEARNER)))
    assert sent(town.hub, "osao-koski", taken).admitted == 3
    folded(town.hub)
    assert town.shown(CITY, HETU) == 3
    by_number = {"identifier": {"scheme": "learner_number", "value": LEARNER}}
    city = town.partner(CITY)
    assert city.post("/v1/timeline/query", json=by_number | {"purpose": "integration_services"}).json()["entries"] == []
    assert sorted(read["client_id"] is None for read in reads(town)) == [False, True]
    assert city.post("/v1/timeline/query", json=by_number | {"purpose": "study_guidance"}).json()["entries"] == []
    assert sorted(read["client_id"] is None for read in reads(town)) == [False, False, True]
    business = town.partner("business-oulu")
    answer = business.post("/v1/timeline/query", json={"identifier": {"scheme": "hetu", "value": HETU}, "purpose": "business_liaison"})
    assert (answer.status_code, answer.json()["entries"]) == (200, [])
    assert [read["client_id"] for read in reads(town) if read["partner"] == "business-oulu"] == [None]


def test_sources_are_their_partners_own(town):
    """Another partner's source and one that does not exist answer alike; errors are listed to their partner alone."""
    document_body = body(document())
    answers = [
        town.partner(CITY).post(f"/v1/sources/{source}/documents", content=document_body) for source in ("osao-koski", "nothing", HETU)
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert answers[0].json() == answers[1].json() == answers[2].json()
    wrong = body(document(who=person(hetu="131052-308X")))
    refused = town.partner(OSAO).post("/v1/sources/osao-koski/documents", content=wrong, headers={"idempotency-key": HETU})
    assert refused.status_code == 422
    assert ("/henkilö/hetu", "hetu_checksum") in faults(refused)
    assert "131052" not in refused.text
    assert [one["code"] for one in town.partner(OSAO).get("/v1/errors").json()["errors"]] == ["hetu_checksum"]
    assert town.partner(CITY).get("/v1/errors").json() == {"errors": []}
    large = town.partner(OSAO).post("/v1/sources/osao-koski/documents", content=b" " * (20 * 1024 * 1024 + 1))
    assert (large.status_code, faults(large)) == (413, [("", "too_large")])
