"""The three servers together: up, down and status of the stack in one home folder.

``<home>/stack`` holds what they need and keep, ``<home>/stack.json`` what the settings read (`hub.settings.stack_file`).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hub.errors import FatalError
from hub.settings import SERVER_VARIABLES
from ops.stack import artefacts, kafka, ports, postgres, registry
from ops.stack.processes import Running, Server, locked, memory, save_private, start, stop, tail, wait_until

__all__ = ["SERVERS", "Endpoints", "ServerStatus", "down", "log_file", "own_servers", "status", "up"]

SERVERS = ("kafka", "registry", "postgres")
START_SECONDS = 90.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the servers are, and what the last ``up`` took."""

    kafka_bootstrap: str
    kafka_username: str
    kafka_password: str = field(repr=False)
    registry_url: str
    database_url: str = field(repr=False)
    kafka_proxied: str | None
    """The listener that sends clients to the proxy's port, for the proxy itself to forward to."""
    started: tuple[str, ...]
    """The servers that this call started; the others ran already."""
    download_seconds: float
    start_seconds: float

    def settings(self) -> dict[str, str | int]:
        """As the names and values of settings."""
        return {
            "mode": "demo",
            "kafka_bootstrap": self.kafka_bootstrap,
            "kafka_username": self.kafka_username,
            "kafka_password": self.kafka_password,
            "kafka_replication": 1,
            "registry_url": self.registry_url,
            "database_url": self.database_url,
        }


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server as it is now. ``state`` is up, not answering, or down; sizes are in bytes."""

    name: str
    state: str
    address: str
    pid: int | None
    memory: int
    data: int


def own_servers() -> bool:
    """Whether the user has given servers of their own, so that nothing local is to be started. A part of them is an error."""
    given = [name for name in SERVER_VARIABLES if os.environ.get(name)]
    if given and len(given) < len(SERVER_VARIABLES):
        missing = ", ".join(name for name in SERVER_VARIABLES if name not in given)
        raise FatalError(
            f"{', '.join(given)} is set but not {missing}: give all three for servers of your own, or none of them for local ones"
        )
    return bool(given)


def up(home: Path, progress: Progress, *, proxy_port: int | None = None) -> Endpoints:
    """Start what does not run yet, wait until each server answers as a client would see it, and write ``stack.json``.

    A second call at the same time waits for the first. ``proxy_port`` opens a second Kafka listener which tells clients to come to this port.
    Raises `FatalError` that says what to do; what this call had started is then stopped again.
    """
    home = home.expanduser().resolve()
    with _said_clearly(), locked(_folder(home) / "lock", lambda: progress("waiting for another `silta up` or `silta down`")):
        passwords = _passwords(home)
        stopped = [name for name in SERVERS if not _settled(home, name, passwords)]
        began = time.monotonic()
        if stopped:
            _download(stopped, progress)
        downloaded = time.monotonic()
        names = {"kafka": kafka.PORTS, "registry": registry.PORTS, "postgres": postgres.PORTS}
        chosen = ports.keep(_folder(home) / "ports.json", [port for name in stopped for port in names[name]], progress)
        builders: dict[str, Callable[[], Server]] = {
            "kafka": lambda: kafka.server(_folder(home) / "kafka", chosen, passwords["kafka"], proxy_port, progress),
            "registry": lambda: registry.server(_folder(home) / "registry", chosen, progress),
            "postgres": lambda: postgres.server(_folder(home) / "postgres", chosen["postgres"], passwords["postgres"]),
        }
        _start(home, {name: builders[name] for name in stopped}, lambda name: _ready(name, chosen, passwords), progress)
        _await_answers(home, chosen, passwords)
        endpoints = Endpoints(
            kafka_bootstrap=f"127.0.0.1:{chosen['kafka']}",
            kafka_username=kafka.USER,
            kafka_password=passwords["kafka"],
            registry_url=registry.url(chosen["registry"]),
            database_url=postgres.url(chosen["postgres"], passwords["postgres"]),
            kafka_proxied=f"127.0.0.1:{chosen['kafka-proxied']}" if proxy_port is not None else None,
            started=tuple(stopped),
            download_seconds=downloaded - began,
            start_seconds=time.monotonic() - downloaded,
        )
        save_private(home / "stack.json", json.dumps(endpoints.settings(), indent=2))
        return endpoints


def down(home: Path, progress: Progress = lambda _line: None, *, erase: bool = False) -> None:
    """Stop the servers that ``up`` started, and nothing else; with ``erase`` remove their data too."""
    home = home.expanduser().resolve()
    if not _folder(home).exists():
        return
    with _said_clearly(), locked(_folder(home) / "lock", lambda: progress("waiting for another `silta up` or `silta down`")):
        with ThreadPoolExecutor(len(SERVERS)) as pool:
            for _ in pool.map(lambda name: _stop(home, name, progress), SERVERS):
                pass
        (home / "stack.json").unlink(missing_ok=True)
        if erase:
            shutil.rmtree(postgres.folder_of(_folder(home) / "postgres"), ignore_errors=True)
            shutil.rmtree(_folder(home))


def status(home: Path) -> tuple[ServerStatus, ...]:
    """Each server's state."""
    home = home.expanduser().resolve()
    kept = _kept_ports(home)
    return tuple(_status(home, name, kept.get(name)) for name in SERVERS)


