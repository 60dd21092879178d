"""The bounds of what a partition's task is handed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hub.streams.records import Batch, Inbox


@dataclass
class _Record:
    offset: int
    value: bytes | None = b"12345"
    topic: str = "t"
    partition: int = 0
    key: bytes | None = None
    timestamp: int = 0


def _fetched(first: int, count: int, value: bytes | None = b"12345") -> Batch:
    return Batch([_Record(offset, value) for offset in range(first, first + count)], first + count + 1)


def test_what_waits_is_taken_together():
    """Small fetches become one batch, in order, that reaches as far as the last of them."""
    inbox = Inbox()
    inbox.put(_fetched(0, 2))
    inbox.put(Batch((), 4))
    inbox.put(_fetched(4, 1))
    taken = asyncio.run(inbox.take())
    assert taken is not None
    assert [record.offset for record in taken.records] == [0, 1, 4]
    assert taken.reached == 6


def test_records_bound_a_batch():
    """A fetch that would make the batch too long waits for the next one."""
    inbox = Inbox(max_records=3)
    inbox.put(_fetched(0, 2))
    assert not inbox.full
    inbox.put(_fetched(3, 2))
    assert inbox.full
    assert asyncio.run(inbox.take()) == _fetched(0, 2)
    assert not inbox.full


def test_bytes_bound_a_batch():
    """So does one that would make it too big, and a record without a value weighs nothing."""
    inbox = Inbox(max_bytes=10)
    inbox.put(_fetched(0, 1, b"1234567"))
    inbox.put(_fetched(2, 1, None))
    inbox.put(_fetched(4, 1, b"1234567"))
    assert inbox.full
    taken = asyncio.run(inbox.take())
    assert taken is not None
    assert [record.offset for record in taken.records] == [0, 2]


def test_a_fetch_beyond_the_bounds_is_taken_alone():
    """What Kafka hands over in one piece is never cut."""
    inbox = Inbox(max_records=1)
    inbox.put(_fetched(0, 3))
    assert asyncio.run(inbox.take()) == _fetched(0, 3)


def test_a_closed_inbox_gives_nothing_more():
    """What waits is dropped, and who waits is told."""

    async def close_while_waiting() -> Batch | None:
        inbox = Inbox()
        taking = asyncio.create_task(inbox.take())
        await asyncio.sleep(0)
        inbox.close()
        return await taking

    assert asyncio.run(close_while_waiting()) is None
    inbox = Inbox()
    inbox.put(_fetched(0, 1))
    inbox.close()
    assert asyncio.run(inbox.take()) is None
