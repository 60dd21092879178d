"""``silta up``, ``down``, ``status`` and ``logs``."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hub.errors import FatalError
from hub.settings import SERVER_VARIABLES, state_folder
from ops.stack import local
from ops.stack.processes import tail

__all__ = ["down", "logs", "status", "up"]


def up() -> None:
    """Start Kafka, schema registry and PostgreSQL on this machine, and wait until they answer.

    The first time they are downloaded (200 MB). Nothing starts when SILTA_KAFKA_BOOTSTRAP, SILTA_REGISTRY_URL and SILTA_DATABASE_URL are set.
    """
    if local.own_servers():
        typer.echo(f"nothing started: {', '.join(SERVER_VARIABLES)} name servers of your own")
        return
    endpoints = local.up(state_folder(), typer.echo)
    if not endpoints.started:
        typer.echo("all servers are up already")
        return
    downloads = f", downloads {endpoints.download_seconds:.1f} s" if endpoints.download_seconds > 1 else ""
    typer.echo(f"all servers are up: start {endpoints.start_seconds:.1f} s{downloads}")


def down(
    *,
    erase: Annotated[bool, typer.Option("--erase", help="Remove the servers' data as well.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before erasing.")] = False,
) -> None:
    """Stop what `silta up` started; the data stays unless it is erased."""
    if erase and not yes:
        typer.confirm(f"Erase all data of Kafka, schema registry and PostgreSQL in {state_folder()}?", abort=True)
    local.down(state_folder(), typer.echo, erase=erase)


def status(*, as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False) -> None:
    """Show the local servers. Exit code 1 if not all are up."""
    servers = local.status(state_folder())
    if as_json:
        typer.echo(json.dumps([asdict(server) for server in servers], indent=2))
    else:
        Console().print(_table(servers))
        if local.own_servers():
            typer.echo(f"these are not in use: {', '.join(SERVER_VARIABLES)} name servers of your own")
    if any(server.state != "up" for server in servers):
        raise typer.Exit(1)


def _table(servers: tuple[local.ServerStatus, ...]) -> Table:
    table = Table("server", "state", "address", "pid", box=None, header_style="bold", pad_edge=False)
    table.add_column("memory MB", justify="right")
    table.add_column("data MB", justify="right")
    for server in servers:
        colour = "green" if server.state == "up" else "red"
        state, pid = f"[{colour}]{server.state}[/]", str(server.pid or "")
        table.add_row(server.name, state, server.address, pid, f"{server.memory / 1e6:.0f}", f"{server.data / 1e6:.0f}")
    return table


def logs(
    server: Annotated[str | None, typer.Argument(help=f"{', '.join(local.SERVERS)}; without a name all.")] = None,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the last lines.")] = 20,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on showing new lines until interrupted.")] = False,
) -> None:
    """Show the local servers' last log lines."""
    if server is not None and server not in local.SERVERS:
        raise FatalError(f"there is no server {server!r}; there are {', '.join(local.SERVERS)}")
    files = {name: local.log_file(state_folder(), name) for name in ([server] if server else local.SERVERS)}
    for name, path in files.items():
        for line in tail(path, lines):
            typer.echo(f"{name:8} {line}")
    if follow:
        _follow(files)


def _follow(files: dict[str, Path]) -> None:
    positions = {name: path.stat().st_size if path.exists() else 0 for name, path in files.items()}
    while True:
        time.sleep(0.5)
        for name, path in files.items():
            size = path.stat().st_size if path.exists() else 0
            if size < positions[name]:  # begun anew
                positions[name] = 0
            if size > positions[name]:
                with path.open("rb") as file:
                    file.seek(positions[name])
                    for line in file.read().decode(errors="replace").splitlines():
                        typer.echo(f"{name:8} {line}")
                    positions[name] = file.tell()
