"""A worker whose effects show every double: a row a record, without any unique constraint. The tests start it as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from functools import partial

import psycopg

from hub import logs, settings
from hub.streams.app import run_worker
from hub.streams.records import Record


async def effects(connection: psycopg.AsyncConnection, records: Sequence[Record], *, pause: float = 0) -> None:
    """Write a row a record, and park what begins with `poison`. While the table `fault` holds `hang` or `raise`, such records do so."""
    rows = [(record.topic, record.partition, record.offset, (record.value or b"").decode()) for record in records]
    async with connection.cursor().copy("COPY effect (topic, partition, position, value) FROM STDIN") as copy:
        for row in rows:
            if not row[3].startswith("poison"):
                await copy.write_row(row)
    for row in rows:
        word = row[3].split(" ")[0]
        if word == "poison":
            await connection.execute("INSERT INTO parked VALUES (%s, %s, %s)", row[:3])
        elif (
            word in {"hang", "raise"} and await (await connection.execute("SELECT 1 FROM public.fault WHERE word = %s", [word])).fetchone()
        ):
            if word == "raise":
                raise ValueError("the handler can't")
            await asyncio.sleep(600)
    await asyncio.sleep(pause)


async def nothing(connection: psycopg.AsyncConnection, records: Sequence[Record]) -> None:
    """The handler that measures all but itself."""


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("topics", nargs="+")
    arguments.add_argument("--instance")
    arguments.add_argument("--deadline", type=float, default=30)
    arguments.add_argument("--pause", type=float, default=0, help="seconds that each batch takes longer")
    arguments.add_argument("--nothing", action="store_true")
    given = arguments.parse_args()
    loaded = settings.load()
    logs.for_settings(loaded)
    handler = nothing if given.nothing else partial(effects, pause=given.pause)
    run_worker(loaded, dict.fromkeys(given.topics, handler), instance=given.instance, deadline=given.deadline)


if __name__ == "__main__":
    main()
