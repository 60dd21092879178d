"""Where a bench runs: a database and topics of its own on the servers in use, removed at the end."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from confluent_kafka.admin import AdminClient
from psycopg import sql
from pydantic import SecretStr

from hub.database import connect
from hub.outbox import Relay
from hub.publisher import DurableProducer
from hub.publisher.client import connection as kafka_options
from hub.settings import Settings
from hub.start import Hub, start

__all__ = ["Site", "open_site"]

_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Site:
    """A hub of the bench's own."""

    hub: Hub

    @property
    def settings(self) -> Settings:
        return self.hub.settings

    def environment(self) -> dict[str, str]:
        """The settings, for child processes."""
        own = {}
        for name in self.settings.model_fields_set:
            value = getattr(self.settings, name)
            if value is not None:
                own[f"SILTA_{name.upper()}"] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        return {**os.environ, **own}

    def relay(self) -> None:
        """Publish all that waits in the outbox."""
        with connect(self.settings, autocommit=True) as connection, DurableProducer(self.settings) as producer:
            relay = Relay(connection, producer, self.settings.topic_prefix)
            relay.take_over()
            while relay.relay_batch():
                pass


@contextmanager
def open_site(settings: Settings) -> Iterator[Site]:
    """Make it, and remove it afterwards. The settings' database user must be able to create databases."""
    name = f"bench_{secrets.token_hex(4)}"
    url = settings.database_url.get_secret_value()
    database_url = urlsplit(url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(url, autocommit=True) as administrator, tempfile.TemporaryDirectory() as home:
        administrator.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        changes = {
            "database_url": SecretStr(database_url),
            "topic_prefix": f"{name.replace('_', '-')}.",
            "home": Path(home),
            "keys_file": Path(home) / "keys.json",
            "log_level": "warning",
        }
        own = settings.model_copy(update=changes)
        own.model_fields_set.update(changes)
        try:
            yield Site(start(own))
        finally:
            _delete_topics(own)
            administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _delete_topics(settings: Settings) -> None:
    admin = AdminClient(kafka_options(settings))
    topics = [topic for topic in admin.list_topics(timeout=_SECONDS).topics if topic.startswith(settings.topic_prefix)]
    if topics:
        for deleted in admin.delete_topics(topics).values():
            deleted.result(timeout=_SECONDS)
