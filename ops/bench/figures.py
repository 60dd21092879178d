"""What a bench measured, and what it is worth: rates, their ratios round by round, and the machine that it ran on."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from statistics import median
from typing import Any

import psutil

from hub.errors import FatalError

__all__ = ["Goal", "Run", "Spread", "machine", "require_equal", "summary"]

_LIBRARIES = ("silta", "faust-streaming", "aiokafka", "confluent-kafka", "fastavro", "psycopg", "cryptography")


@dataclass(frozen=True, slots=True)
class Run:
    """One side in one round."""

    events: int
    seconds: float
    cpu_seconds: float
    """Of the side's own process, all threads; the servers' is not in it."""
    checksum: str

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


@dataclass(frozen=True, slots=True)
class Spread:
    """Figures of all rounds."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(round(median(values), 4), round(min(values), 4), round(max(values), 4))


@dataclass(frozen=True, slots=True)
class Goal:
    """Silta's rate is to be at least so many times the other side's."""

    against: str
    at_least: float


def require_equal(runs: Mapping[str, Run]) -> None:
    """Raise `FatalError` unless all sides of a round came to the same."""
    if len({run.checksum for run in runs.values()}) > 1:
        found = ", ".join(f"{side} {run.checksum[:16]}" for side, run in runs.items())
        raise FatalError(f"the sides did not come to the same, so nothing was measured: {found}")


def summary(rounds: Sequence[Mapping[str, Run]], goals: Sequence[Goal]) -> dict[str, Any]:
    """Each side's figures, and Silta's ratios to the others; `cpu_ratio` is that of events for each second of CPU."""
    sides = {side: [found[side] for found in rounds if side in found] for side in rounds[0]}
    ratios = {}
    for goal in goals:
        pairs = [(found["silta"], found[goal.against]) for found in rounds if goal.against in found]
        rate = Spread.of([ours.rate / theirs.rate for ours, theirs in pairs])
        cpu = Spread.of([(ours.events / ours.cpu_seconds) / (theirs.events / theirs.cpu_seconds) for ours, theirs in pairs])
        ratios[goal.against] = {
            "rate_ratio": asdict(rate),
            "cpu_ratio": asdict(cpu),
            "goal": goal.at_least,
            "met": rate.median >= goal.at_least,
        }
    return {
        "sides": {
            side: {
                "events": runs[0].events,
                "events_per_second": asdict(Spread.of([run.rate for run in runs])),
                "seconds": asdict(Spread.of([run.seconds for run in runs])),
                "cpu_seconds": asdict(Spread.of([run.cpu_seconds for run in runs])),
                "checksums": [run.checksum for run in runs],
            }
            for side, runs in sides.items()
        },
        "silta_against": ratios,
    }


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }
