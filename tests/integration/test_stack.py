import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from hub.errors import FatalError
from ops import stack as servers
from ops.stack import artefacts, ports
from ops.stack.local import SERVERS
from ops.stack.processes import Running
from tests.waiting import runs, until

SILTA = [str(Path(sys.executable).with_name("silta"))]


def silta(home, *arguments, **environment):
    """The command as a user runs it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SILTA_")}
    command = [*SILTA, *arguments]
    return subprocess.run(command, env={**clean, "SILTA_HOME": str(home), **environment}, capture_output=True, text=True, check=False)


@pytest.fixture
def home():
    """A stack of the test's own, that it may kill."""
    folder = Path(tempfile.mkdtemp(prefix="silta-own-"))
    yield folder
    servers.down(folder, erase=True)
    shutil.rmtree(folder)


def pids(home):
    return {server.name: server.pid for server in servers.status(home)}


def test_a_second_up_changes_nothing(stack, stack_home):
    """It starts nothing and gives the same addresses."""
    before = pids(stack_home)
    again = servers.up(stack_home, print)
    assert again.started == ()
    assert (again.kafka_bootstrap, again.registry_url, again.database_url) == (
        stack.kafka_bootstrap,
        stack.registry_url,
        stack.database_url,
    )
    assert pids(stack_home) == before


def test_only_loopback_listens(stack, stack_home):
    """No socket of the three servers listens to the network, management ports included."""
    listening = [
        connection.laddr.ip
        for pid in pids(stack_home).values()
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) == 5
    assert set(listening) == {"127.0.0.1"}


def test_all_three_fit_into_a_gigabyte(stack, stack_home):
    """What the README promises."""
    used = {server.name: server.memory / 1e6 for server in servers.status(stack_home)}
    print("memory MB:", {name: round(size) for name, size in used.items()}, "together", round(sum(used.values())))
    assert all(size > 10 for size in used.values())
    assert sum(used.values()) < 1000


@pytest.mark.parametrize(
    "change",
    [
        {"security.protocol": "PLAINTEXT", "sasl.mechanism": "", "sasl.username": "", "sasl.password": ""},
        {"sasl.password": "wrong"},
        {"sasl.username": "nobody"},
    ],
)
def test_kafka_refuses_strangers(kafka, change):
    """Without the password there is no metadata."""
    config = {name: value for name, value in {**kafka, **change}.items() if value} | {"log_level": 0}
    with pytest.raises(KafkaException):
        AdminClient(config).list_topics(timeout=3)


def test_the_controller_refuses_strangers(stack, stack_home):
    """The broker's own way to its controller is closed to others too."""
    port = json.loads((stack_home / "stack" / "ports.json").read_text())["kafka-controller"]
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0}).list_topics(timeout=3)


def test_kafka_makes_no_topics_by_itself(kafka):
    """A misspelt topic is an error."""
    AdminClient(kafka).list_topics("misspelt", timeout=10)
    assert "misspelt" not in AdminClient(kafka).list_topics(timeout=10).topics


@pytest.mark.parametrize("password", ["", "wrong"])
def test_postgresql_refuses_strangers(stack, password):
    """Loopback is no reason to trust."""
    port = psycopg.conninfo.conninfo_to_dict(stack.database_url)["port"]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host="127.0.0.1", port=port, user="silta", dbname="silta", password=password)


def test_postgresql_logs_no_values(stack, stack_home):
    """Neither a failed statement, nor its parameters, nor the row that broke a constraint."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE person (code text PRIMARY KEY)")
        for _ in range(2):
            try:
                connection.execute("INSERT INTO person VALUES (%s)", ["131052-308T"])
            except psycopg.errors.UniqueViolation:
                break
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT '131052-308T' FROM nowhere")
    log = (stack_home / "stack" / "postgres" / "server.log").read_text()
    assert "starting PostgreSQL" in log
    assert "131052" not in log
    assert "person_pkey" not in log


def test_secrets_are_private(stack, stack_home):
    """Files for their owner alone, nothing on a command line."""
    assert (stack_home / "stack.json").stat().st_mode & 0o777 == 0o600
    assert (stack_home / "stack").stat().st_mode & 0o777 == 0o700
    for pid in pids(stack_home).values():
        command = " ".join(psutil.Process(pid).cmdline())
        assert stack.kafka_password not in command
        assert stack.database_url not in command


@pytest.mark.slow
def test_data_survives_killed_servers(home):
    """Records, schemas and rows are there again after SIGKILL and a new `up`, which finds the stale pid files."""
    endpoints = servers.up(home, print)
    client = {
        "bootstrap.servers": endpoints.kafka_bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": endpoints.kafka_username,
        "sasl.password": endpoints.kafka_password,
    }
    admin = AdminClient(client)
    admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(10)
    producer = Producer({**client, "acks": "all"})
    producer.produce("kept", b"record")
    assert producer.flush(10) == 0
    httpx.post(f"{endpoints.registry_url}/subjects/kept/versions", json={"schema": '"string"'}, timeout=10).raise_for_status()
    with psycopg.connect(endpoints.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")

    for pid in pids(home).values():
        os.kill(pid, signal.SIGKILL)
    again = servers.up(home, print)

    assert again.started == SERVERS
    assert again.settings() == endpoints.settings()
    consumer = Consumer({**client, "group.id": "test"})
    consumer.assign([TopicPartition("kept", 0, 0)])
    message = consumer.poll(20)
    consumer.close()
    assert message.value() == b"record"
    assert httpx.get(f"{endpoints.registry_url}/subjects", timeout=10).json() == ["kept"]
    with psycopg.connect(endpoints.database_url) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_postgresql_starts_beside_what_is_left_of_a_killed_one(home):
    """Nobody has reaped the killed server, so its pid is still there, and PostgreSQL's lock file names it."""
    servers.up(home, print)
    killed = pids(home)["postgres"]
    os.kill(killed, signal.SIGKILL)
    until(lambda: not runs(killed))
    assert psutil.pid_exists(killed)
    assert servers.up(home, print).started == ("postgres",)


