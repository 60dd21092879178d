"""The same document pushed many times at once over HTTP, to one process and to two: one event a fact, whoever was first."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.crash.deliveries import city_file
from tests.figures import envelopes
from tests.processes import running
from tests.sites import Site
from tests.unit.connectors.koski_documents import HETU, attainment, body, document, part, study_right

pytestmark = pytest.mark.slow

PUSHES = 50
FACTS = 10
"""A study right, its state period, an attainment, the qualification that it gives, and its six parts."""


def koski(grade: str = "4") -> bytes:
    parts = tuple(part(f"{100000 + number}", grade) for number in range(6))
    return body(document(study_right(oid="1.2.246.562.15.00000000001", attainments=(attainment(confirmed="2024-05-31", parts=parts),))))


def push(client: httpx.Client, content: bytes, *, source: str = "osao-koski", key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"idempotency-key": key}
    return client.post(f"/v1/sources/{source}/documents", content=content, headers=headers)


class Apis:
    """API processes, asked in turn."""

    def __init__(self, stack: ExitStack, site: Site, organisation: str, processes: int) -> None:
        secret = site.secret(organisation)
        children = [stack.enter_context(running(site.environment(), "api")) for _ in range(processes)]
        limits = httpx.Limits(max_connections=PUSHES)
        self.clients = [
            stack.enter_context(
                httpx.Client(base_url=child.ready()["address"], headers={"authorization": f"Bearer {secret}"}, timeout=60, limits=limits)
            )
            for child in children
        ]

    def push_all(self, documents: Sequence[bytes], **more: Any) -> list[httpx.Response]:
        """All at once."""
        with ThreadPoolExecutor(len(documents)) as pool:
            jobs = [pool.submit(push, self.clients[n % len(self.clients)], one, **more) for n, one in enumerate(documents)]
            return [job.result() for job in jobs]


def entries(site: Site) -> int:
    site.fold()
    return int(site.one("SELECT count(*) FROM build_1.entry"))


@pytest.mark.parametrize("processes", [1, 2])
def test_one_document_fifty_times_at_once(site: Site, processes: int):
    """Without a crash each fact is published exactly once, and stands once on the timeline."""
    site.allow(HETU)
    with ExitStack() as stack:
        answers = Apis(stack, site, "osao", processes).push_all([koski()] * PUSHES)
    assert [answer.status_code for answer in answers] == [200] * PUSHES, {answer.text for answer in answers if answer.status_code != 200}
    admitted = [answer.json()["admitted"] for answer in answers]
    print(f"{processes} processes: {sum(admitted)} facts admitted in {sum(map(bool, admitted))} of {PUSHES} answers")
    assert sum(admitted) == FACTS
    assert sum(answer.json()["unchanged"] for answer in answers) == FACTS * (PUSHES - 1)
    assert len(envelopes(site)) == FACTS
    assert entries(site) == FACTS


@pytest.mark.parametrize("processes", [1, 2])
def test_one_key_fifty_times_at_once(site: Site, processes: int):
    """One Idempotency-Key is one sending: every answer has the one outcome, and the same key with other bytes is refused."""
    site.allow(HETU)
    with ExitStack() as stack:
        apis = Apis(stack, site, "osao", processes)
        answers = apis.push_all([koski()] * PUSHES, key="k1")
        other = push(apis.clients[-1], koski("5"), key="k1")
    assert {answer.status_code for answer in answers} == {200}, {answer.text for answer in answers if answer.status_code != 200}
    outcomes = [{name: value for name, value in answer.json().items() if name != "repeat"} for answer in answers]
    assert {(one["delivery_id"], one["admitted"], one["unchanged"]) for one in outcomes} == {(outcomes[0]["delivery_id"], FACTS, 0)}
    assert other.status_code in {409, 422}
    assert "idempotency_key_reused" in other.text
    assert len(envelopes(site)) == FACTS


def test_one_key_for_different_documents_at_once(site: Site):
    """Of different documents that race for one key on two processes, one is taken in and the others are refused."""
    site.allow(HETU)
    with ExitStack() as stack:
        answers = Apis(stack, site, "osao", 2).push_all([koski(str(1 + number % 5)) for number in range(20)], key="k1")
    taken = [answer for answer in answers if answer.status_code == 200]
    assert len(taken) == 4
    assert {answer.json()["admitted"] for answer in taken} == {FACTS}
    assert all("idempotency_key_reused" in answer.text for answer in answers if answer.status_code != 200)
    assert len(envelopes(site)) == FACTS


def test_versions_that_race_make_one_chain(site: Site):
    """Five versions of one document, each sent ten times at once to two processes: no fact has two events after the same one."""
    site.allow(HETU)
    with ExitStack() as stack:
        answers = Apis(stack, site, "osao", 2).push_all([koski(str(1 + number % 5)) for number in range(PUSHES)])
    assert {answer.status_code for answer in answers} == {200}, {answer.text for answer in answers if answer.status_code != 200}
    forks = site.one("SELECT count(*) FROM (SELECT FROM claim GROUP BY fact_ref, predecessor HAVING count(*) > 1) AS forked")
    assert (forks, site.one("SELECT count(*) FROM claim_batch WHERE state = 'claimed'")) == (0, 0)
    found = envelopes(site)
    print(f"{len(found)} events of {FACTS} facts")
    assert len({one.event_id for one in found}) == len(found) == site.one("SELECT count(*) FROM claim")
    site.fold()
    live = site.one(
        "SELECT count(*) FROM build_1.entry e WHERE action <> 'retract' AND NOT EXISTS (SELECT FROM build_1.entry l WHERE l.target = e.event_id)"
    )
    assert live == FACTS


def test_seven_bad_rows_of_a_thousand(site: Site):
    """The other 993 are taken in, and each of the seven is itemised, in the answer and on the error list."""
    with ExitStack() as stack:
        client = Apis(stack, site, "oulu-city", 1).clients[0]
        answer = push(client, city_file(1000), source="city-csv").json()
        listed = client.get("/v1/errors").json()["errors"]
    assert (answer["items"], answer["admitted"], answer["denied"]) == (1000, 993, 0)
    expected = [f"/rows/{2 + 3 + 142 * number}/alkoi" for number in range(7)]
    assert sorted(fault["pointer"] for fault in answer["errors"]) == sorted(expected)
    assert sorted(fault["pointer"] for fault in listed) == sorted(expected)
    assert {fault["code"] for fault in listed} == {"bad_date"}
    assert "31.2.2021" not in str(answer)
    assert len(envelopes(site)) == 993
