"""Kafka, registry and PostgreSQL away: at the start, and in the middle of a day."""

from __future__ import annotations

import threading
import time

import pytest

from hub.errors import TransientError
from hub.start import start
from tests.integration.delivery.hubs import CITY, OSAO, Town, education, given, topic
from tests.integration.faults.own import OwnStack
from tests.unit.connectors.koski_documents import HETU, body, document, person
from tests.waiting import until

CHECKS = "0123456789ABCDEFHJKLMNPRSTUVWXY"


def hetu(number: int) -> str:
    """A code of the test series."""
    digits = f"{number % 28 + 1:02}0170{900 + number:03}"
    return f"{digits[:6]}-{digits[6:]}{CHECKS[int(digits) % 31]}"


def opened(own: OwnStack) -> Town:
    """The API, the relay and a worker on the stack."""
    said, *_ = own.processes.start("api", "relay", "worker")
    return Town(start(own.settings), said["address"])


@pytest.mark.slow
def test_with_kafka_or_postgresql_away_nothing_is_released(own):
    """503 with Retry-After, quickly enough for a caller; nothing shown, nothing recorded as shown; afterwards it goes on by itself."""
    town = opened(own)
    consent_id = given(town, HETU)
    assert town.partner(OSAO).post("/v1/sources/osao-koski/documents", content=body(document())).json()["admitted"] == 3
    until(lambda: town.shown(CITY, HETU) == 3)
    before = len(topic(town.hub, "reads"))
    own.pause("kafka")
    began = time.monotonic()
    away = town.ask(CITY, HETU, request_id="away")
    print(f"Kafka away: {away.status_code} after {time.monotonic() - began:.1f} s")
    assert (away.status_code, away.headers["retry-after"], away.json()["at_fault"]) == (503, "5", "hub")
    assert "entries" not in away.text
    own.resume("kafka")
    until(lambda: town.ask(CITY, HETU, request_id="back").status_code == 200, 60)
    late = [value for _, value in topic(town.hub, "reads")]
    assert len(late) - before in {1, 2}
    own.kill("postgres")
    for answer in (town.ask(CITY, HETU), town.consent(HETU, answer="refuse", items=[education(permit=False)]), town.withdraw(consent_id)):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert town.partner(OSAO).get("/v1/notices").status_code == 503
    own.start()
    until(lambda: town.ask(CITY, HETU).status_code == 200, 60)
    assert town.shown(CITY, HETU) == 3
    assert town.withdraw(consent_id).json()["state"] == "withdrawn"
    assert town.shown(CITY, HETU) == 0
    town.close()
    assert set(own.processes.stop().values()) == {0}


@pytest.mark.slow
def test_servers_that_die_in_the_middle_lose_nothing_and_double_nothing(own):
    """Kafka, then PostgreSQL, killed while documents are sent one after another under keys that are sent again until they are answered."""
    town = opened(own)
    people = [hetu(number) for number in range(24)]
    for code in people:
        given(town, code)
    osao, stopping = town.partner(OSAO), threading.Event()
    failed: list[int] = []
    done: list[str] = []

    def send() -> None:
        for code in people:
            content = body(document(who=person(hetu=code)))
            while True:
                answer = osao.post("/v1/sources/osao-koski/documents", content=content, headers={"idempotency-key": code})
                if answer.status_code == 200:
                    break
                failed.append(answer.status_code)
                if stopping.wait(0.5):
                    return
            done.append(code)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for server, after in (("kafka", 6), ("postgres", 14)):
            until(lambda after=after: len(done) >= after, 60)
            own.kill(server)
            own.start()
        sender.join(90)
    finally:
        stopping.set()
    assert not sender.is_alive()
    assert set(failed) <= {503}
    until(lambda: own.rows("SELECT count(*) FROM build_1.entry") == [(72,)], 60, lambda: own.rows("SELECT count(*) FROM build_1.entry"))
    records = topic(town.hub, "client-events")
    decisions = own.rows("SELECT count(*), count(DISTINCT decision_id) FROM build_1.decision WHERE outcome = 'permit'")
    print(f"24 documents, {len(failed)} answers of 503, {len(records)} records, decisions {decisions}")
    assert own.rows("SELECT count(DISTINCT fact_ref), count(*) FROM build_1.entry WHERE action = 'assert'") == [(72, 72)]
    assert own.rows(
        "SELECT count(*), count(*) FILTER (WHERE b.state <> 'published') FROM claim JOIN claim_batch b ON b.id = claim.batch"
    ) == [(72, 0)]
    assert {town.shown(CITY, code) for code in people} == {3}
    town.close()


@pytest.mark.slow
def test_a_server_that_is_away_at_the_start_is_waited_for(own):
    """Each of the three: a clear sentence when it stays away, and a start that goes through once it comes back."""
    for name, sentence in (
        ("kafka", "Kafka can't be reached"),
        ("registry", "the schema registry can't be reached"),
        ("postgres", "PostgreSQL can't be reached"),
    ):
        own.kill(name)
        began = time.monotonic()
        with pytest.raises(TransientError, match=sentence):
            start(own.settings, patience=1)
        print(f"{name} away: said after {time.monotonic() - began:.1f} s")
        waiting = threading.Thread(target=lambda: own.processes.start("api"))
        waiting.start()
        try:
            until(lambda sentence=sentence: (own.processes.logs / "api.log").exists() and sentence in own.processes.log("api"), 60)
        finally:
            own.start()
            waiting.join(60)
        assert own.processes.stop() == {"api": 0}
