"""Whole fetches to a task per partition, whatever reads the log: a worker in its group, or a replay on its own.

`Lane` owns one partition: claim, seek, then one transaction a batch. `Feeder` alone seeks and fetches, in turns: a fetch under way across a
seek would hand its records to nobody, and a gap looks like any other that transaction markers leave.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

import psycopg
import structlog

from hub.errors import FatalError, TransientError
from hub.streams import positions
from hub.streams.records import TP, Batch, Handler, Inbox

__all__ = ["Feeder", "Lane", "Log"]

_log = structlog.get_logger(__name__)

_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, TransientError)
"""PostgreSQL (deadlocks and ended sessions included) or Kafka is away: claim again and go on from the committed position."""

Connect = Callable[[], Awaitable[psycopg.AsyncConnection]]


class Log(Protocol):
    """Kafka, read committed, as a feeder needs it. Raises `TransientError` while it is away and `FatalError` past its ends."""

    def assigned(self, tp: TP) -> bool:
        """Whether the partition is still this process's to handle, as far as it knows."""

    def lag(self, tp: TP, position: int) -> int | None:
        """How many offsets are readable and not handled; None while nothing is known."""

    async def bounds(self, tp: TP) -> tuple[int, int]:
        """The first offset that is kept, and the one after the last that is readable."""

    async def seek(self, tp: TP, offset: int) -> None:
        """Fetch from this offset on."""

    async def fetch(self, tps: Collection[TP], timeout: float) -> Mapping[TP, Batch]:
        """What comes next in these partitions, within `timeout` seconds; each fetch goes on where the one before ended."""


class Lane:
    """One partition, from claim to release."""

    def __init__(
        self, tp: TP, handler: Handler, feeder: Feeder, connect: Connect, *, processor: str, build: str | None = None, deadline: float = 30
    ) -> None:
        self.tp = tp
        self.next: int | None = None
        """Position as of the last commit; None until claimed."""
        self.records = 0
        """How many records this lane has committed."""
        self._handler, self._feeder, self._connect = handler, feeder, connect
        self._processor, self._build, self._deadline = processor, build, deadline
        self._inbox: Inbox | None = None
        self._ending = asyncio.Event()
        self._failures = 0

    @property
    def lag(self) -> int | None:
        """How far the partition is behind what is readable; None while nothing is known."""
        return None if self.next is None else self._feeder.log.lag(self.tp, self.next)

    async def run(self) -> None:
        """Handle the partition until `end`, or until it is assigned to another. Raises what a batch can't be tried again after."""
        while not self._ending.is_set() and self._feeder.log.assigned(self.tp):
            try:
                async with await self._connect() as connection:
                    await self._own(connection)
            except _AWAY as error:
                self._failures += 1
                state = getattr(error, "sqlstate", None)
                _log.warning(
                    "partition_interrupted", topic=self.tp.topic, partition=self.tp.partition, error=type(error).__name__, sqlstate=state
                )
            # Lost claims wait as well: two workers that both believe to own the partition would else do nothing but claim.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), min(5.0, 0.1 * 2 ** min(self._failures, 6)))

    def end(self) -> None:
        """Let `run` return after the batch under way."""
        self._ending.set()
        if self._inbox:
            self._inbox.close()

    async def _own(self, connection: psycopg.AsyncConnection) -> None:
        position = await positions.claim(connection, self._processor, self.tp, build=self._build)
        await self._check(position.next)
        self._inbox = inbox = Inbox()
        try:
            await self._feeder.seek(self.tp, position.next, inbox)
            self.next = position.next
            while not self._ending.is_set() and (batch := await inbox.take()) and self._feeder.log.assigned(self.tp):
                moved = await self._apply(connection, position, batch)
                if moved is None:
                    _log.info("partition_taken_over", topic=self.tp.topic, partition=self.tp.partition, epoch=position.epoch)
                    return
                position, self.next, self._failures = moved, moved.next, 0
                self.records += len(batch.records)
                _log.debug("batch_applied", topic=self.tp.topic, partition=self.tp.partition, count=len(batch.records), next=moved.next)
        finally:
            self._feeder.release(self.tp, inbox)

    async def _check(self, offset: int) -> None:
        first, end = await self._feeder.log.bounds(self.tp)
        if not first <= offset <= end:
            raise FatalError(
                f"{self.tp.topic}/{self.tp.partition}: the position {offset} is outside the log, which holds {first} to {end}. Kafka and "
                "PostgreSQL do not belong together (was one restored from a backup?): restore both, or rebuild from the topics"
            )

    async def _apply(self, connection: psycopg.AsyncConnection, position: positions.Position, batch: Batch) -> positions.Position | None:
        deadline = asyncio.timeout(self._deadline)
        try:
            async with deadline:
                return await positions.apply(connection, position, batch, self._handler, active=self._build is None)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise FatalError(
                f"{self.tp.topic}/{self.tp.partition}: {len(batch.records)} records from {position.next} missed the deadline of "
                f"{self._deadline:g} s and were rolled back"
            ) from error


class Feeder:
    """Fetches for all lanes that have room, and seeks for those that ask, never both at once."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._inboxes: dict[TP, Inbox] = {}
        self._seeks: dict[TP, tuple[int, Inbox, asyncio.Future[None]]] = {}

    async def seek(self, tp: TP, offset: int, inbox: Inbox) -> None:
        """Fill this inbox from the offset on, instead of the one that the partition had before."""
        done = asyncio.get_running_loop().create_future()
        self._inboxes.pop(tp, None)
        self._seeks[tp] = (offset, inbox, done)
        await done

    def release(self, tp: TP, inbox: Inbox) -> None:
        """Fill this inbox no more."""
        if self._inboxes.get(tp) is inbox:
            del self._inboxes[tp]
        if tp in self._seeks and self._seeks[tp][1] is inbox:
            del self._seeks[tp]

    async def step(self) -> None:
        """Do the seeks that are asked for, then one fetch."""
        while self._seeks:
            tp, (offset, inbox, done) = self._seeks.popitem()
            try:
                await self.log.seek(tp, offset)
            except TransientError as error:
                if not done.done():
                    done.set_exception(error)
            else:
                if not done.done():
                    self._inboxes[tp] = inbox
                    done.set_result(None)
        roomy = {tp: inbox for tp, inbox in self._inboxes.items() if not inbox.full}
        if not roomy:
            await asyncio.sleep(0.01)
            return
        # Short while some partition is full: it is not among those waited for, and may have room in a moment.
        timeout = 0.2 if len(roomy) == len(self._inboxes) else 0.02
        try:
            fetched = await self.log.fetch(roomy, timeout)
        except TransientError as error:
            # What was fetched may be gone by now, so these partitions begin again at their committed positions.
            _log.warning("fetch_interrupted", error=str(error))
            for tp, inbox in roomy.items():
                self.release(tp, inbox)
                inbox.close()
            return
        for tp, batch in fetched.items():
            roomy[tp].put(batch)
