"""PostgreSQL: connections, and the migrations that they need. SQL stands beside the code that owns the tables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from hub.errors import FatalError, TransientError
from hub.settings import Settings

__all__ = ["Connection", "connect", "lock_number", "migrate", "open_pool", "reaching_database"]

Connection = psycopg.Connection[TupleRow]

_MIGRATION_LOCK = 0x511A
_CONNECT_SECONDS = 10


@contextmanager
def reaching_database() -> Iterator[None]:
    """Turn PostgreSQL's failures to answer into `TransientError`; a broken statement stays an error of ours."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
        if isinstance(error, psycopg.errors.DiskFull):
            raise TransientError("PostgreSQL has no disk space left: free some; nothing was lost", retry_after=30) from error
        raise TransientError("PostgreSQL can't be reached: see `silta status`, or SILTA_DATABASE_URL") from error


def connect(settings: Settings, *, autocommit: bool = False) -> Connection:
    """A connection of one's own. Raises `TransientError` when the server does not answer in 10 s."""
    with reaching_database():
        return psycopg.connect(settings.database_url.get_secret_value(), autocommit=autocommit, connect_timeout=_CONNECT_SECONDS)


@contextmanager
def open_pool(settings: Settings, *, size: int) -> Iterator[ConnectionPool[Connection]]:
    """A pool of `size` connections at most, each checked before it is lent."""
    options: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS}
    url = settings.database_url.get_secret_value()
    with ConnectionPool(
        url, kwargs=options, min_size=1, max_size=size, timeout=5, check=ConnectionPool.check_connection, open=False
    ) as pool:
        yield pool


def migrate(settings: Settings) -> None:
    """Bring the tables to the newest version; processes that start together wait for each other.

    Raises `TransientError` when the server is away, `FatalError` when the database is newer than this installation.
    """
    url = sqlalchemy.make_url(settings.database_url.get_secret_value()).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool, connect_args={"connect_timeout": _CONNECT_SECONDS})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except sqlalchemy.exc.OperationalError as error:
        raise TransientError("PostgreSQL can't be reached: see `silta status`, or SILTA_DATABASE_URL") from error
    except (sqlalchemy.exc.SQLAlchemyError, CommandError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise FatalError(f"the database's tables can't be brought to this version of Silta: {reason}") from error


def lock_number(*parts: bytes) -> int:
    """A signed 64-bit number for PostgreSQL's advisory locks, the same for the same parts."""
    return int.from_bytes(hashlib.sha256(b"\0".join(parts)).digest()[:8], "big", signed=True)
