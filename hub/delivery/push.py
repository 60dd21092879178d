"""Pushed documents: those that arrive within 20 ms go through intake together, and each gets its own answer."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from uuid import uuid4

import structlog

from hub.connectors.base import Source
from hub.connectors.receiving import Received, receive, take_in
from hub.connectors.runner import open_intake
from hub.database import reaching_database
from hub.deliveries import Outcome
from hub.errors import RequestError, SiltaError, TransientError
from hub.intake import Intake
from hub.start import Hub

__all__ = ["Pushed", "Pushes"]

_log = structlog.get_logger()
_GROUP_SECONDS = 0.02
_GROUP = 100
"""Documents that are taken in together, at most."""
_ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Pushed:
    """A document that came by HTTP. `key` is the sender's Idempotency-Key."""

    body: bytes = field(repr=False)
    key: str | None
    answer: Future[tuple[Outcome, bool]] = field(default_factory=Future)
    """The outcome, and whether it is that of an earlier sending."""


class Pushes:
    """One thread a source, started with its first document."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._lanes: dict[str, _Lane] = {}
        self._starting = threading.Lock()

    def push(self, source: Source, body: bytes, key: str | None) -> tuple[Outcome, bool]:
        """Take a document in and wait for its outcome.

        Raises `TransientError` when a server is away, `RequestError` for a key that was used for another document.
        """
        with self._starting:
            if source.id not in self._lanes:
                self._lanes[source.id] = _Lane(self._hub, source)
            lane = self._lanes[source.id]
        pushed = Pushed(body, key)
        lane.waiting.put(pushed)
        try:
            return pushed.answer.result(_ANSWER_SECONDS)
        except TimeoutError as error:
            raise TransientError("the document was not taken in in time: send it again with the same key") from error

    def close(self) -> None:
        """End all threads, once what waits has been answered."""
        for lane in self._lanes.values():
            lane.close()


class _Lane:
    """The documents of one source, a group at a time."""

    def __init__(self, hub: Hub, source: Source) -> None:
        self._hub = hub
        self._source = source
        self.waiting: queue.Queue[Pushed | None] = queue.Queue()
        self._held: Pushed | None = None
        self._thread = threading.Thread(target=self._run, name=f"push-{source.id}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        with ExitStack() as stack:
            intake: Intake | None = None
            while group := self._next_group():
                try:
                    intake = intake or stack.enter_context(open_intake(self._hub, self._source))
                    _answer(intake, self._source, group)
                except Exception as error:  # noqa: BLE001 - whatever it is, each sender gets an answer, and the next group a fresh slot
                    if not isinstance(error, SiltaError):
                        _log.error("push_failed", source=self._source.id, error=type(error).__name__)
                    stack.close()
                    intake = None
                    for pushed in group:
                        if not pushed.answer.done():
                            pushed.answer.set_exception(error if isinstance(error, SiltaError) else TransientError("intake failed"))

    def _next_group(self) -> list[Pushed]:
        """Documents of the next 20 ms, at least one; none at the end."""
        first = self._held or self.waiting.get()
        self._held = None
        group = [] if first is None else [first]
        until = time.monotonic() + _GROUP_SECONDS
        while group and len(group) < _GROUP:
            try:
                following = self.waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if following is None:
                self.waiting.put(None)
                break
            if following.key is not None and any(following.key == earlier.key for earlier in group):
                # The repeat of a key waits for the outcome of the first.
                self._held = following
                break
            group.append(following)
        return group


def _answer(intake: Intake, source: Source, group: list[Pushed]) -> None:
    received: list[tuple[Pushed, Received]] = []
    with reaching_database():
        for pushed in group:
            _answering(pushed, lambda pushed=pushed: received.append((pushed, _receive(intake, source, pushed))))  # type: ignore[misc]
        outcomes = take_in(intake, [one for _, one in received])
    for (pushed, one), outcome in zip(received, outcomes, strict=True):
        pushed.answer.set_result((outcome, one.opened.done is not None))


def _answering(pushed: Pushed, act: Callable[[], None]) -> None:
    """A request's own fault is its own answer; the others of the group go on."""
    try:
        act()
    except RequestError as error:
        pushed.answer.set_exception(error)


def _receive(intake: Intake, source: Source, pushed: Pushed) -> Received:
    if pushed.key is None:
        item = intake.keyring.name("pushed-body", source.id.encode(), pushed.body)
        found = receive(intake, source, item=item, body=pushed.body, stamp=str(uuid4()), repeats=False)
    else:
        item = intake.keyring.name("pushed-key", source.id.encode(), pushed.key.encode())
        found = receive(intake, source, item=item, body=pushed.body, stamp="pushed-key", replaceable=False)
    assert found is not None
    return found
