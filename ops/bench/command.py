"""``silta bench``."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from hub import logs
from hub.settings import load
from ops.bench.figures import machine
from ops.bench.intake import bench_intake
from ops.bench.site import open_site
from ops.bench.table import tables
from ops.bench.worker import bench_worker

__all__ = ["bench"]


def bench(
    which: Annotated[Literal["all", "intake", "worker"], typer.Argument(help="What to measure.")] = "all",
    events: Annotated[int, typer.Option(min=500, help="Events a side and round.")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; in each, every side has its turn.")] = 3,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
) -> None:
    """Measure intake and worker beside programs of the same job without Silta; progress goes to standard error.

    Runs on the servers in use (`silta up`), in a database and topics of its own, removed at the end. Stop everything else on the machine first.
    """
    settings = load()
    logs.configure(level="error")
    found: dict[str, Any] = {"machine": machine(), "events": events, "rounds": rounds}

    def progress(line: str) -> None:
        typer.echo(line, err=True)

    if which in ("all", "intake"):
        with open_site(settings) as site:
            found["intake"] = bench_intake(site, events, rounds, progress)
    if which in ("all", "worker"):
        found["worker"] = bench_worker(settings, events, rounds, progress)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        for table in tables(found):
            Console().print(table)
