"""What every process of the hub does first: the servers reached and found safe, tables and schemas brought up to date, keys and network loaded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

import structlog

from consent.model import Network
from hub import networks
from hub.codec import Wire
from hub.database import connect, lock_number, migrate, reaching_database
from hub.errors import FatalError, TransientError
from hub.publisher import ensure_topics, guard
from hub.registry import Registry
from hub.settings import Settings
from hub.timeline.builds import ensure_build
from hub.vault import Keyring, load_keyring, open_keyring

__all__ = ["Hub", "start", "utc_now"]

_log = structlog.get_logger()
_PATIENCE_SECONDS = 60.0
_START_LOCK = lock_number(b"start")


def utc_now() -> datetime:
    """The time, as every record has it."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Hub:
    """What a process needs to take part."""

    settings: Settings
    keyring: Keyring
    wire: Wire
    network: Network
    now: Callable[[], datetime] = utc_now


def start(settings: Settings, *, patience: float = _PATIENCE_SECONDS) -> Hub:
    """Get ready, waiting `patience` seconds for servers that are away.

    Raises `FatalError` for what only people can mend (unsafe topics, an unfinished network, a missing key file), `TransientError` when a server
    stays away.
    """
    network = networks.load(settings)
    keyring = _keyring(settings)
    deadline = time.monotonic() + patience
    while True:
        try:
            return _reach_servers(settings, keyring, network)
        except TransientError as error:
            if time.monotonic() > deadline:
                raise
            _log.warning("server_awaited", error=str(error))
            Event().wait(1.0)


def _keyring(settings: Settings) -> Keyring:
    """Of processes that start at once in demo mode, one makes the key file, and the others find it made."""
    try:
        return open_keyring(settings.keys, create=settings.mode == "demo")
    except FatalError:
        return load_keyring(settings.keys)


def _reach_servers(settings: Settings, keyring: Keyring, network: Network) -> Hub:
    migrate(settings)
    ensure_build(settings)
    with reaching_database(), connect(settings) as connection:
        # Processes that start together make topics and schemas one after another: the registry answers 409 to two at once.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_START_LOCK,))
        ensure_topics(settings)
        guard(settings)
        hub = Hub(settings, keyring, Registry(settings).publish(), network)
        if networks.announce(connection, keyring, hub.wire, network, hub.now()):
            _log.info("network_announced", network=network.id, version=network.version[:12])
    return hub
