"""Real servers for every test that asks for them: one stack a run, shared by all workers, started by the first test that needs it."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from confluent_kafka.admin import AdminClient
from psycopg import sql

from hub.settings import Settings
from ops import stack as servers
from ops.stack import Endpoints

_HOME = "SILTA_TEST_STACK"
_PREFIX = "silta-test-"


def pytest_configure(config: pytest.Config) -> None:
    """The process that the user started names the run's folder; its workers inherit the name."""
    if hasattr(config, "workerinput"):
        return
    parent = Path(tempfile.gettempdir())
    for left in parent.glob(f"{_PREFIX}*"):
        # A run that was killed could not clean up behind itself.
        pid = left.name.removeprefix(_PREFIX)
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            _remove(left)
    os.environ[_HOME] = str(parent / f"{_PREFIX}{os.getpid()}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Workers have ended by now."""
    if not hasattr(session.config, "workerinput"):
        _remove(Path(os.environ[_HOME]))


def _remove(home: Path) -> None:
    if home.exists():
        servers.down(home, erase=True)
        for path in home.iterdir():
            path.unlink()
        home.rmdir()


@pytest.fixture(scope="session")
def stack_home() -> Path:
    """Home folder of the run's servers."""
    return Path(os.environ[_HOME])


@pytest.fixture(scope="session")
def stack(stack_home: Path) -> Endpoints:
    """The run's Kafka, schema registry and PostgreSQL. A test may not stop them."""
    stack_home.mkdir(mode=0o700, exist_ok=True)
    return servers.up(stack_home, print)


@pytest.fixture
def settings(stack: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings of a hub of this test's own: an empty database, a topic prefix that nobody else has, an empty home folder."""
    for name in [name for name in os.environ if name.startswith("SILTA_") and name != _HOME]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SILTA_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir(mode=0o700)
    name = f"t{secrets.token_hex(4)}"
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    values = {**stack.settings(), "database_url": stack.database_url.removesuffix("/silta") + f"/{name}"}
    yield Settings(**values, home=tmp_path / "home", topic_prefix=f"{name}.", api_port=0)
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    _delete_topics(stack, f"{name}.")


def _delete_topics(stack: Endpoints, prefix: str) -> None:
    admin = AdminClient(kafka_client(stack))
    if topics := [topic for topic in admin.list_topics(timeout=10).topics if topic.startswith(prefix)]:
        for deleted in admin.delete_topics(topics).values():
            deleted.result(timeout=10)


def kafka_client(stack: Endpoints) -> dict[str, str]:
    """How confluent-kafka connects."""
    return {
        "bootstrap.servers": stack.kafka_bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": stack.kafka_username,
        "sasl.password": stack.kafka_password,
    }


@pytest.fixture
def kafka(stack: Endpoints) -> dict[str, str]:
    """How confluent-kafka connects to the run's broker."""
    return kafka_client(stack)


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """This test's settings as the environment of a child process, such as ``silta worker``."""
    from pydantic import SecretStr

    given = {f"SILTA_{name.upper()}": getattr(settings, name) for name in settings.model_fields_set}
    own = {name: value.get_secret_value() if isinstance(value, SecretStr) else str(value) for name, value in given.items()}
    return {**os.environ, **own}
