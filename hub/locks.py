"""The lock between deliveries and whatever must bind at once.

Deliveries share a client's lock until their last byte has left; a withdrawal takes it alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from hub.database import Connection, lock_number

__all__ = ["DELIVERY_SECONDS", "lock_alone", "lock_shared"]

DELIVERY_SECONDS = 5
"""Longest time that a delivery may hold a lock, and so that a withdrawal waits."""
_WITHDRAWAL_SECONDS = 2 * DELIVERY_SECONDS


def lock_shared(connection: Connection, key: bytes) -> None:
    """Hold the lock of a client (or of whatever stands in for an unknown one) until the transaction ends."""
    _wait_at_most(connection, DELIVERY_SECONDS)
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (lock_number(b"client", key),))


def lock_alone(connection: Connection, keys: Iterable[bytes]) -> None:
    """Hold the locks of clients alone until the transaction ends: no delivery about them is under way, and none begins."""
    _wait_at_most(connection, _WITHDRAWAL_SECONDS)
    for number in sorted({lock_number(b"client", key) for key in keys}):
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (number,))


def _wait_at_most(connection: Connection, seconds: int) -> None:
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{seconds}s",))
