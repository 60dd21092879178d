"""Waiting for a condition, with a deadline; and whether a process still runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import psutil

__all__ = ["runs", "until"]

_T = TypeVar("_T")


def runs(pid: int) -> bool:
    """Whether there is such a process, and it has not ended (one that nobody has reaped has)."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(condition: Callable[[], _T], timeout: float = 30.0, describe: Callable[[], object] | str = "", *, every: float = 0.05) -> _T:
    """The condition's first true answer. After `timeout` seconds, fails with what `describe` says, called then if it can be called."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {describe() if callable(describe) else describe or condition}")
        pause.wait(every)
    return answer
