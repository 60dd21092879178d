"""What a client may be asked, and what is left of an answer when part of it is taken back."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from consent.choices import Act, Choice, Mandate, act_problems, choice_problems, without
from tests.unit.consent.values import AT, CONSENT_ROW, FROM, NOTICE, STATUTE_ROW, UNTIL, item, network

ACT = Act(occurred_at=AT, channel="office", captured_by="city/u1", actor="client")
CHOICE = Choice(UUID(int=1), NOTICE, (item(),), ("city",), AT, UNTIL)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    "expected, change",
    [
        ([], {}),
        (["/notice/id unknown_notice"], {"notice": replace(NOTICE, id="other")}),
        (["/notice/version unknown_version"], {"notice": replace(NOTICE, version=2)}),
        (["/notice/language unknown_language"], {"notice": replace(NOTICE, language="sv")}),
        (["/notice/sha256 other_text"], {"notice": replace(NOTICE, sha256=b"\2" * 32)}),
        (["/controllers/1 unknown_organisation"], {"controllers": ("city", "nobody")}),
        (["/valid_from before_the_act"], {"valid_from": FROM}),
        (["/items/0/purpose unknown_purpose", "/items/0/categories consent_not_asked"], {"items": (item(purpose="profit"),)}),
        (["/items/0/categories consent_not_asked"], {"items": (item("integration", ["plan"], ["te"]),)}),
        (["/items/0/recipients consent_not_asked"], {"items": (item(recipients=["school", "te"]),)}),
        ([], {"items": (item("integration", ["plan"], ["te"], permit=False),)}),
    ],
)
def test_what_can_be_asked(expected, change):
    """Notice, names and times are the network's own, and consent is asked only where it is what carries the exchange (7, 11)."""
    problems = choice_problems(replace(CHOICE, **change), ACT, network(STATUTE_ROW, CONSENT_ROW), asks=True)
    assert expected == [f"{problem.pointer} {problem.code}" for problem in problems]


@pytest.mark.parametrize(
    "expected, change",
    [
        ([], {}),
        ([], {"occurred_at": AT + 4 * MINUTE}),
        (["occurred_in_future"], {"occurred_at": AT + 6 * MINUTE}),
        ([], {"mandate": Mandate("child", FROM, UNTIL)}),
        (["mandate_lapsed"], {"mandate": Mandate("child", FROM, AT)}),
        (["mandate_lapsed"], {"mandate": Mandate("child", AT + MINUTE, UNTIL)}),
        (["mandate_lapsed"], {"occurred_at": AT - 9 * MINUTE, "mandate": Mandate("child", FROM, AT - MINUTE)}),
    ],
)
def test_who_can_act_and_when(expected, change):
    """Nothing is recorded from the future, and a proxy's mandate holds at the act and now (6, 12)."""
    assert expected == [problem.code for problem in act_problems(replace(ACT, **change), AT)]


def test_what_is_left_of_an_answer():
    """Taking a part out of an item leaves the rest of its grid of categories and recipients, each cell once."""
    grid = item(categories=["a", "b"], recipients=["x", "y"])
    assert (item(categories=["b"], recipients=["x", "y"]), item(categories=["a"], recipients=["y"])) == without(
        [grid], [item(categories=["a"], recipients=["x"])]
    )
    assert without([grid], [grid]) == ()
    assert (grid,) == without([grid], [item("another", ["a"], ["x"])])
    assert (grid,) == without([grid], [item(categories=["c"], recipients=["x"])])
