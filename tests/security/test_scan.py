"""A working day of the hub, crashes and rubbish included, and then a search of everything it left behind: nobody is named anywhere."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from hub.settings import Settings
from hub.start import start
from ops import stack as servers
from ops.stack import local, postgres
from tests.conftest import kafka_client
from tests.integration.delivery.hubs import CITY, OSAO, TE, Processes, Town, consent_body, education
from tests.security.scanner import Scanner, scan_database, scan_files, scan_topics
from tests.unit.connectors.koski_documents import LEARNER, NAMES, body, document, person
from tests.waiting import until

PEOPLE = 12
CHECKS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
PLANTED = "020202A902Y"


def hetu(number: int) -> str:
    """A code of an invented person, in the series for tests."""
    digits = f"{number % 28 + 1:02}{number % 12 + 1:02}{60 + number % 30}"
    serial = f"{900 + number:03}"
    return f"{digits}-{serial}{CHECKS[int(digits + serial) % 31]}"


HETUS = [hetu(number) for number in range(PEOPLE)]
SURNAMES = ["Kuvitteellinen", "Keksittylä", "Öljymäenpää", "Olematonniemi"]
WORDS = [*HETUS, *SURNAMES, *NAMES, LEARNER]


@pytest.fixture
def home(stack_home):
    """A stack of this test's own, since it searches the servers' files too."""
    path = stack_home.parent / f"silta-scan-{os.getpid()}"
    path.mkdir(mode=0o700)
    yield path
    servers.down(path, erase=True)
    shutil.rmtree(path)


@pytest.fixture
def endpoints(home):
    return servers.up(home, print)


def csv(people) -> bytes:
    """Service needs, a few rows of them wrong, with columns that the hub does not know."""
    rows = ["henkilötunnus;asiakasnumero;id;tila;arviointipäivä;palvelutarve;vastuutaho;sukunimi"]
    rows += [
        f"{code};A{number};n{number};;2024-03-0{number % 9 + 1};tavanomainen;kunta;{SURNAMES[number % 4]}"
        for number, code in enumerate(people)
    ]
    rows += [
        f"{people[0][:-1]}?;A99;n99;;2024-03-01;tavanomainen;kunta;{SURNAMES[0]}",
        f"{people[1]};{people[1]};{people[1]};{SURNAMES[1]};x;{SURNAMES[1]};y;z",
    ]
    return "\n".join(rows).encode()


def rubbish() -> dict[str, bytes]:
    """What partners send by mistake, each with people in it."""
    name, code = SURNAMES[2], HETUS[3]
    whole = body(document(who=person(hetu=code, sukunimi=name)))
    return {
        "cut.json": whole[: len(whole) // 2],
        f"{name}.json": b'{"' + code.encode() + b'": NaN, "' + name.encode() + b'": 1e999}',
        f"{code}.json": whole[:-1] + b', "' + code.encode() + b'": 1}',
        "twice.json": whole.replace(b'"sukunimi"', b'"hetu"'),
        "wrong.json": body(document(who=person(hetu=code[:-1] + "?", sukunimi=name))),
        "utf16.json": whole.decode().encode("utf-16"),
        "list.json": json.dumps([code, name]).encode(),
        "nested.json": b'{"a":' * 200 + f'"{name}"'.encode() + b"}" * 200,
        "code.json": body(document(who=person(hetu=HETUS[4]))).replace(b'"lasna"', f'"{name} {code}"'.encode()),
    }


def drop(settings: Settings, source: str, name: str, content: bytes) -> None:
    folder = settings.drops / source
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / f"{name}.tmp").write_bytes(content)
    (folder / f"{name}.tmp").rename(folder / name)


def a_working_day(settings: Settings, processes: Processes) -> None:
    """Consents, documents, reads, mistakes, withdrawals, and processes that are killed in between."""
    api, *_ = processes.start("api", "relay", "worker", "connectors")
    town = Town(start(settings), api["address"])
    for number, code in enumerate(HETUS):
        items = [
            education(),
            {"purpose": "integration_services", "categories": ["skills"], "recipients": [CITY], "permit": True, "codes": ["gdpr_6_1_a"]},
        ]
        if number < PEOPLE - 2:
            assert town.consent(code, items=items).status_code == 201
        document_body = body(
            document(
                who=person(hetu=code, sukunimi=SURNAMES[number % 4], oid=LEARNER)
                if number == 0
                else person(hetu=code, sukunimi=SURNAMES[number % 4])
            )
        )
        if number % 2:
            drop(settings, "osao-koski", f"{code}-{SURNAMES[number % 4]}.json", document_body)
        else:
            answer = town.partner(OSAO).post(
                "/v1/sources/osao-koski/documents", content=document_body, headers={"idempotency-key": f"{code} {SURNAMES[0]}"}
            )
            assert answer.status_code == 200, answer.text
    drop(settings, "city-csv", f"{SURNAMES[0]}.csv", csv(HETUS))
    for name, content in rubbish().items():
        drop(settings, "osao-koski", name, content)
        town.partner(OSAO).post("/v1/sources/osao-koski/documents", content=content)
    drop(settings, "city-csv", "rubbish.csv", f"{HETUS[0]};{SURNAMES[0]}\n{HETUS[1]}".encode())
    until(lambda: not list(settings.drops.glob("*/*.json")) and not list(settings.drops.glob("*/*.csv")), 60)
    for path in settings.drops.glob("*/outcome/*"):
        assert not list(Scanner(WORDS).hits(path.read_bytes(), path.name))
    processes.kill("worker")
    processes.start("worker")
    until(lambda: town.shown(CITY, HETUS[0]) > 0, 60)
    for code in HETUS:
        town.ask(CITY, code, request_id=f"{code} {SURNAMES[3]}")
        town.ask(TE, code)
    mistakes = [
        ("POST", f"/v1/timeline/{HETUS[0]}/{SURNAMES[0]}", b"{}"),
        ("POST", f"/v1/sources/{SURNAMES[1]}/documents", HETUS[1].encode()),
        ("POST", f"/v1/consents/{HETUS[2]}/withdraw", b'{"channel": "phone"}'),
        ("POST", "/v1/timeline/query", json.dumps({HETUS[0]: SURNAMES[0], "purpose": HETUS[1]}).encode()),
        ("POST", "/v1/consents", json.dumps(consent_body(town.hub, HETUS[0], actor=HETUS[0])).encode()),
        ("POST", "/v1/consents", json.dumps(consent_body(town.hub, HETUS[0], items=[education() | {"purpose": SURNAMES[0]}])).encode()),
        (
            "POST",
            "/v1/consents/query",
            json.dumps({"identifier": {"scheme": "partner", "value": SURNAMES[0], "issuer": HETUS[0]}}).encode(),
        ),
    ]
    for method, path, content in mistakes:
        answer = town.partner(CITY).request(method, path, content=content)
        assert answer.status_code in {404, 422}, (path, answer.text)
        assert not list(Scanner(WORDS).hits(answer.content, path)), answer.text
    taken_back = (
        town.partner(OSAO).post("/v1/consents/query", json={"identifier": {"scheme": "hetu", "value": HETUS[0]}}).json()["consents"][0]
    )
    assert town.withdraw(taken_back["consent_id"]).status_code == 200
    # A consent record that somebody edited, and statements that PostgreSQL refuses: errors that quote what they choke on.
    with psycopg.connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        for statement in (f"SELECT '{HETUS[5]}'::int", f"SELECT {SURNAMES[0]}", f"INSERT INTO client VALUES ('{HETUS[6]}', now())"):
            with suppress(psycopg.Error):
                connection.execute(statement.encode())
        connection.execute(
            "UPDATE consent_record SET state = 'given' WHERE consent_id = %s AND state = 'withdrawn'", (taken_back["consent_id"],)
        )
    assert town.ask(CITY, HETUS[0]).status_code == 500
    town.close()
    processes.stop()


def test_nobody_is_named_in_anything_that_is_kept(home, endpoints, tmp_path, monkeypatch):
    """Topics, tables, logs of processes and servers, Kafka's segments, PostgreSQL's files and WAL, the registry's files, keys: 0 hits."""
    for name in ("KAFKA_BOOTSTRAP", "REGISTRY_URL", "DATABASE_URL"):
        monkeypatch.delenv(f"SILTA_{name}", raising=False)
    state, logs = home / "hub", tmp_path / "logs"
    state.mkdir(mode=0o700)
    logs.mkdir()
    settings = Settings(**endpoints.settings(), home=state, api_port=0)
    plain = {
        name: value
        for name, value in settings.model_dump().items()
        if name in settings.model_fields_set and name not in {"database_url", "kafka_password"}
    }
    environment = {f"SILTA_{name.upper()}": str(value) for name, value in plain.items()} | {
        "SILTA_DATABASE_URL": endpoints.database_url,
        "SILTA_KAFKA_PASSWORD": endpoints.kafka_password,
        "PATH": "/usr/bin:/bin",
        "SILTA_LOG_LEVEL": "debug",
    }
    a_working_day(settings, Processes(environment, logs))
    kafka, database = kafka_client(endpoints), endpoints.database_url
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    scanner = Scanner(WORDS)
    topics = sorted(AdminClient(kafka).list_topics(timeout=10).topics)
    in_topics, records = scan_topics(scanner, kafka, [topic for topic in topics if not topic.startswith("__")])
    in_tables, tables, rows = scan_database(scanner, database)
    folders = [home, logs, postgres.folder_of(local.log_file(home, "postgres").parent)]
    in_files, files, size = scan_files(scanner, folders, without=[settings.drops])
    print(f"{len(WORDS)} words; {len(topics)} topics, {records} records; {tables} tables, {rows} rows; {files} files, {size / 1e6:.0f} MB")
    assert (in_topics, in_tables, in_files) == ([], [], [])
    assert records > 100
    assert rows > 1000
    finds_what_is_planted(kafka, database, folders, tmp_path)


