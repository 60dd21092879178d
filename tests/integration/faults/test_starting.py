"""Starting where something is wrong: one message that names all of it and says what to do, exit code 2, no traceback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from hub.errors import FatalError
from hub.publisher.admin import _broker_faults
from hub.start import start
from hub.vault import create_keyring
from ops import stack as servers
from tests.integration.delivery.hubs import SILTA

SCHEMAS = Path(__file__).parents[3] / "schemas"


def silta(environment, *command, **more):
    """A command that is expected to end by itself."""
    ended = subprocess.run([SILTA, *command], env={**environment, **more}, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in ended.stderr
    return ended


def refused(environment, *command, **more) -> str:
    """What it says when it refuses to start."""
    ended = silta(environment, *command, **more)
    assert ended.returncode == 2, (ended.stdout, ended.stderr)
    return ended.stderr


def test_a_taken_port(environment):
    """The setting to change is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(environment, "api", SILTA_API_PORT=port)
    assert f"127.0.0.1:{port} can't be listened on (Address already in use" in said
    assert said.endswith("choose another SILTA_API_PORT\n")


def test_every_unsafe_setting_of_every_topic_is_named(settings, environment, kafka):
    """Retention, compaction, sizes, elections, a missing replica: all at once, with what to set."""
    start(settings)
    admin, prefix = AdminClient(kafka), settings.topic_prefix
    unsafe = {
        "client-events": {"cleanup.policy": "compact"},
        "reads": {"retention.ms": "604800000"},
        "decisions": {"retention.bytes": "1000000", "unclean.leader.election.enable": "true"},
        "quarantine": {"retention.ms": "-1"},
    }
    changes = [
        ConfigResource(
            ResourceType.TOPIC,
            prefix + name,
            incremental_configs=[ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()],
        )
        for name, config in unsafe.items()
    ]
    for changed in admin.incremental_alter_configs(changes).values():
        changed.result(30)
    for command in ("api", "worker", "connectors", "relay"):
        said = refused(environment, command)
        assert said.splitlines()[-6:] == [
            "silta: Kafka is not set up safely, so nothing was started:",
            f"  topic {prefix}client-events: cleanup.policy is compact, set it to delete",
            f"  topic {prefix}decisions: retention.bytes is 1000000, set it to -1",
            f"  topic {prefix}decisions: unclean.leader.election.enable is true, set it to false",
            f"  topic {prefix}reads: retention.ms is 604800000, set it to -1",
            f"  topic {prefix}quarantine: retention.ms is -1, set it to 2592000000",
        ]
    said = refused(environment, "relay", SILTA_KAFKA_REPLICATION="3")
    assert f"topic {prefix}reads: 1 replicas, 3 wanted (SILTA_KAFKA_REPLICATION)" in said
    assert f"topic {prefix}reads: min.insync.replicas is 1, set it to 2" in said


def test_an_unsafe_broker():
    """The settings that would hide records of a killed producer, or make mistyped topics."""
    faults = _broker_faults(
        {
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "10000",
            "transaction.max.timeout.ms": "1000",
            "auto.create.topics.enable": "true",
        }
    )
    assert faults == [
        "broker: transaction.abort.timed.out.transaction.cleanup.interval.ms is 10000, set it to 1000 or less, or a killed producer hides records",
        "broker: transaction.max.timeout.ms must be at least 5000",
        "broker: auto.create.topics.enable is true, set it to false, or a mistyped topic comes into being with unsafe settings",
    ]


def test_all_faults_of_the_settings_at_once(environment):
    """Each variable that is wrong, without its value."""
    said = refused(
        environment,
        "api",
        SILTA_API_PORT="70000",
        SILTA_LOG_LEVEL="loud",
        SILTA_KAFKA_REPLICATION="0",
        SILTA_TOPIC_PREFIX="Å",
        SILTA_MODE="secret-value",
    )
    for name in ("SILTA_API_PORT", "SILTA_LOG_LEVEL", "SILTA_KAFKA_REPLICATION", "SILTA_TOPIC_PREFIX", "SILTA_MODE"):
        assert f"  {name}: " in said
    assert "secret-value" not in said
    missing = {name: value for name, value in environment.items() if name not in {"SILTA_KAFKA_BOOTSTRAP", "SILTA_KAFKA_USERNAME"}}
    said = refused(missing, "api")
    assert "SILTA_KAFKA_BOOTSTRAP" in said


