"""The worker: Silta's own process against two others that bring the same topics to the same tables.

Every side starts from the same client-events, consent-changes and register-changes and an empty build of the timeline of its own. It is measured
from its first records in hand until the last position (for ``faust``: the last entry) is committed in PostgreSQL. Then the build's digest
(`hub.timeline.digest`) must be the same on all sides. The sides, a process each:

``silta``   `ops.bench.silta_worker`: `run_worker` with the real handlers
``bare``    `ops.bench.bare_loop`: a confluent-kafka loop, whole batches
``faust``   `ops.bench.plain_faust`: an agent, event by event; of 4,000 events at most, with a digest of their own: its rate is compared as it is
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import psutil
from psycopg import sql

from hub.connectors.runner import open_intake
from hub.database import Connection, connect
from hub.errors import FatalError
from hub.publisher import end_offsets
from hub.settings import Settings
from hub.timeline.builds import activate_build, create_build
from hub.timeline.digest import digest_of
from ops.bench.figures import Goal, Run, require_equal, summary
from ops.bench.intake import clients_for, source, take_all_in
from ops.bench.population import deliveries, settle
from ops.bench.silta_worker import FOLLOWED
from ops.bench.site import Site, open_site

__all__ = ["GOALS", "bench_worker"]

GOALS = (Goal("bare", 0.5), Goal("faust", 8))
_MODULES = {"silta": "ops.bench.silta_worker", "bare": "ops.bench.bare_loop", "faust": "ops.bench.plain_faust"}
_FAUST_EVENTS = 4_000
_PATIENCE = 600.0
Progress = Callable[[str], None]


def bench_worker(settings: Settings, events: int, rounds: int, progress: Progress) -> dict[str, Any]:
    """Measure `rounds` times. Raises `FatalError` when a side fails or ends with another timeline."""
    with ExitStack() as stack:
        whole = _Prefilled(stack.enter_context(open_site(settings)), events, progress)
        part = whole if events <= _FAUST_EVENTS else _Prefilled(stack.enter_context(open_site(settings)), _FAUST_EVENTS, progress)
        expected = part.run("bare").checksum
        sides = list(_MODULES)
        measured = []
        for number in range(rounds):
            found = {}
            for side in sides[number % 3 :] + sides[: number % 3]:
                found[side] = run = (part if side == "faust" else whole).run(side)
                progress(f"worker: round {number + 1} {side}: {run.rate:,.0f} events/s, timeline {run.checksum[:12]}")
            require_equal({side: run for side, run in found.items() if side != "faust"})
            require_equal({"faust": found["faust"], "bare with as many events": Run(1, 1, 1, expected)})
            measured.append({side: found[side] for side in sides})
        return summary(measured, GOALS)


@dataclass(slots=True)
class _Prefilled:
    """A site with its topics filled, through intake; each run gets a build of its own."""

    site: Site
    events: int
    progress: Progress
    _builds: int = 1

    def __post_init__(self) -> None:
        self.progress(f"worker: {clients_for(self.events)} clients with consents and {self.events} events …")
        people = settle(self.site.hub, clients_for(self.events))
        self.site.relay()
        with open_intake(self.site.hub, source()) as intake:
            take_all_in(intake, deliveries(people, self.events, "worker"))

    def run(self, side: str) -> Run:
        """One side, to the end of the topics."""
        self._builds += 1
        build = f"build_{self._builds}"
        settings = self.site.settings
        with connect(settings, autocommit=True) as connection:
            with connection.transaction():
                create_build(connection, build)
                activate_build(connection, build)
            done = self._entries if side == "faust" else self._positions
            seconds, cpu = _watch(self.site, side, build, done(connection, build))
            return Run(self.events, seconds, cpu, digest_of(connection, self.site.hub.keyring, build))

    def _positions(self, connection: Connection, build: str) -> Callable[[], bool]:
        names = [self.site.settings.topic_prefix + topic.name for topic in FOLLOWED]
        ends = {(name, number): end for name in names for number, end in end_offsets(self.site.settings, name).items()}
        query = sql.SQL("SELECT topic, partition, next FROM {}.position").format(sql.Identifier(build))
        return lambda: {(topic, number): next_ for topic, number, next_ in connection.execute(query).fetchall()} == ends

    def _entries(self, connection: Connection, build: str) -> Callable[[], bool]:
        query = sql.SQL("SELECT count(*) FROM {}.entry").format(sql.Identifier(build))
        return lambda: connection.execute(query).fetchall()[0][0] == self.events


def _watch(site: Site, side: str, build: str, done: Callable[[], bool]) -> tuple[float, float]:
    """Run the side's process until it is done. Returns seconds and seconds of CPU since it had its first records."""
    with tempfile.TemporaryFile() as errors:
        command = [sys.executable, "-m", _MODULES[side], build]
        process = subprocess.Popen(command, env=site.environment(), stdout=subprocess.PIPE, stderr=errors)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            began = json.loads(line) if line else None
            cpu = 0.0
            while began and not done():
                if process.poll() not in (None, 0) or time.monotonic() > began["clock"] + _PATIENCE:
                    began = None
                else:
                    time.sleep(0.01)
            ended = time.monotonic()
            if began is None:
                errors.seek(0)
                raise FatalError(f"the side {side} failed:\n{errors.read().decode(errors='replace')[-2000:]}")
            times = psutil.Process(process.pid).cpu_times()
            cpu = times.user + times.system - began["cpu"]
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            return ended - began["clock"], cpu
        finally:
            process.kill()
            process.wait()