def finds_what_is_planted(kafka, database, folders, tmp_path) -> None:
    """The same search finds a code that was put into each kind of place, in different forms; a topic and a table of its own, removed afterwards."""
    scanner = Scanner([PLANTED])
    raw = PLANTED.encode()
    admin, topic = AdminClient(kafka), f"planted-{uuid4().hex[:6]}"
    for made in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        made.result(30)
    producer = Producer(kafka)
    producer.produce(topic, b"\0" + raw, b"key", headers={"h": b"clean"})
    producer.produce(topic, b"clean", base64.b64encode(b"x" + raw), headers={"h": raw.hex().encode()})
    assert producer.flush(30) == 0
    found, records = scan_topics(scanner, kafka, [topic])
    assert (records, sorted({hit.form for hit in found})) == (2, ["utf-8", "utf-8 base64+1", "utf-8 hex"])
    noise = random.Random(1).randbytes(3000)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE planted (kind text, words text, data bytea, list text[], doc jsonb)")
        connection.execute("ALTER TABLE planted ALTER data SET STORAGE EXTERNAL")
        connection.execute("INSERT INTO planted VALUES ('toasted', %s, NULL, NULL, NULL)", ("word " * 5000 + PLANTED,))
        connection.execute("INSERT INTO planted VALUES ('bytes', NULL, %s, NULL, NULL)", (noise + PLANTED.encode("utf-16-le"),))
        connection.execute("INSERT INTO planted VALUES ('list', NULL, NULL, %s, NULL)", ([PLANTED],))
        connection.execute("INSERT INTO planted VALUES ('doc', NULL, NULL, NULL, %s)", (json.dumps({PLANTED: 1}),))
    found, _, _ = scan_database(scanner, database)
    assert {hit.place for hit in found} == {"public.planted"}
    assert len(found) >= 3
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    found, _, _ = scan_files(scanner, folders)
    places = " ".join(hit.place for hit in found)
    assert f"{topic}-0" in places
    assert "pg_wal" in places
    assert "/base/" in places
    log = tmp_path / "logs" / "planted.log"
    log.write_text(json.dumps({"at": datetime.now(UTC).isoformat(), "event": PLANTED}))
    assert [hit.place for hit in scan_files(scanner, [log])[0]][:1] == [str(log)]
    log.unlink()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP TABLE planted")
    for deleted in admin.delete_topics([topic]).values():
        deleted.result(30)
