"""Child processes of the hub, started as a user starts them, and a proxy that can hold back what they say to Kafka."""

from __future__ import annotations

import json
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.waiting import until

__all__ = ["ADD_PARTITIONS", "END_TXN", "OFFSET_COMMIT", "PRODUCE", "Child", "KafkaProxy", "running"]

ADD_PARTITIONS, END_TXN, OFFSET_COMMIT, PRODUCE = 24, 26, 8, 0
"""Kafka's numbers of requests."""
_SILTA = Path(sys.executable).parent / "silta"


class Child:
    """``silta <command>`` as a process of its own."""

    def __init__(self, environment: Mapping[str, str], *command: str) -> None:
        self._out = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 - closed when the process is reaped
        self._err = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 - as above
        self.process = subprocess.Popen([str(_SILTA), *command], env=dict(environment), stdout=self._out, stderr=self._err)

    def ready(self, within: float = 60) -> dict[str, Any]:
        """What it says when it is ready."""
        until(lambda: self._read(self._out).endswith("\n") or self.process.poll() is not None, within, self.log)
        assert self.process.poll() is None, self.log()
        said: dict[str, Any] = json.loads(self._read(self._out).splitlines()[0])
        return said

    def kill(self) -> None:
        """Without any warning, as `kill -9` does."""
        assert self.process.poll() is None, self.log()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def stop(self) -> int:
        """Ask it to end."""
        self.process.terminate()
        return self.process.wait(30)

    def log(self) -> str:
        return self._read(self._err)[-5000:]

    def reap(self) -> None:
        self.process.kill()
        self.process.wait()
        self._out.close()
        self._err.close()

    @staticmethod
    def _read(file: Any) -> str:
        file.seek(0)
        text: str = file.read()
        return text


@contextmanager
def running(environment: Mapping[str, str], *command: str) -> Iterator[Child]:
    """The process, not waited for; killed at the end if it still runs."""
    child = Child(environment, *command)
    try:
        yield child
    finally:
        child.reap()


@dataclass
class _Hold:
    api: int
    """Number of the request."""
    answers: bool
    """Hold its answers: the broker has done it, and nobody hears."""
    skip: int
    reached: threading.Event = field(default_factory=threading.Event)


class KafkaProxy:
    """Forwards requests and answers of a plain-text listener frame by frame, and holds those of one kind back for good when told to.

    The broker's own address in answers becomes the proxy's (both are of the same length), so that no client goes past it.
    """

    def __init__(self, broker: str) -> None:
        host, port = broker.split(":")
        self._broker = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        own: int = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{own}"
        self._theirs, self._ours = (host.encode() + struct.pack(">i", number) for number in (int(port), own))
        self._hold: _Hold | None = None
        self._counting = threading.Lock()
        self._closed = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def hold(self, api: int, *, answers: bool = False, skip: int = 0) -> threading.Event:
        """From now on, keep requests of this kind (or their answers) back, but for the first `skip`. The event tells when one is."""
        self._hold = _Hold(api, answers, skip)
        return self._hold.reached

    def close(self) -> None:
        """Let nothing through any more, what is held least of all."""
        self._closed.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._broker)
            self._sockets += [client, server]
            asked: dict[int, int] = {}
            for target, pair in ((self._requests, (client, server)), (self._answers, (server, client))):
                thread = threading.Thread(target=target, args=(*pair, asked), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _requests(self, client: socket.socket, server: socket.socket, asked: dict[int, int]) -> None:
        with suppress(OSError):
            while (frame := _frame(client)) is not None:
                api, _, number = struct.unpack(">hhi", frame[:8])
                asked[number] = api
                if self._held(api, answers=False):
                    return
                server.sendall(struct.pack(">i", len(frame)) + frame)
            server.shutdown(socket.SHUT_RDWR)

    def _answers(self, server: socket.socket, client: socket.socket, asked: dict[int, int]) -> None:
        with suppress(OSError):
            while (frame := _frame(server)) is not None:
                api = asked.pop(struct.unpack(">i", frame[:4])[0], -1)
                if self._held(api, answers=True):
                    return
                client.sendall(struct.pack(">i", len(frame)) + frame.replace(self._theirs, self._ours))
            client.shutdown(socket.SHUT_RDWR)

    def _held(self, api: int, *, answers: bool) -> bool:
        """Whether this one is held: then, until the proxy closes."""
        with self._counting:
            hold = self._hold
            if hold is None or (hold.api, hold.answers) != (api, answers):
                return False
            if hold.skip:
                hold.skip -= 1
                return False
            hold.reached.set()
        self._closed.wait()
        return True


def _frame(source: socket.socket) -> bytes | None:
    head = _exactly(source, 4)
    return None if head is None else _exactly(source, struct.unpack(">i", head)[0])


def _exactly(source: socket.socket, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        got = source.recv(count - len(parts))
        if not got:
            return None
        parts += got
    return bytes(parts)
