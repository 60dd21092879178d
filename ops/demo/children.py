"""The hub's processes as the demo's children: started as in production, watched, and stopped by pid in reverse order."""

from __future__ import annotations

import json
import subprocess
import sysconfig
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

from hub.errors import FatalError
from ops.stack.processes import Running, save_private, stop, tail

__all__ = ["PROCESSES", "Children", "stop_remembered"]

PROCESSES = ("relay", "worker", "api", "connectors")
_STOP_SECONDS = 20.0
_LAST_LINES = 8
_T = TypeVar("_T")


@dataclass(slots=True)
class Children:
    """Child processes by name, in the order started. Remembered in ``processes.json``, so that a later run finds what a killed one left."""

    home: Path
    environment: Mapping[str, str] = field(repr=False)
    _started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start ``silta <name>``, its output in ``log/<name>.log``."""
        log = self.log(name)
        log.parent.mkdir(mode=0o700, exist_ok=True)
        command = [str(Path(sysconfig.get_path("scripts"), "silta")), name]
        with log.open("wb") as output:
            # A session of its own: Ctrl-C comes to the demo, which stops its children in order.
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=dict(self.environment), start_new_session=True
            )
        self._started[name] = child
        self.remember(kept=False)

    def await_ready(self, name: str, seconds: float = 60.0) -> dict[str, Any]:
        """The line in which the process says that it is ready."""
        return self.until(lambda: self._ready_line(name), f"{name} is ready", seconds)

    def until(self, condition: Callable[[], _T | None], what: str, seconds: float = 60.0) -> _T:
        """The condition's first answer that is true. Raises `FatalError` as soon as a child ends, or after `seconds`."""
        deadline = time.monotonic() + seconds
        pause = threading.Event()
        while not (answer := condition()):
            self.check()
            if time.monotonic() > deadline:
                raise FatalError(f"it took more than {seconds:.0f} s until {what}; see the logs in {self.home / 'log'}")
            pause.wait(0.1)
        return answer

    def check(self) -> None:
        """Raises `FatalError` with the last lines of a child that ended by itself."""
        for name, child in self._started.items():
            if child.poll() is not None:
                said = "\n".join(f"  {line}" for line in tail(self.log(name), _LAST_LINES))
                raise FatalError(f"silta {name} ended by itself with code {child.returncode}; its last lines:\n{said}")

    def stop(self) -> None:
        """Stop all, the last started first; one that does not end in time is killed."""
        for child in reversed(list(self._started.values())):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
        self._started.clear()
        _remembered(self.home).unlink(missing_ok=True)

    def remember(self, *, kept: bool) -> None:
        """Note the processes for later commands; `kept`: they are to go on after this one."""
        running = []
        for name, child in self._started.items():
            if child.poll() is None:
                running.append(asdict(Running(child.pid, psutil.Process(child.pid).create_time(), name)))
        save_private(_remembered(self.home), json.dumps({"kept": kept, "processes": running}))

    def log(self, name: str) -> Path:
        """A child's log."""
        return self.home / "log" / f"{name}.log"

    def _ready_line(self, name: str) -> dict[str, Any] | None:
        for line in self.log(name).read_text("utf-8", "replace").splitlines():
            if line.startswith('{"ready"') and line.endswith("}"):
                said: dict[str, Any] = json.loads(line)
                return said
        return None


def stop_remembered(home: Path, *, kept_too: bool) -> int:
    """Stop what an earlier demo left running, and return how many processes that were. Raises `FatalError` if they were kept on purpose."""
    path = _remembered(home)
    if not path.exists():
        return 0
    noted = json.loads(path.read_text("utf-8"))
    running = [found for one in noted["processes"] if (found := Running(**one)).process() is not None]
    if running and noted["kept"] and not kept_too:
        raise FatalError("a demo is running here since `silta demo --keep`: stop it with `silta demo --stop`, then try again")
    for one in reversed(running):
        stop(one, seconds=_STOP_SECONDS)
    path.unlink()
    return len(running)


def _remembered(home: Path) -> Path:
    return home / "processes.json"
