"""A stack of a test's own: its servers may be stopped, killed and started again, by the ids of their processes."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg

from hub.settings import Settings
from ops import stack as servers
from ops.stack import Endpoints, local
from tests.integration.delivery.hubs import Processes
from tests.waiting import runs, until

__all__ = ["OwnStack", "environment_of"]


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    """Settings as the environment of a child process."""
    from pydantic import SecretStr

    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    own = {
        f"SILTA_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value) for name, value in given.items()
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("SILTA_")}
    return {**others, **own, **more}


class OwnStack:
    """Kafka, registry and PostgreSQL, and a hub on them."""

    def __init__(self, home: Path, endpoints: Endpoints, logs: Path) -> None:
        self.home, self.endpoints = home, endpoints
        state = home / "hub"
        state.mkdir(mode=0o700)
        self.settings = Settings(**endpoints.settings(), home=state, api_port=0)
        self.processes = Processes(environment_of(self.settings), logs)
        self._stopped: set[int] = set()

    def pid(self, name: str) -> int:
        """Of a server."""
        (found,) = [status.pid for status in local.status(self.home) if status.name == name]
        assert found is not None
        return found

    def pause(self, name: str) -> None:
        """It answers nothing, and its connections stay."""
        for pid in self._all(name):
            os.kill(pid, signal.SIGSTOP)
            self._stopped.add(pid)

    def resume(self, name: str) -> None:
        for pid in self._all(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            self._stopped.discard(pid)

    def kill(self, name: str) -> None:
        """Without warning."""
        pids = self._all(name)
        os.kill(pids[0], signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pids[0], 0)  # this process started it: unreaped, it would seem to be alive to PostgreSQL's lock file
        # PostgreSQL's children notice by themselves that their parent is gone, and no new server starts before that.
        until(lambda: not any(runs(pid) for pid in pids))

    def start(self) -> None:
        """Whatever does not run."""
        servers.up(self.home, print)

    def rows(self, query: str) -> list[tuple]:
        with psycopg.connect(self.settings.database_url.get_secret_value()) as connection:
            return connection.execute(query.encode()).fetchall()

    def close(self) -> None:
        for pid in list(self._stopped):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.processes.stop()

    def _all(self, name: str) -> list[int]:
        process = psutil.Process(self.pid(name))
        return [process.pid, *(child.pid for child in process.children(recursive=True))]
