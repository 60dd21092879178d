"""The rights that docker-compose.yml gives Silta's Kafka user suffice, tried with a user who has them and nothing else."""

import json
import secrets
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from hub import networks
from hub.connectors.catalogue import read_sources
from hub.connectors.receiving import receive, take_in
from hub.connectors.runner import open_intake
from hub.errors import FatalError
from hub.publisher import DurableProducer, Message
from hub.settings import Settings
from hub.start import start
from tests.unit.docs.pages import ROOT
from tests.waiting import until

ROWS = "id;henkilötunnus;kartoituspäivä;osa-alue;asteikko;taso\nM-1;010190-901R;2026-03-02;digitaidot;1-5;3\n".encode()
KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.BROKER,
}
OPERATIONS = {
    "Create": AclOperation.CREATE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
}
PATTERNS = {"literal": ResourcePatternType.LITERAL, "prefixed": ResourcePatternType.PREFIXED}


def bindings(user: str, prefix: str) -> list[AclBinding]:
    """The lines of the file, as docker-compose.yml's script reads them."""
    found = []
    for line in (ROOT / "ops" / "compose" / "acls.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            kind, name, pattern, operations = line.split()
            real = name if kind == "cluster" else prefix + name
            found += [
                AclBinding(KINDS[kind], real, PATTERNS[pattern], f"User:{user}", "*", OPERATIONS[each], AclPermissionType.ALLOW)
                for each in operations.split(",")
            ]
    return found


@pytest.fixture
def limited(settings: Settings, kafka: dict[str, str]):
    """Settings with a user of this test's own who has the file's rights."""
    admin = AdminClient(kafka)
    user, password = f"u{secrets.token_hex(4)}", secrets.token_hex(16)
    made = UserScramCredentialUpsertion(user, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), password.encode())
    for done in admin.alter_user_scram_credentials([made]).values():
        done.result(timeout=10)
    rights = bindings(user, settings.topic_prefix)
    for done in admin.create_acls(rights).values():
        done.result(timeout=10)
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    yield Settings(**{**values, "kafka_username": user, "kafka_password": password})
    admin.delete_acls([binding_filter(one) for one in rights])
    for done in admin.alter_user_scram_credentials([UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)]).values():
        done.result(timeout=10)


def binding_filter(one: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(one.restype, one.name, one.resource_pattern_type, one.principal, one.host, one.operation, one.permission_type)


def test_the_rights_suffice_for_every_process(limited: Settings, environment: dict[str, str]) -> None:
    """Topics are made and judged, a transaction and a lone record published, and a worker follows them in its group."""
    hub = start(limited)
    source = read_sources(networks.find(limited.network), hub.network)["city-csv"]
    with open_intake(hub, source) as intake:
        (outcome,) = take_in(intake, [receive(intake, source, item=b"1" * 32, body=ROWS, stamp="1")])
    assert (outcome.admitted, outcome.errors) == (1, [])
    assert limited.kafka_username is not None
    assert limited.kafka_password is not None
    child = {
        **environment,
        "SILTA_KAFKA_USERNAME": limited.kafka_username,
        "SILTA_KAFKA_PASSWORD": limited.kafka_password.get_secret_value(),
    }
    silta = str(Path(sys.executable).with_name("silta"))
    with subprocess.Popen([silta, "worker"], env=child, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as worker:
        try:
            assert worker.stdout is not None
            assert json.loads(worker.stdout.readline()) == {"ready": "worker"}
            url = limited.database_url.get_secret_value()

            def joined() -> int:
                with psycopg.connect(url) as connection:
                    return connection.execute("SELECT count(*) FROM build_1.entry").fetchone()[0]

            until(joined, 60, "the worker has joined the entry")
        finally:
            worker.terminate()


def test_the_rights_end_there(limited: Settings) -> None:
    """A topic that is not Silta's can't be written."""
    start(limited)
    with DurableProducer(limited) as producer, pytest.raises(FatalError, match="Kafka refuses access"):
        producer.publish([Message("somebody-elses", b"key", b"value")])
