"""Commands for operations staff: credentials, keys, migrations, digest and rebuild."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hub import networks, settings
from hub.database import connect, reaching_database
from hub.errors import FatalError
from hub.start import utc_now

__all__ = ["credentials", "digest", "keys", "migrate", "rebuild"]

credentials = typer.Typer(no_args_is_help=True)
keys = typer.Typer(no_args_is_help=True)


@credentials.command("create")
def create(
    organisation: Annotated[str, typer.Argument(help="id of an organisation of the network")],
    role: Annotated[str, typer.Option(help="partner or auditor")] = "partner",
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Make a secret. It is shown this once; only its hash is kept."""
    from hub.database import migrate as migrate_tables
    from hub.delivery.credentials import create_credential

    loaded = settings.load()
    known = networks.load(loaded).organisations
    if organisation not in known:
        raise FatalError(f"{organisation} is no organisation of {loaded.network}: name one of {', '.join(sorted(known))}")
    if role not in {"partner", "auditor"}:
        raise FatalError(f"{role} is no role: say partner or auditor")
    migrate_tables(loaded)
    with reaching_database(), connect(loaded) as connection:
        secret = create_credential(connection, organisation, role, utc_now())
    if as_json:
        typer.echo(json.dumps({"organisation": organisation, "role": role, "secret": secret}))
    else:
        typer.echo(f"{organisation} ({role}): {secret}\nKeep it safe: it is not shown again. Send it as `Authorization: Bearer <secret>`.")


@credentials.command("revoke")
def revoke(organisation: Annotated[str, typer.Argument(help="id of an organisation")]) -> None:
    """End every secret of an organisation."""
    from hub.delivery.credentials import revoke_credentials

    with reaching_database(), connect(settings.load()) as connection:
        count = revoke_credentials(connection, organisation, utc_now())
    typer.echo(f"{organisation}: {count} revoked")


@keys.command("create")
def create_keys() -> None:
    """Make the key file. Back it up: without it nothing can be read any more."""
    from hub.vault import create_keyring

    path = settings.load().keys
    create_keyring(path)
    typer.echo(f"made {path}: back it up")


@keys.command("path")
def key_path() -> None:
    """Show where the key file is."""
    typer.echo(settings.load().keys)


def migrate() -> None:
    """Bring the database's tables to this version of Silta."""
    from hub.database import migrate as migrate_tables
    from hub.timeline.builds import ensure_build

    loaded = settings.load()
    migrate_tables(loaded)
    typer.echo(f"the tables are up to date; the active build of the timeline is {ensure_build(loaded)}")


def digest() -> None:
    """SHA-256 over the timeline's canonical entries: equal digests, equal timelines."""
    from hub.timeline.digest import digest as digest_timeline

    typer.echo(digest_timeline(settings.load()))


def rebuild() -> None:
    """Replay the topics into tables of their own, compare the digests, and swap if they are equal."""
    from hub import logs
    from hub.start import start
    from hub.streams.rebuild import rebuild as rebuild_timeline

    loaded = settings.load()
    logs.for_settings(loaded)
    result = rebuild_timeline(start(loaded), typer.echo)
    typer.echo(f"{result.records} records replayed in {result.seconds:.1f} s\nlive    {result.before}\nrebuilt {result.after}")
    if result.before != result.after:
        raise FatalError(f"the digests differ: {result.build} was not made active, look into it before you remove it")
    typer.echo(f"equal: {result.build} is active now")
