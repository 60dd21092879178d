"""The command line ``silta``: a table of commands, and the one place where errors become messages and exit codes.

A command's module is imported only when that command runs, so that ``silta --help`` answers at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from hub.errors import SiltaError

__all__ = ["COMMANDS", "main"]

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("ops.demo.command:app", "Play a year of invented clients through the whole hub, servers included."),
    "up": ("ops.stack.commands:up", "Start Kafka, schema registry and PostgreSQL on this machine."),
    "down": ("ops.stack.commands:down", "Stop what `silta up` started; the data stays."),
    "status": ("ops.stack.commands:status", "Show the local servers: state, address, process, memory, data."),
    "logs": ("ops.stack.commands:logs", "Show the local servers' logs."),
    "connectors": ("hub.commands.processes:connectors", "Take in what partners drop into their folders."),
    "api": ("hub.commands.processes:api", "Serve partners over HTTP."),
    "consent": ("hub.commands.consent:consent", "Record clients' answers to consent notices, and take consents back."),
    "credentials": ("hub.commands.operating:credentials", "Make and revoke partners' secrets for the API."),
    "quarantine": ("hub.commands.quarantine:quarantine", "Show what could not be read, and take it in after a fix."),
    "rebuild": ("hub.commands.operating:rebuild", "Build the timeline anew from the topics, compare, and swap."),
    "digest": ("hub.commands.operating:digest", "Show the timeline's digest."),
    "schemas": ("hub.commands.schemas:schemas", "Check the Avro schemas."),
    "keys": ("hub.commands.operating:keys", "Make the hub's key file."),
    "migrate": ("hub.commands.operating:migrate", "Bring the database's tables to this version."),
    "worker": ("hub.commands.processes:worker", "Keep the shared timeline up to date from the topics."),
    "relay": ("hub.commands.processes:relay", "Publish what waits in the outbox."),
    "bench": ("ops.bench.command:bench", "Measure intake and worker beside programs without Silta."),
    "config": ("hub.commands.config:config", "Show all settings in force, secrets masked."),
}
"""Name: (``module:attribute``, help). The attribute is a function with typer's annotations, or a `typer.Typer` with commands of its own."""


class _Commands(TyperGroup):
    """Lists the table without importing anything, and imports one command when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and _load(command.name or "", *COMMANDS[command.name or ""]), rest


def _load(name: str, target: str, text: str) -> Any:
    module, attribute = target.split(":")
    found: Any = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(help=text)(found)
        found = app
    command = get_command(found)
    command.name, command.help = name, command.help or text
    return command


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if asked:
        typer.echo(f"silta {version('silta')}")
        raise typer.Exit


@app.callback()
def _silta(
    *, show_version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
) -> None:
    """Silta carries client events between the organisations that serve the same person."""


def main(arguments: list[str] | None = None) -> None:
    """Run one command. Exit codes: 0 done, 1 a check's negative answer, 2 an error whose message says how to mend it, 130 interrupted."""
    try:
        get_command(app)(arguments)
    except SiltaError as error:
        typer.secho(f"silta: {error}", fg="red", err=True)
        sys.exit(2)
