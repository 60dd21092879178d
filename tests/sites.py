"""Hubs of a test's own on the run's servers: several of them under the same keys, so that their timelines can be compared."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from confluent_kafka.admin import AdminClient
from psycopg import sql
from pydantic import SecretStr

from consent.choices import Act
from consent.model import ConsentCode, ConsentItem
from hub import consents
from hub.database import connect
from hub.delivery.credentials import create_credential
from hub.drafts import Identifier, Scheme
from hub.outbox import run_relay
from hub.settings import Settings
from hub.start import Hub, start
from hub.streams.processors import handlers
from hub.streams.replay import replay
from hub.timeline.builds import active_build
from hub.timeline.digest import digest
from ops.stack import Endpoints
from tests.waiting import until

__all__ = ["BOTH", "Site", "opened_site"]

UNTIL = datetime(2099, 1, 1, tzinfo=UTC)
BOTH = frozenset({ConsentCode("gdpr_6_1_a"), ConsentCode("julkl_consent")})


@dataclass(frozen=True)
class Site:
    """A hub with a database and topics that nobody else has."""

    settings: Settings
    kafka: Mapping[str, str]

    @cached_property
    def hub(self) -> Hub:
        return start(self.settings)

    @property
    def prefix(self) -> str:
        return self.settings.topic_prefix

    def environment(self, **more: str) -> dict[str, str]:
        """The settings for a child process."""
        given = {f"SILTA_{name.upper()}": getattr(self.settings, name) for name in self.settings.model_fields_set}
        own = {name: value.get_secret_value() if isinstance(value, SecretStr) else str(value) for name, value in given.items()}
        others = {name: value for name, value in os.environ.items() if not name.startswith("SILTA_")}
        return {**others, **own, **more}

    def drop(self, source: str, name: str, body: bytes) -> Path:
        """A file that a partner finished writing a minute ago."""
        folder = self.settings.drops / source
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = folder / f"{name}.tmp"
        draft.write_bytes(body)
        a_minute_ago = datetime.now(UTC).timestamp() - 60
        os.utime(draft, (a_minute_ago, a_minute_ago))
        return draft.rename(folder / name)

    def outcome_of(self, source: str, name: str) -> Path:
        return self.settings.drops / source / "outcome" / f"{name}.json"

    def waiting_files(self) -> list[str]:
        """What lies in the drop folders and was not acknowledged yet."""
        return sorted(
            path.name
            for path in self.settings.drops.glob("*/*")
            if path.is_file() and path.suffix in {".json", ".csv"} and not path.name.startswith(".")
        )

    def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        with connect(self.settings) as connection:
            return connection.execute(query.encode(), arguments or None).fetchall()

    def one(self, query: str, *arguments: Any) -> Any:
        return self.rows(query, *arguments)[0][0]

    def allow(self, hetu: str, *, partner: str = "osao", categories: tuple[str, ...] = ("education", "skills"), permit: bool = True) -> Any:
        """The client lets the city see this for integration services. Returns the consent's id."""
        now = self.hub.now()
        consent_id = uuid4()
        item = ConsentItem("integration_services", frozenset(categories), frozenset({"oulu-city"}), permit, BOTH if permit else frozenset())
        wish = consents.Wish(self.hub.network.notices[0], (item,), now, UNTIL)
        with connect(self.settings) as connection:
            consents.record_answer(
                self.hub,
                connection,
                partner,
                Identifier(Scheme.HETU, hetu),
                consent_id,
                "give" if permit else "refuse",
                wish,
                Act(now, "paper", partner, "client"),
            )
        return consent_id

    def withdraw(self, consent_id: Any, partner: str = "osao") -> None:
        with connect(self.settings) as connection:
            consents.withdraw(self.hub, connection, partner, consent_id, Act(self.hub.now(), "paper", partner, "client"))

    def secret(self, organisation: str) -> str:
        """A credential of the organisation for the API."""
        with connect(self.settings) as connection:
            return create_credential(connection, organisation, "partner", self.hub.now())

    def relay(self) -> None:
        """Publish all that waits in the outbox."""
        stopping = threading.Event()
        thread = threading.Thread(target=run_relay, args=(self.settings, stopping, lambda: None, lambda: None))
        thread.start()
        try:
            until(lambda: self.one("SELECT count(*) FROM outbox WHERE change_no IS NULL") == 0, 60)
        finally:
            stopping.set()
            thread.join()

    def fold(self) -> str:
        """Relay, then fold everything that is in the topics by now. Returns the timeline's digest."""
        self.relay()
        with connect(self.settings) as connection:
            build = active_build(connection)
        asyncio.run(replay(self.settings, handlers(self.hub), build=build))
        return digest(self.settings)


@contextmanager
def opened_site(stack: Endpoints, folder: Path, *, keys: Path | None = None, **more: Any) -> Iterator[Site]:
    """A hub in this folder, under these keys or keys of its own."""
    name = f"t{secrets.token_hex(4)}"
    home = folder / name
    home.mkdir(mode=0o700)
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    values: dict[str, Any] = {**stack.settings(), "database_url": stack.database_url.removesuffix("/silta") + f"/{name}"}
    settings = Settings(**values, home=home, topic_prefix=f"{name}.", api_port=0, keys_file=keys or home / "keys.json", **more)
    kafka = {
        "bootstrap.servers": stack.kafka_bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": stack.kafka_username,
        "sasl.password": stack.kafka_password,
    }
    try:
        yield Site(settings, kafka)
    finally:
        with psycopg.connect(stack.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        admin = AdminClient(kafka)
        if topics := [topic for topic in admin.list_topics(timeout=10).topics if topic.startswith(f"{name}.")]:
            for deleted in admin.delete_topics(topics).values():
                deleted.result(timeout=10)
