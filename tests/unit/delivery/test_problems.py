"""Errors as answers: where and what kind, never what was sent; and in the log the route as declared, never the address as it came."""

import io
import json
import logging

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from hub.delivery.problems import Problem, install
from hub.errors import FatalError, Fault, RecordError, RequestError, TransientError
from hub.logs import configure

ERRORS = {
    "transient": TransientError("Kuvitteellinen is away", retry_after=7),
    "request": RequestError(Fault("/a", "odd", "mend it")),
    "record": RecordError(Fault("/131052-308T", "odd", "mend it")),
    "fatal": FatalError("Kuvitteellinen"),
    "crash": ValueError("131052-308T"),
    "problem": Problem(418, detail="tea"),
}


@pytest.fixture
def lines():
    """What is logged."""
    stream, root = io.StringIO(), logging.getLogger()
    before = (root.handlers[:], root.level)
    configure(stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = before


@pytest.fixture
def client():
    app = FastAPI()
    install(app)

    @app.get("/v1/{who}/{kind}")
    def fail(who: str, kind: str) -> None:
        raise ERRORS[kind]

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    "kind, status, at_fault, errors",
    [
        ("transient", 503, "hub", None),
        ("request", 422, "sender", [{"pointer": "/a", "code": "odd", "remedy": "mend it"}]),
        ("record", 422, "sender", [{"pointer": "/[masked]", "code": "odd", "remedy": "mend it"}]),
        ("fatal", 500, "hub", None),
        ("crash", 500, "hub", None),
        ("problem", 418, "sender", None),
    ],
)
def test_each_error_is_a_problem(client, lines, kind, status, at_fault, errors):
    """Status, whose turn it is, faults; nothing of the error's own text, and nobody in the log."""
    answer = client.get(f"/v1/Kuvitteellinen/{kind}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    said = answer.json()
    assert (said["at_fault"], said.get("errors")) == (at_fault, errors)
    assert "Kuvitteellinen" not in answer.text
    assert "131052" not in answer.text
    told = [line for line in lines() if line["event"] in {"request_deferred", "request_failed"}]
    assert [line["route"] for line in told] == (["/v1/{who}/{kind}"] if status >= 500 else [])
    assert "131052" not in json.dumps(lines())


def test_a_server_that_is_away_says_when_to_try_again(client):
    """503 carries Retry-After."""
    assert client.get("/v1/x/transient").headers["retry-after"] == "7"


@pytest.mark.parametrize("number", ["1.2.246.562.24.00000000001", "1.2.246.562.98.00000000001", "1.2.246.562.198.00000000001"])
def test_test_persons_numbers_are_masked_too(number, lines):
    """The arcs of learner numbers that test environments use."""
    logging.getLogger("x").warning("client %s", number)
    assert lines()[0]["event"] == "client [masked]"
