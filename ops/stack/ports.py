"""Loopback ports: chosen once, kept in the state folder, and chosen again only when somebody else has taken one meanwhile."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from hub.errors import FatalError
from ops.stack.processes import save_private, wait_until

__all__ = ["answers", "free", "keep"]

# Below the range that systems take for outgoing connections, so that a kept port is seldom taken at the next start.
_RANGE = range(20000, 32000)


def free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return not answers(port)


def answers(port: int) -> bool:
    """Whether something listens on this port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def keep(path: Path, names: Iterable[str], progress: Callable[[str], None]) -> dict[str, int]:
    """A free port for each name: the one kept at this path if it is still free, else a new one, which is then kept."""
    kept: dict[str, int] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in names:
        # A server that was killed keeps its port a moment longer than its pid.
        if name in kept and wait_until(lambda port=kept[name]: free(port), 2):  # type: ignore[misc]
            continue
        chosen = _choose(set(kept.values()))
        if name in kept:
            progress(f"port {kept[name]} of {name} is taken by another process; using {chosen}")
        kept[name] = chosen
    save_private(path, json.dumps(kept))
    return kept


def _choose(taken: set[int]) -> int:
    for port in random.sample(_RANGE, 200):  # not for security: any will do
        if port not in taken and free(port):
            return port
    raise FatalError(f"no free port between {_RANGE.start} and {_RANGE.stop} on 127.0.0.1")
