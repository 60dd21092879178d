"""What a stream processor is handed: the records of a partition in their order, and where to resume after them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import psycopg

__all__ = ["TP", "Batch", "Handler", "Inbox", "Record"]


class TP(NamedTuple):
    """A partition of a topic, by the topic's real name. Equals the tuples of the same shape in Faust and aiokafka."""

    topic: str
    partition: int


class Record(Protocol):
    """A record as it came from Kafka. A shape and no class of its own: at 40,000 records a second a copy of each would show."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970, as the producer set it."""


class Handler(Protocol):
    """Writes the effects of one batch of one partition inside the open transaction; idempotent on its own ids.

    Records come in offset order, each offset once in what is committed; after an error or a crash they come again. The search path
    is the build's schema, then public. An exception rolls the batch back and ends the worker (unreadable records are the handler's own
    matter: it parks them), except `TransientError` and what says that PostgreSQL is away: then the batch is tried again later.
    """

    async def __call__(self, connection: psycopg.AsyncConnection, records: Sequence[Record]) -> None: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition, and the offset to resume at: past the last record, and past the transaction markers behind it."""

    records: Sequence[Record]
    reached: int


class Inbox:
    """What was fetched of one partition and not handled yet, bounded in records and bytes.

    A fetch of up to the same bounds may come on top of them. Not for several threads.
    """

    def __init__(self, *, max_records: int = 5_000, max_bytes: int = 4 * 1024 * 1024) -> None:
        self._max_records, self._max_bytes = max_records, max_bytes
        self._waiting: deque[tuple[Batch, int]] = deque()
        self._records = self._bytes = 0
        self._stirred = asyncio.Event()
        self._closed = False

    @property
    def full(self) -> bool:
        """Nothing more should be fetched for now."""
        return self._records >= self._max_records or self._bytes >= self._max_bytes

    def put(self, fetched: Batch) -> None:
        """Add what comes next in the partition."""
        size = sum(len(record.value or b"") for record in fetched.records)
        self._waiting.append((fetched, size))
        self._records += len(fetched.records)
        self._bytes += size
        self._stirred.set()

    def close(self) -> None:
        """Let `take` answer None from now on: what waits is dropped, its position never moved."""
        self._closed = True
        self._stirred.set()

    async def take(self) -> Batch | None:
        """All that waits, up to the bounds and at least one fetch, waiting for one if need be; None once closed."""
        while not self._waiting and not self._closed:
            self._stirred.clear()
            await self._stirred.wait()
        if self._closed:
            return None
        fetched, total = self._pop()
        records, reached = fetched.records, fetched.reached
        while self._waiting:
            following, size = self._waiting[0]
            if len(records) + len(following.records) > self._max_records or total + size > self._max_bytes:
                break
            self._pop()
            records, reached, total = [*records, *following.records], following.reached, total + size
        return Batch(records, reached)

    def _pop(self) -> tuple[Batch, int]:
        fetched, size = self._waiting.popleft()
        self._records -= len(fetched.records)
        self._bytes -= size
        return fetched, size
