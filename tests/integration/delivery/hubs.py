"""A hub of a test's own: its parts inside this process, put together as the commands do, or as processes of their own."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import uvicorn
from psycopg import sql

from consent.rules import basis_state, decide, decide_publication
from hub import networks
from hub.connectors.catalogue import read_sources
from hub.connectors.receiving import receive, take_in
from hub.connectors.runner import open_intake
from hub.database import connect
from hub.deliveries import Outcome
from hub.delivery.api import SERVING, create_app
from hub.delivery.credentials import create_credential
from hub.delivery.gate import Decide
from hub.intake import DecidePublication
from hub.outbox import Relay
from hub.publisher import DurableProducer
from hub.publisher.reading import read_all
from hub.settings import Settings
from hub.start import Hub, start
from hub.streams.processors import PROCESSOR, handlers
from hub.streams.replay import replay
from hub.streams.timeline import JudgeBasis
from hub.timeline.builds import active_build
from ops.stack import Endpoints
from tests.waiting import until

Json = dict[str, Any]
CITY, OSAO, TE, KELA = "oulu-city", "osao", "te-pohjois-pohjanmaa", "kela"
SILTA = Path(sys.executable).parent / "silta"
BOTH = ["gdpr_6_1_a", "julkl_consent"]


def sent(hub: Hub, source: str, body: bytes, permit: DecidePublication = decide_publication) -> Outcome:
    """Take a document in through the first gate."""
    configured = read_sources(networks.find(hub.settings.network), hub.network)[source]
    with open_intake(hub, configured, permit) as intake:
        item = intake.keyring.name("test", uuid4().bytes)
        received = receive(intake, configured, item=item, body=body, stamp=str(uuid4()))
        assert received is not None
        return take_in(intake, [received])[0]


def relayed(hub: Hub) -> None:
    """Publish all that waits in the outbox."""
    with connect(hub.settings, autocommit=True) as connection, DurableProducer(hub.settings) as producer:
        relay = Relay(connection, producer, hub.settings.topic_prefix)
        until(relay.take_over)
        while relay.relay_batch():
            pass


def folded(hub: Hub, judge: JudgeBasis = basis_state) -> None:
    """Bring the timeline up to the end of all topics, through the second gate."""
    relayed(hub)
    with connect(hub.settings) as connection:
        build = active_build(connection)
    asyncio.run(replay(hub.settings, handlers(hub, judge), build=build, processor=PROCESSOR))


def topic(hub: Hub, name: str) -> list[tuple[bytes | None, bytes | None]]:
    """Key and value of every record of a topic."""
    return list(read_all(hub.settings, hub.settings.topic_prefix + name))


def secret(hub: Hub, organisation: str, role: str = "partner") -> str:
    """A credential."""
    with connect(hub.settings) as connection:
        return create_credential(connection, organisation, role, hub.now())


@contextmanager
def running_town(settings: Settings, environment: dict[str, str], folder: Path) -> Iterator[tuple[Town, Processes]]:
    """The API as a process of its own, which ends in good order."""
    hub = start(settings)
    processes = Processes(environment, folder)
    (said,) = processes.start("api")
    opened = Town(hub, said["address"])
    yield opened, processes
    opened.close()
    codes = processes.stop()
    assert codes == {"api": 0}, processes.log("api")[-2000:]


class Town:
    """An API and what partners do with it."""

    def __init__(self, hub: Hub, address: str) -> None:
        self.hub, self.address = hub, address
        self._clients: dict[tuple[str, str], httpx.Client] = {}

    def partner(self, organisation: str, role: str = "partner") -> httpx.Client:
        """Signed in."""
        key = (organisation, role)
        if key not in self._clients:
            headers = {"authorization": f"Bearer {secret(self.hub, organisation, role)}"}
            self._clients[key] = httpx.Client(base_url=self.address, headers=headers, timeout=60)
        return self._clients[key]

    def ask(self, organisation: str, hetu: str, purpose: str = "integration_services", request_id: str | None = None) -> httpx.Response:
        """A question to the timeline."""
        body = {"identifier": {"scheme": "hetu", "value": hetu}, "purpose": purpose}
        return self.partner(organisation).post("/v1/timeline/query", json=body, headers={"x-request-id": request_id or uuid4().hex})

    def shown(self, organisation: str, hetu: str, purpose: str = "integration_services") -> int:
        """How many entries a partner sees."""
        answer = self.ask(organisation, hetu, purpose)
        assert answer.status_code == 200, answer.text
        return len(answer.json()["entries"])

    def consent(self, hetu: str, *, by: str = OSAO, **changes: Any) -> httpx.Response:
        """A consent for the city to see what OSAO has of education, or what `changes` make of it."""
        return self.partner(by).post("/v1/consents", json=consent_body(self.hub, hetu, **changes))

    def withdraw(self, consent_id: str, *, by: str = OSAO) -> httpx.Response:
        """Take one back."""
        return self.partner(by).post(f"/v1/consents/{consent_id}/withdraw", json={"channel": "phone"})

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


def education(permit: bool = True) -> Json:
    """The item: OSAO's education events to the city."""
    return {
        "purpose": "integration_services",
        "categories": ["education"],
        "recipients": [CITY],
        "permit": permit,
        "codes": BOTH if permit else [],
    }