def log_file(home: Path, name: str) -> Path:
    """A server's log."""
    return _folder(home.expanduser().resolve()) / name / "server.log"


def _folder(home: Path) -> Path:
    return home / "stack"


def _pid_file(home: Path, name: str) -> Path:
    return _folder(home) / f"{name}.pid.json"


def _running(home: Path, name: str) -> Running | None:
    running = Running.load(_pid_file(home, name))
    return running if running and running.process() else None


def _settled(home: Path, name: str, passwords: dict[str, str]) -> bool:
    """Whether a server runs. One that was killed a moment ago still has its pid and even its port, but answers nothing: it gets time to end."""
    running = _running(home, name)
    if running is None:
        return False
    kept = _kept_ports(home)
    wait_until(lambda: running.process() is None or _ready(name, kept, passwords), 2)
    return running.process() is not None


def _kept_ports(home: Path) -> dict[str, int]:
    path = _folder(home) / "ports.json"
    kept: dict[str, int] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return kept


def _passwords(home: Path) -> dict[str, str]:
    path = _folder(home) / "passwords.json"
    if not path.exists():
        _folder(home).chmod(0o700)
        save_private(path, json.dumps({name: secrets.token_urlsafe(24) for name in ("kafka", "postgres")}))
    passwords: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return passwords


def _download(names: list[str], progress: Progress) -> None:
    """Kafka's jars and the registry's archive side by side."""
    with ThreadPoolExecutor(2) as pool:
        jobs: list[Future[object]] = []
        if "kafka" in names:
            jobs.append(pool.submit(artefacts.fetch, "kafka", progress))
        if "registry" in names:
            jobs.append(pool.submit(artefacts.unpacked, artefacts.pinned("registry")[0], progress))
        for job in jobs:
            job.result()


def _start(home: Path, builders: dict[str, Callable[[], Server]], ready: Callable[[str], bool], progress: Progress) -> None:
    def bring_up(name: str) -> None:
        began = time.monotonic()
        server = builders[name]()
        _shorten(server.log)
        running = start(server)
        running.save(_pid_file(home, name))
        wait_until(lambda: ready(name) or running.process() is None, START_SECONDS, every=0.1)
        if running.process() is None or not ready(name):
            said = "\n".join(f"  {line}" for line in tail(server.log, 12))
            raise FatalError(f"{name} did not start; the last lines of {server.log}:\n{said}")
        progress(f"{name}: up in {time.monotonic() - began:.1f} s")

    with ThreadPoolExecutor(len(SERVERS)) as pool:
        jobs = [pool.submit(bring_up, name) for name in builders]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            # A server that is still on its way is stopped as well, so its waiting ends at once.
            while not all(job.done() for job in jobs):
                for name in builders:
                    _stop(home, name, lambda _line: None)
                wait_until(lambda: all(job.done() for job in jobs), 1)
            for name in builders:
                _stop(home, name, lambda _line: None)
            raise


def _await_answers(home: Path, chosen: dict[str, int], passwords: dict[str, str]) -> None:
    """Also a server that ran already is asked: whoever started it may have been killed before it was ready."""
    for name in SERVERS:
        if not wait_until(lambda name=name: _ready(name, chosen, passwords), START_SECONDS, every=0.1):  # type: ignore[misc]
            raise FatalError(f"{name} runs but does not answer; see {log_file(home, name)}, then `silta down` and `silta up`")


def _ready(name: str, chosen: dict[str, int], passwords: dict[str, str]) -> bool:
    if not ports.answers(chosen.get(name, 0)):
        return False
    if name == "kafka":
        return kafka.ready(f"127.0.0.1:{chosen['kafka']}", passwords["kafka"])
    if name == "registry":
        return registry.ready(registry.url(chosen["registry"]))
    return postgres.ready(chosen["postgres"], passwords["postgres"])


def _stop(home: Path, name: str, progress: Progress) -> None:
    running = Running.load(_pid_file(home, name))
    if running is None:
        return
    if running.process() is not None:
        began = time.monotonic()
        killed = stop(running)
        progress(f"{name}: {'did not stop, killed' if killed else 'stopped'} after {time.monotonic() - began:.1f} s")
    _pid_file(home, name).unlink(missing_ok=True)


def _status(home: Path, name: str, port: int | None) -> ServerStatus:
    running = _running(home, name)
    process = running.process() if running else None
    answering = process is not None and port is not None and ports.answers(port)
    return ServerStatus(
        name=name,
        state="up" if answering else "down" if process is None else "not answering",
        address=f"127.0.0.1:{port}" if port else "",
        pid=process.pid if process else None,
        memory=memory(process) if process else 0,
        data=_size(postgres.folder_of(_folder(home) / name) if name == "postgres" else _folder(home) / name),
    )


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(parent, name).stat().st_blocks * 512  # as on disk: Kafka's index files are sparse
            except OSError:
                continue  # servers delete files meanwhile
    return total


def _shorten(log: Path) -> None:
    """A log that has grown large is set aside at a start, once."""
    if log.exists() and log.stat().st_size > 10_000_000:  # noqa: PLR2004 - bytes
        log.replace(log.with_suffix(".log.1"))


@contextmanager
def _said_clearly() -> Iterator[None]:
    """The disk is full, the folder can't be written: said in a sentence."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise FatalError(f"the local servers' files can't be written: {error.strerror or error}{where}") from error
