"""``silta quarantine``: what could not be read, and sending it through once more after a fix."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from hub import networks, settings
from hub.connectors.catalogue import read_sources
from hub.connectors.receiving import receive, take_in
from hub.connectors.runner import open_intake
from hub.database import connect, reaching_database
from hub.errors import FatalError
from hub.quarantine import Kept, destroy_key, kept, reopen
from hub.start import Hub, start

__all__ = ["quarantine"]

quarantine = typer.Typer(no_args_is_help=True)


@quarantine.command("list")
def list_quarantined() -> None:
    """Show what is in quarantine: where it came from and what is wrong with it, never what it says."""
    found = _kept(start(settings.load(), patience=5))
    for one in found:
        faults = ", ".join(f"{pointer or '/'}: {code}" for pointer, code in one.faults)
        typer.echo(f"{one.quarantine_id} {one.received_at:%Y-%m-%d %H:%M} {one.source} {faults}")
    typer.echo(f"{len(found)} in quarantine")


@quarantine.command("replay")
def replay(quarantine_id: Annotated[UUID, typer.Argument(help="from `silta quarantine list`")]) -> None:
    """Take a record in after all, once: then its key is destroyed. One that still can't be read stays as it is."""
    hub = start(settings.load(), patience=5)
    one = next((one for one in _kept(hub) if one.quarantine_id == quarantine_id), None)
    if one is None:
        raise FatalError(f"{quarantine_id} is not in quarantine: it was replayed before, or its 30 days are over")
    source = read_sources(networks.find(hub.settings.network), hub.network).get(one.source)
    if source is None:
        raise FatalError(f"the network has no source {one.source} any more")
    with reaching_database(), open_intake(hub, source) as intake:
        body = reopen(intake.slot.connection, hub.keyring, one)
        intake.slot.connection.commit()
        item = hub.keyring.name("quarantine", quarantine_id.bytes)
        received = receive(intake, source, item=item, body=body, stamp=str(quarantine_id), whole=False)
        if received is None:
            raise FatalError(f"{quarantine_id} still can't be read; it stays in quarantine")
        outcome = take_in(intake, [received])[0]
        with intake.slot.connection.transaction():
            destroy_key(intake.slot.connection, quarantine_id)
    typer.echo(f"admitted {outcome.admitted}, unchanged {outcome.unchanged}, denied {outcome.denied}, errors {len(outcome.errors)}")


def _kept(hub: Hub) -> list[Kept]:
    with reaching_database(), connect(hub.settings) as connection:
        return kept(connection, hub.settings, hub.wire)
