"""The tutorial's calls, block by block as a newcomer pastes them, against the hub's own processes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.unit.docs.pages import ROOT, blocks

SILTA = str(Path(sys.executable).with_name("silta"))


def serve(stack: ExitStack, name: str, environment: dict[str, str]) -> dict[str, str]:
    """Start one of the processes that run for good, to be ended with the test; what it says when it is ready."""
    process = stack.enter_context(
        subprocess.Popen([SILTA, name], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    )
    stack.callback(process.terminate)
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def secret(environment: dict[str, str], *words: str) -> str:
    made = subprocess.run(
        [SILTA, "credentials", "create", *words, "--json"], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(made.stdout)["secret"]


@pytest.fixture
def running(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The hub's processes, and what the tutorial has a newcomer put into the environment."""
    with ExitStack() as stack:
        address = serve(stack, "api", environment)["address"]
        for name in ("relay", "worker"):
            serve(stack, name, environment)
        monkeypatch.setenv("API", address)
        for variable, words in {
            "CITY": ("oulu-city",),
            "OSAO": ("osao",),
            "TE": ("te-pohjois-pohjanmaa",),
            "AUDITOR": ("oulu-city", "--role", "auditor"),
        }.items():
            monkeypatch.setenv(variable, secret(environment, *words))
        assert "SILTA_HOME" in os.environ  # a test's own, never this checkout's
        yield


@pytest.mark.usefixtures("running")
def test_the_tutorial_does_what_it_says() -> None:
    """Every block runs, and what its comments promise is so."""
    names: dict = {}
    said = []
    names["print"] = lambda *values: said.append(values)
    for block in blocks(ROOT / "docs" / "tutorial.md", "python"):
        exec(compile(block, "tutorial.md", "exec"), names)
    outcome, by_statute, other_purpose, skills, education, pushed, views, osao_after, te_after, reads = said
    assert outcome[0]["admitted"] == 2
    assert {(category, kind) for category, kind, _ in by_statute[0]} == {("skills", "statute")}
    assert other_purpose == ([],)
    assert skills == education == (201, "given")
    assert (pushed[0]["errors"], pushed[0]["denied"]) == ([], 0)
    assert (sorted(set(views[0])), sorted(views[1])) == (["attainment", "state_period", "study_right"], ["digital", "language"])
    assert osao_after == ([],)
    assert te_after == (2,)
    assert {partner for partner, *_ in reads[0]} == {"te-pohjois-pohjanmaa", "oulu-city", "osao"}