@pytest.mark.slow
def test_one_stack_for_two_ups_and_down_leaves_others_alone(home):
    """Two at a time start one stack; a port that somebody took is changed; a pid that was given anew is not stopped."""
    both = [threading.Thread(target=servers.up, args=(home, print)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    first = pids(home)
    assert all(first.values())
    assert silta(home, "status").returncode == 0

    ended = silta(home, "down")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not any(runs(pid) for pid in first.values())
    assert silta(home, "status").returncode == 1

    kept = home / "stack" / "ports.json"
    taken = json.loads(kept.read_text())["registry"]
    with socket.create_server(("127.0.0.1", taken)):
        said = []
        servers.up(home, said.append)
    assert f"port {taken} of registry is taken" in "\n".join(said)
    assert json.loads(kept.read_text())["registry"] != taken

    running = Running.load(home / "stack" / "registry.pid.json")
    other = subprocess.Popen(["sleep", "60"])
    Running(other.pid, running.started, running.marker).save(home / "stack" / "registry.pid.json")
    servers.down(home)
    assert other.poll() is None
    other.kill()
    other.wait()
    running.save(home / "stack" / "registry.pid.json")


@pytest.mark.slow
def test_a_second_listener_sends_clients_to_the_proxy(home):
    """Clients that come by the proxy stay on it: the broker names the proxy's port."""
    endpoints = servers.up(home, print, proxy_port=1)
    client = {
        "bootstrap.servers": endpoints.kafka_proxied,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": endpoints.kafka_username,
        "sasl.password": endpoints.kafka_password,
        "log_level": 0,
    }
    (broker,) = AdminClient(client).list_topics(timeout=10).brokers.values()
    assert (broker.host, broker.port) == ("127.0.0.1", 1)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A Maven repository of one's own which has something else under every name, and nothing cached."""

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"other")

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
    (tmp_path / "jgo.conf").write_text(f"[repositories]\nown = http://127.0.0.1:{server.server_port}\n")
    yield server
    server.shutdown()
    server.server_close()


def test_a_download_with_another_checksum_is_refused(repository, tmp_path):
    """It is named, and nothing of it stays."""
    with pytest.raises(FatalError, match=r"io\.apicurio:apicurio-registry-app:3\.3\.3:all is not the file"):
        artefacts.fetch("registry", print)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"] == []


def test_a_cached_file_with_another_checksum_is_not_used(repository, tmp_path):
    """Also one in the local Maven repository is downloaded afresh."""
    (artefact,) = artefacts.pinned("registry")
    (tmp_path / "m2" / artefact.path).parent.mkdir(parents=True)
    (tmp_path / "m2" / artefact.path).write_bytes(b"other")
    with pytest.raises(FatalError, match="is not the file"):
        artefacts.fetch("registry", print)


def test_an_unreachable_repository_is_said(repository, tmp_path):
    """The message names the artefact and the way out."""
    (tmp_path / "jgo.conf").write_text("[repositories]\nown = http://127.0.0.1:9\n")
    with pytest.raises(FatalError, match=r"apicurio-registry-app.*SILTA_KAFKA_BOOTSTRAP, SILTA_REGISTRY_URL, SILTA_DATABASE_URL"):
        artefacts.fetch("registry", print)


def test_a_part_of_ones_own_servers_is_an_error(tmp_path):
    """The message names what is missing, and nothing is started."""
    ended = silta(tmp_path, "up", SILTA_KAFKA_BOOTSTRAP="a:1", SILTA_DATABASE_URL="postgresql://a/b")
    assert ended.returncode == 2
    assert "SILTA_REGISTRY_URL" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_ones_own_servers_start_nothing(tmp_path):
    """With all three given, `up` does nothing."""
    ended = silta(tmp_path, "up", SILTA_KAFKA_BOOTSTRAP="a:1", SILTA_DATABASE_URL="postgresql://a/b", SILTA_REGISTRY_URL="http://a")
    assert ended.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    """In a sentence."""
    (tmp_path / "file").touch()
    ended = silta(tmp_path / "file" / "home", "up")
    assert ended.returncode == 2
    assert "can't be written" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_is_kept_while_it_is_free(tmp_path):
    """Chosen once; chosen again only for the one that is taken."""
    first = ports.keep(tmp_path / "ports.json", ["a", "b"], print)
    with socket.create_server(("127.0.0.1", first["a"])):
        second = ports.keep(tmp_path / "ports.json", ["a", "b"], print)
    assert second["b"] == first["b"]
    assert second["a"] != first["a"]