def test_production_names_what_the_network_lacks(environment):
    """Unreviewed statutes, processors, retention: each by its place in the file."""
    said = refused(environment, "worker", SILTA_MODE="production")
    assert "the network oulu-2021 can't be used:" in said
    for word in ("processor", "retention", "review"):
        assert word in said
    assert "SILTA_MODE=demo" in said
    assert len(said.splitlines()) > 10
    assert "oulu-2021" in refused(environment, "worker", SILTA_NETWORK="nowhere")


def test_key_files(environment, settings, tmp_path):
    """Missing in production, open to others, broken: a sentence each, and no key is made anew over an old one."""
    path = settings.home / "keys.json"
    path.write_text("{}")
    path.chmod(0o600)
    assert "can't be read; restore it from its backup" in refused(environment, "relay")
    assert path.read_text() == "{}"
    path.unlink()
    create_keyring(path)
    path.chmod(0o644)
    assert "chmod 600" in refused(environment, "relay")
    assert "there is no key file" in refused(environment, "digest", SILTA_KEYS_FILE=str(tmp_path / "nothing.json"))


def test_processes_that_start_at_once_share_one_new_key_file(environment, settings):
    """Eight of them in an empty home: all get ready, and there is one file."""
    code = "import threading; from hub import settings, start; h = start.start(settings.load()); print(h.keyring.identifier_key.hex())"
    children = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    said = [child.communicate(timeout=150) for child in children]
    assert [child.returncode for child in children] == [0] * 6, said
    assert len({out.splitlines()[-1] for out, _ in said}) == 1
    assert sorted(path.name for path in settings.home.iterdir() if path.name.startswith("keys")) == ["keys.json"]


def test_a_home_that_cannot_be_written(environment, tmp_path):
    """A file in its place, and a folder that others own: the folder is named."""
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    said = refused(environment, "connectors", SILTA_HOME=str(blocked))
    assert str(blocked) in said
    said = refused({name: value for name, value in environment.items() if not name.startswith("SILTA_")}, "up", SILTA_HOME=str(blocked))
    assert str(blocked) in said
    if os.geteuid() == 0 and Path("/proc/self").exists():
        said = refused(environment, "connectors", SILTA_DROP_FOLDER="/proc/silta")
        assert "/proc/silta" in said


def test_what_answers_is_no_registry(environment):
    """An address of something else: said, not decoded."""
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Hello(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_):
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Hello)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        said = refused(environment, "relay", SILTA_REGISTRY_URL=f"http://127.0.0.1:{server.server_port}/")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert "what answers at SILTA_REGISTRY_URL is no schema registry" in said


def test_the_registry_itself_refuses_what_is_not_compatible(settings, environment, tmp_path):
    """`silta schemas check --registry`: an incompatible change of a schema that stands there, refused by its own FULL_TRANSITIVE."""
    start(settings)
    assert (
        silta(environment, "schemas", "check", "--registry").stdout == "15 schemas: compatible, not recursive, and so says the registry\n"
    )
    for path in SCHEMAS.glob("*.avsc"):
        shutil.copy(path, tmp_path)
    changed = json.loads((tmp_path / "read.v1.avsc").read_text())
    changed["fields"].append({"name": "why", "type": "string"})
    (tmp_path / "read.v1.avsc").write_text(json.dumps(changed))
    said = refused(environment, "schemas", "check", "--registry", "--folder", str(tmp_path))
    assert said == "silta: the schemas have faults:\n  read.v1: the registry finds it incompatible with what reads holds\n"


def test_a_second_up_changes_nothing(stack, stack_home):
    """Nothing started, the same servers, the same addresses."""
    again = servers.up(stack_home, print)
    assert again.started == ()
    assert (again.kafka_bootstrap, again.registry_url, again.database_url) == (
        stack.kafka_bootstrap,
        stack.registry_url,
        stack.database_url,
    )


def test_a_database_that_is_newer_than_the_program(settings):
    """Is left alone."""
    import psycopg

    start(settings)
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(FatalError, match="can't be brought to this version"):
        start(settings, patience=0)
