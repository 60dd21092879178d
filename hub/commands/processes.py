"""Commands of the processes that run for good: each says on its standard output when it is ready, and ends at SIGTERM."""

from __future__ import annotations

import json
import signal
import sys
import threading
from typing import Any

from hub import logs, settings

__all__ = ["api", "connectors", "relay", "worker"]


def worker() -> None:
    """Follow the topics and keep the shared timeline up to date. Start as many as you like."""
    from hub.start import start
    from hub.streams.app import run_worker
    from hub.streams.processors import PROCESSOR, handlers

    loaded = _settings()
    hub = start(loaded)
    _ready("worker")
    run_worker(loaded, handlers(hub), processor=PROCESSOR)


def connectors() -> None:
    """Take in what partners drop into their folders."""
    from hub import networks
    from hub.connectors.catalogue import read_sources
    from hub.connectors.runner import run_connectors
    from hub.start import start

    loaded = _settings()
    hub = start(loaded)
    sources = read_sources(networks.find(loaded.network), hub.network)
    run_connectors(hub, sources, _until_stopped(), lambda: _ready("connectors", folder=str(loaded.drops)))


def relay() -> None:
    """Publish what waits in the outbox: consents, register changes, network rules. A second one stands by."""
    from hub.housekeeping import keep_house
    from hub.outbox import run_relay
    from hub.start import start

    hub = start(_settings())
    run_relay(hub.settings, _until_stopped(), lambda: _ready("relay"), lambda: keep_house(hub))


def api() -> None:
    """Serve partners over HTTP: documents, consents, timelines, reads."""
    from hub.delivery.api import run_api
    from hub.start import start

    hub = start(_settings())
    run_api(hub, lambda address: _ready("api", address=address))


def _settings() -> settings.Settings:
    loaded = settings.load()
    logs.for_settings(loaded)
    return loaded


def _until_stopped() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _ready(process: str, **facts: Any) -> None:
    """A line of JSON on standard output, for whoever started the process."""
    sys.stdout.write(json.dumps({"ready": process, **facts}) + "\n")
    sys.stdout.flush()
