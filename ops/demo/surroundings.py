"""Where the demo happens: a home folder of its own, with local servers of its own, or the servers that the user gave.

Locally ``<SILTA_HOME>/demo`` is erased at each start, and nothing else ever is. With given servers nothing is erased at all: the database must be
empty, and the home is ``<SILTA_HOME>/demo-on-<database>``.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from hub.database import connect, reaching_database
from hub.errors import FatalError
from hub.settings import Settings, load, state_folder
from ops import stack

__all__ = ["Surroundings", "homes", "local_home", "prepare"]

_MARK = ".silta-demo"
_OWN = {"SILTA_MODE": "demo", "SILTA_NETWORK": "oulu-2021", "SILTA_API_PORT": "0", "SILTA_API_HOST": "127.0.0.1"}
_NEVER_PASSED_ON = ("SILTA_DROP_FOLDER", "SILTA_KEYS_FILE")
"""A user's own folders and keys have nothing to do with the demo."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Settings for this process, and the environment for child processes that come to the same ones."""

    home: Path
    settings: Settings
    environment: dict[str, str] = field(repr=False)
    local: bool
    where: str
    """For display: which servers, which database."""
    download_seconds: float
    start_seconds: float

    def end(self, progress: Callable[[str], None]) -> None:
        """Stop the demo's own servers; given ones are left as they are."""
        if self.local:
            stack.down(self.home, progress)


def local_home() -> Path:
    """The demo's folder when it brings its own servers."""
    return state_folder() / "demo"


def homes() -> list[Path]:
    """Every folder that a demo has used, on its own servers and on given ones."""
    return [local_home(), *sorted(state_folder().glob("demo-on-*"))]


def prepare(progress: Callable[[str], None]) -> Surroundings:
    """Servers up and empty. Raises `FatalError` for a folder or a database that is somebody else's."""
    return _given() if stack.own_servers() else _local(progress)


def _local(progress: Callable[[str], None]) -> Surroundings:
    home = local_home()
    _erase(home)
    home.mkdir(mode=0o700, parents=True)
    (home / _MARK).touch()
    endpoints = stack.up(home, progress)
    values = {"topic_prefix": "", "kafka_tls": False, "kafka_ca_file": None, "keys_file": None, "drop_folder": None, **endpoints.settings()}
    settings = load(home=home, network="oulu-2021", api_host="127.0.0.1", api_port=0, kafka_partitions=6, **values)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SILTA_")}
    environment = {**kept, **_OWN, "SILTA_HOME": str(home), "SILTA_LOG_LEVEL": settings.log_level}
    where = "its own Kafka, schema registry and PostgreSQL, in the demo's folder"
    return Surroundings(home, settings, environment, True, where, endpoints.download_seconds, endpoints.start_seconds)


def _erase(home: Path) -> None:
    if not home.exists():
        return
    if any(home.iterdir()) and not (home / _MARK).exists():
        raise FatalError(f"{home} was not made by a demo, so it is not erased: move it away, or give another SILTA_HOME")
    stack.down(home, erase=True)
    shutil.rmtree(home)


def _given() -> Surroundings:
    prefix = os.environ.get("SILTA_TOPIC_PREFIX") or f"demo-{secrets.token_hex(3)}."
    database = _empty_database(load(mode="demo"))
    home = state_folder() / f"demo-on-{re.sub('[^A-Za-z0-9_-]', '-', database)}"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    passed = {name: value for name, value in os.environ.items() if name not in _NEVER_PASSED_ON}
    environment = {**passed, **_OWN, "SILTA_HOME": str(home), "SILTA_TOPIC_PREFIX": prefix}
    settings = load(
        mode="demo", network="oulu-2021", home=home, topic_prefix=prefix, keys_file=None, drop_folder=None, api_host="127.0.0.1", api_port=0
    )
    where = f"the given servers: database {database}, topics {prefix}*; nothing there is erased"
    return Surroundings(home, settings, environment, False, where, 0.0, 0.0)


def _empty_database(settings: Settings) -> str:
    """The given database's name."""
    with reaching_database(), connect(settings) as connection:
        name: str = connection.info.dbname
        try:
            used = connection.execute("SELECT 1 FROM active_build").fetchone()
        except psycopg.errors.UndefinedTable:
            return name
    if used is None:
        return name
    raise FatalError(f"the database {name} holds a hub already; the demo erases nothing: name an empty one in SILTA_DATABASE_URL")
