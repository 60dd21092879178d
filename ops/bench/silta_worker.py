"""The worker bench's side ``silta``: `run_worker` with the handlers of `silta worker` for the topics that make the timeline.

Run as ``python -m ops.bench.silta_worker BUILD`` with a hub's settings in the environment. BUILD must be the active one.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from hub import logs, topics
from hub.settings import load
from hub.start import start
from hub.streams.app import run_worker
from hub.streams.processors import PROCESSOR, handlers
from hub.streams.records import Handler, Record
from ops.bench.begun import Begun

FOLLOWED = (topics.CLIENT_EVENTS, topics.CONSENT_CHANGES, topics.REGISTER_CHANGES)


def main() -> None:
    """Follow the topics until SIGTERM."""
    settings = load()
    logs.for_settings(settings)
    every = handlers(start(settings))
    names = [settings.topic_prefix + topic.name for topic in FOLLOWED]
    begun = Begun()
    run_worker(settings, {name: _noting(begun, every[name]) for name in names}, processor=PROCESSOR)


def _noting(begun: Begun, handler: Handler) -> Handler:
    async def handle(connection: psycopg.AsyncConnection, records: Sequence[Record]) -> None:
        begun.note()
        await handler(connection, records)

    return handle


if __name__ == "__main__":
    main()
