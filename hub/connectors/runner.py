"""The connectors' process: follows every drop folder of the network, each source in a thread of its own so that none waits for another."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog

from consent.rules import decide_publication
from hub.connectors.base import Source
from hub.connectors.files import DropFolder, DroppedFile
from hub.connectors.receiving import receive, take_in
from hub.database import reaching_database
from hub.errors import TransientError
from hub.intake import DecidePublication, Intake
from hub.register.store import Register
from hub.slots import Slot
from hub.start import Hub

__all__ = ["follow", "open_intake", "run_connectors"]

_log = structlog.get_logger()
_POLL_SECONDS = 0.5
_FILES = 50
"""Files that are taken in together."""


@contextmanager
def open_intake(hub: Hub, source: Source, decide: DecidePublication = decide_publication) -> Iterator[Intake]:
    """The intake of a source, in a slot of its own, given back at the end."""
    with reaching_database():
        slot = Slot(hub.settings, hub.wire, source.id)
    try:
        register = Register(hub.keyring, hub.wire, hub.now)
        yield Intake(hub.settings, hub.keyring, hub.wire, register, lambda: hub.network, source.origin, slot, hub.now, decide)
    finally:
        slot.close()


def run_connectors(hub: Hub, sources: Mapping[str, Source], stopping: threading.Event, ready: Callable[[], None]) -> None:
    """Follow the drop folders of all sources until `stopping`; an error of one that can't be waited out ends all, and is raised."""
    failures: list[BaseException] = []
    folders = {
        source.id: DropFolder(hub.settings.drops / source.id, source.suffix, keep=source.keep_processed) for source in sources.values()
    }

    def guarded(source: Source) -> None:
        try:
            follow(hub, source, folders[source.id], stopping)
        except BaseException as error:  # noqa: BLE001 - raised again by the main thread
            failures.append(error)
            stopping.set()

    threads = [threading.Thread(target=guarded, args=(source,), name=source.id) for source in sources.values()]
    for thread in threads:
        thread.start()
    ready()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def follow(hub: Hub, source: Source, folder: DropFolder, stopping: threading.Event) -> None:
    """Take in whatever is dropped, backing off while a server is away. Resumes after a crash at any point."""
    while not stopping.is_set():
        try:
            with open_intake(hub, source) as intake:
                while not stopping.is_set():
                    if not take_files(intake, source, folder):
                        stopping.wait(_POLL_SECONDS)
        except TransientError as error:
            _log.warning("source_waits", source=source.id, error=str(error), retry_after=error.retry_after)
            stopping.wait(error.retry_after)


def take_files(intake: Intake, source: Source, folder: DropFolder) -> int:
    """One round over the folder. Returns how many files were taken in."""
    files = folder.settled_files()[:_FILES]
    received = []
    taken: list[DroppedFile] = []
    with reaching_database():
        for file in files:
            body = folder.read(file)
            if body is not None:
                item = intake.keyring.name("file", source.id.encode(), os.fsencode(file.name))
                one = receive(intake, source, item=item, body=body, stamp=file.stamp, whole=file.surely_whole)
                if one is not None:
                    received.append(one)
                    taken.append(file)
        outcomes = take_in(intake, received) if received else []
    for file, one, outcome in zip(taken, received, outcomes, strict=True):
        repeat = one.opened.done is not None
        folder.acknowledge(file, {**outcome.as_json(), "repeat": repeat})
        _log.info(
            "file_taken_in",
            source=source.id,
            delivery_id=str(outcome.delivery_id),
            repeat=repeat,
            items=outcome.items,
            admitted=outcome.admitted,
            unchanged=outcome.unchanged,
            denied=outcome.denied,
            errors=len(outcome.errors),
        )
    return len(taken)
