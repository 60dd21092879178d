"""The HTTP application: `create_app` puts the routes together, `run_api` serves them in a process of their own."""

from __future__ import annotations

import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import uvicorn
from fastapi import FastAPI

from consent.rules import decide
from hub import networks
from hub.connectors.catalogue import read_sources
from hub.database import open_pool, reaching_database
from hub.delivery.context import Context, Shared
from hub.delivery.gate import Decide, Gate
from hub.delivery.locked import Connection
from hub.delivery.problems import install
from hub.delivery.push import Pushes
from hub.delivery.routes import router
from hub.errors import FatalError
from hub.locks import DELIVERY_SECONDS
from hub.publisher import DurableProducer
from hub.start import Hub

__all__ = ["SERVING", "create_app", "run_api"]

_CONNECTIONS = 16
"""Each delivery in flight holds one."""
SERVING: dict[str, Any] = {
    "http": Connection,
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "timeout_graceful_shutdown": 10,
}
"""uvicorn's settings: `Connection` is what makes a delivery's lock last until its last byte has left."""
_RECORD_SECONDS = DELIVERY_SECONDS - 1.0
"""A delivery holds its client's lock while its read is put on record: so a withdrawal waits no longer for it than for a slow receiver."""
_DESCRIPTION = "Partner systems send documents, record consents, and read what they may see of a client's shared timeline."


def create_app(hub: Hub, decide_delivery: Decide = decide) -> FastAPI:
    """The application; it opens its connections when it starts and closes them when it ends."""

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        sources = read_sources(networks.find(hub.settings.network), hub.network)
        pushes = Pushes(hub)
        with DurableProducer(hub.settings, seconds=_RECORD_SECONDS) as producer, open_pool(hub.settings, size=_CONNECTIONS) as pool:
            app.state.context = Context(hub, pool, Gate(hub, producer, decide_delivery), pushes, sources)
            yield
            pushes.close()

    app = FastAPI(
        title="Silta",
        version=version("silta"),
        description=_DESCRIPTION,
        lifespan=running,
        redirect_slashes=False,
        license_info={"name": "EUPL-1.2"},
    )
    install(app)
    app.include_router(router)
    app.add_api_route("/v1/health", _health, tags=["operations"])
    app.add_api_route("/v1/ready", _ready, tags=["operations"])
    return app


def run_api(hub: Hub, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is told the address. Raises `FatalError` when the port is taken."""
    settings = hub.settings
    try:
        listening = socket.create_server((settings.api_host, settings.api_port), backlog=256)
    except OSError as error:
        raise FatalError(
            f"{settings.api_host}:{settings.api_port} can't be listened on ({error.strerror}): choose another SILTA_API_PORT"
        ) from error
    address = f"http://{settings.api_host}:{listening.getsockname()[1]}"
    server = _Server(
        uvicorn.Config(create_app(hub), **SERVING),
        lambda: ready(address),
    )
    # uvicorn ends in good order and then raises the signal again, for whoever stood behind it: a stop that was asked for is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run([listening])


class _Server(uvicorn.Server):
    """Tells when it has begun to answer."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tell()


def _health() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


def _ready(context: Shared) -> dict[str, str]:
    """The servers that an answer needs are there too."""
    with reaching_database(), context.pool.connection() as connection:
        connection.execute("SELECT")
    return {"status": "ready", "network": context.hub.network.id, "network_version": context.hub.network.version}
