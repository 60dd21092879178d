"""``silta config``: every setting in force, and where its value comes from."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hub import settings

__all__ = ["config"]


def config(*, as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False) -> None:
    """Show all settings in force, secrets masked."""
    values = settings.masked(settings.load())
    if as_json:
        typer.echo(json.dumps({_variable(name): value for name, value in values.items()}, indent=2))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("variable", "value", "from"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "value")
    table.add_column("what", style="dim")
    for name, value in values.items():
        table.add_row(_variable(name), value, _source(name), settings.Settings.model_fields[name].description or "")
    Console().print(table)


def _variable(name: str) -> str:
    return f"SILTA_{name.upper()}"


def _source(name: str) -> str:
    if _variable(name) in os.environ:
        return "environment"
    own_servers = any(os.environ.get(variable) for variable in settings.SERVER_VARIABLES)
    if not own_servers and settings.stack_file().exists() and name in json.loads(settings.stack_file().read_text()):
        return "silta up"
    return "default"