def consent_body(hub: Hub, hetu: str, **changes: Any) -> Json:
    """As sent to ``POST /v1/consents``."""
    notice = hub.network.notices[0]
    return {
        "consent_id": str(uuid4()),
        "identifier": {"scheme": "hetu", "value": hetu},
        "answer": "give",
        "notice": {"id": notice.id, "version": notice.version, "language": notice.language, "sha256": notice.sha256.hex()},
        "items": [education()],
        "valid_until": "2099-12-31T00:00:00Z",
        "channel": "face_to_face",
    } | changes


def given(town: Town, hetu: str, **changes: Any) -> str:
    """Give consent; its id."""
    answer = town.consent(hetu, **changes)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["consent_id"])


@contextmanager
def served(hub: Hub, permit: Decide = decide) -> Iterator[Town]:
    """The API in a thread of this process, its third gate passed in."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(hub, permit), **SERVING))
    thread = threading.Thread(target=lambda: server.run([listening]))
    thread.start()
    town = Town(hub, f"http://127.0.0.1:{listening.getsockname()[1]}")
    try:
        until(lambda: server.started)
        yield town
    finally:
        town.close()
        server.should_exit = True
        thread.join(30)
        listening.close()


@contextmanager
def own_hub(stack: Endpoints, home: Path) -> Iterator[Town]:
    """The API of a hub with a database and topics of its own, for tests that share it."""
    name = f"t{uuid4().hex[:8]}"
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    values = {**stack.settings(), "database_url": stack.database_url.removesuffix("/silta") + f"/{name}"}
    home.chmod(0o700)
    try:
        with served(start(Settings(**values, home=home, topic_prefix=f"{name}.", api_port=0))) as town:
            yield town
    finally:
        with psycopg.connect(stack.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


class Processes:
    """``silta`` commands as processes of their own, each with a log file."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self._environment, self.logs = dict(environment), logs
        self.running: dict[str, subprocess.Popen[str]] = {}

    def start(self, *names: str, **more: str) -> list[Json]:
        """Start these at once, and what each says when it is ready."""
        for name in names:
            with (self.logs / f"{name}.log").open("a") as log:
                command = [str(SILTA), name]
                environment = {**self._environment, **more}
                self.running[name] = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        return [self._ready(name) for name in names]

    def kill(self, name: str) -> None:
        """Without warning."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)

    def stop(self) -> dict[str, int]:
        """Ask all to end; their exit codes."""
        for process in self.running.values():
            process.terminate()
        codes = {}
        for name, process in self.running.items():
            try:
                process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
            codes[name] = process.returncode
        self.running.clear()
        return codes

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text()

    def _ready(self, name: str) -> Json:
        stdout = self.running[name].stdout
        assert stdout is not None
        line = stdout.readline()
        assert line, self.log(name)[-2000:]
        said: Json = json.loads(line)
        return said


def rows(settings: Settings, query: str, *arguments: Any) -> Sequence[tuple[Any, ...]]:
    """What a query finds."""
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        return connection.execute(query.encode(), arguments or None).fetchall()


def an_hour_ago() -> str:
    """As partners write times."""
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() - 3600, UTC).isoformat()
