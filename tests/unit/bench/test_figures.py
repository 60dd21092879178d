"""The bench's arithmetic, and that sides which differ are no measurement."""

from __future__ import annotations

import pytest

from hub.errors import FatalError
from ops.bench.figures import Goal, Run, require_equal, summary


def _run(events: int, seconds: float, cpu_seconds: float, checksum: str = "a") -> Run:
    return Run(events, seconds, cpu_seconds, checksum)


def test_ratios_are_taken_within_a_round():
    """A machine that slows down between rounds changes rates, not ratios."""
    fast = {"silta": _run(1000, 1.0, 0.5), "bare": _run(1000, 0.5, 0.5)}
    slow = {"silta": _run(1000, 10.0, 0.5), "bare": _run(1000, 5.0, 0.5)}
    found = summary([fast, slow], [Goal("bare", 0.5)])
    assert found["silta_against"]["bare"]["rate_ratio"] == {"median": 0.5, "min": 0.5, "max": 0.5}
    assert found["sides"]["silta"]["events_per_second"] == {"median": 550.0, "min": 100.0, "max": 1000.0}


def test_a_goal_is_met_by_the_median():
    """One good round among three is not enough."""
    rounds = [{"silta": _run(1000, seconds, 1.0), "bare": _run(1000, 1.0, 1.0)} for seconds in (0.5, 4.0, 5.0)]
    found = summary(rounds, [Goal("bare", 0.5)])["silta_against"]["bare"]
    assert (found["rate_ratio"]["median"], found["met"]) == (0.25, False)


def test_a_side_with_fewer_events_is_compared_by_its_rate():
    """CPU too is counted for each event."""
    rounds = [{"silta": _run(10_000, 1.0, 2.0), "faust": _run(1_000, 1.0, 2.0)}]
    found = summary(rounds, [Goal("faust", 8)])["silta_against"]["faust"]
    assert (found["rate_ratio"]["median"], found["cpu_ratio"]["median"]) == (10.0, 10.0)


def test_sides_that_differ_are_no_measurement():
    """The fault names each side's checksum."""
    with pytest.raises(FatalError, match="silta aaaa, bare bbbb"):
        require_equal({"silta": _run(1, 1.0, 1.0, "aaaa"), "bare": _run(1, 1.0, 1.0, "bbbb")})
