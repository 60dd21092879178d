"""Server processes: started in sessions of their own, known again by pid, start time and command line, stopped by pid alone."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from hub.errors import FatalError

__all__ = ["Running", "Server", "locked", "memory", "save_private", "start", "stop", "tail", "wait_until"]

STOP_SECONDS = 20.0

_children: dict[int, subprocess.Popen[bytes]] = {}  # kept so that a server which dies before its parent is reaped


@dataclass(frozen=True, slots=True)
class Server:
    """How to start one server. ``user`` is the name of the user that it runs as, by default the caller."""

    name: str
    command: Sequence[str]
    folder: Path
    log: Path
    marker: str
    """A word of the command line that no other process has."""
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A started process. A pid alone is not enough to know it again: pids are given anew."""

    pid: int
    started: float
    marker: str

    def process(self) -> psutil.Process | None:
        """The process, if it still runs and is the one that was started."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 5 and self.marker in process.cmdline()  # noqa: PLR2004 - clocks are set
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    def save(self, path: Path) -> None:
        """Remember the process for later commands."""
        save_private(path, json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Running | None:
        """The process that was remembered, whether it still runs or not."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None


def start(server: Server) -> Running:
    """Start a server, detached from the terminal, its output appended to its log."""
    server.log.parent.mkdir(parents=True, exist_ok=True)
    owner = pwd.getpwnam(server.user) if server.user else None
    with server.log.open("ab") as log:
        child = subprocess.Popen(
            server.command,
            cwd=server.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            user=owner and owner.pw_uid,
            group=owner and owner.pw_gid,
            extra_groups=[] if owner else None,
        )
    _children[child.pid] = child
    return Running(child.pid, psutil.Process(child.pid).create_time(), server.marker)


def _environment() -> dict[str, str]:
    """Nothing of the caller's secrets or Java and PostgreSQL settings reaches a server."""
    kept = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


def stop(running: Running, *, seconds: float = STOP_SECONDS) -> bool:
    """End the process and wait for it; True if it had to be killed. A process that is not ours any more is left alone."""
    process = running.process()
    if process is None:
        return False
    children = process.children(recursive=True)
    process.terminate()
    if wait_until(lambda: running.process() is None, seconds):
        return False
    for each in (process, *children):
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    wait_until(lambda: running.process() is None, 5)
    return True


def memory(process: psutil.Process) -> int:
    """Bytes of memory of a process and its children; memory that they share counts once where the system can tell."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            full = each.memory_full_info()
            total += getattr(full, "pss", full.rss)
        except psutil.Error:
            continue
    return total


def wait_until(done: Callable[[], bool], seconds: float, *, every: float = 0.05) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not done():
        _reap()
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def _reap() -> None:
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            _children.pop(pid, None)


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log; none if there is no log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 400 * lines))
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []


def save_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner alone from the first byte on."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None, *, seconds: float = 600) -> Iterator[None]:
    """Hold a lock file; freed by the system when its holder dies. ``waiting`` is called once if somebody else has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        if not _try_lock(file.fileno()):
            waiting()
            if not wait_until(lambda: _try_lock(file.fileno()), seconds, every=0.1):
                raise FatalError(f"another process holds {path} for more than {seconds:.0f} s; see what it is doing, then try again")
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
