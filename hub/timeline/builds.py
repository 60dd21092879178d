"""Builds: schemas that hold everything derived from the topics. One is active; `silta rebuild` makes another beside it and swaps."""

from __future__ import annotations

from importlib import resources

from psycopg import sql

from hub.database import Connection, connect, reaching_database
from hub.errors import FatalError
from hub.settings import Settings
from hub.streams.positions import POSITION_TABLE

__all__ = ["activate_build", "active_build", "create_build", "drop_build", "ensure_build", "other_builds"]

_FIRST = "build_1"


def ensure_build(settings: Settings) -> str:
    """The active build's name; the first one is made if there is none."""
    with reaching_database(), connect(settings) as connection:
        connection.execute("LOCK TABLE active_build IN SHARE ROW EXCLUSIVE MODE")
        row = connection.execute("SELECT build FROM active_build").fetchone()
        if row is None:
            create_build(connection, _FIRST)
            connection.execute("INSERT INTO active_build (build) VALUES (%s)", (_FIRST,))
        return _FIRST if row is None else str(row[0])


def active_build(connection: Connection) -> str:
    """The build that is read."""
    row = connection.execute("SELECT build FROM active_build").fetchone()
    if row is None:
        raise FatalError("there is no build of the timeline yet: start `silta worker` once")
    return str(row[0])


def create_build(connection: Connection, name: str) -> None:
    """Make the empty tables of a build, in the caller's transaction."""
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
    connection.execute(sql.SQL("SET LOCAL search_path TO {}, public").format(sql.Identifier(name)))
    connection.execute(resources.files("hub.timeline").joinpath("build.sql").read_text("utf-8").encode())
    connection.execute(POSITION_TABLE.encode())
    connection.execute("SET LOCAL search_path TO DEFAULT")


def activate_build(connection: Connection, name: str) -> str:
    """Let readers and workers follow this build, in the caller's transaction. Returns the one before."""
    before = active_build(connection)
    connection.execute("UPDATE active_build SET build = %s", (name,))
    return before


def other_builds(connection: Connection) -> list[str]:
    """Builds that are not the active one: left by an earlier rebuild."""
    rows = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname ~ '^build_[0-9]+$' AND nspname <> (SELECT build FROM active_build)"
    ).fetchall()
    return [name for (name,) in rows]


def drop_build(connection: Connection, name: str) -> None:
    """Remove a build that is not the active one."""
    if name == active_build(connection):
        raise FatalError(f"{name} is the active build: it can't be removed")
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))
