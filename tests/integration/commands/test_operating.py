"""What operations staff do from the command line, on the real servers."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hub import networks
from hub.connectors.catalogue import read_sources
from hub.connectors.receiving import receive, take_in
from hub.connectors.runner import open_intake
from hub.database import connect
from hub.settings import Settings
from hub.start import Hub, start
from hub.streams.rebuild import rebuild

HETU = "131052-308T"
Silta = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def silta(environment: dict[str, str]) -> Silta:
    """Runs the command line as a process of its own."""

    def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("silta")), *arguments]
        return subprocess.run(command, env=environment, input=given, capture_output=True, text=True, timeout=90, check=False)

    return run


@pytest.fixture
def hub(settings: Settings) -> Hub:
    """This test's hub."""
    return start(settings)


def test_a_credential_is_shown_once_and_kept_as_a_hash(silta: Silta, settings: Settings) -> None:
    """The database holds nothing that could be sent as a secret."""
    made = json.loads(silta("credentials", "create", "osao", "--json").stdout)
    with connect(settings) as connection:
        rows = connection.execute("SELECT partner, role, encode(secret_sha256, 'hex') FROM partner_credential").fetchall()
    assert [(partner, role) for partner, role, _ in rows] == [("osao", "partner")]
    assert made["secret"] not in str(rows)
    assert silta("credentials", "revoke", "osao").stdout == "osao: 1 revoked\n"


def test_an_unknown_organisation_gets_no_credential(silta: Silta) -> None:
    """The message names those that there are."""
    refused = silta("credentials", "create", "nobody")
    assert refused.returncode == 2
    assert "business-oulu, kela, osao, oulu-city, te-pohjois-pohjanmaa" in refused.stderr


def test_a_consent_is_given_and_taken_back_at_a_desk(silta: Silta) -> None:
    """The hetu goes in by standard input and comes out nowhere."""
    given = silta(
        *("consent", "give", "--partner", "osao", "--purpose", "integration_services", "--category", "education"),
        *("--recipient", "oulu-city", "--id", "0f4d0a6c-6f43-4f6e-9d0a-5b8c3f5f0001"),
        given=HETU,
    )
    assert given.returncode == 0, given.stderr
    assert "version 1 given" in given.stdout
    withdrawn = silta("consent", "withdraw", "0f4d0a6c-6f43-4f6e-9d0a-5b8c3f5f0001", "--partner", "osao")
    assert "version 2 withdrawn" in withdrawn.stdout
    listed = silta("consent", "list", "--partner", "osao", given=HETU)
    assert listed.stdout.splitlines()[-1] == "1 consents"
    assert HETU not in "".join(one.stdout + one.stderr for one in (given, withdrawn, listed))


def test_a_consent_of_another_partners_client_is_not_found(silta: Silta) -> None:
    """Kela has no record of the person, so it can't take the consent back."""
    identity = "0f4d0a6c-6f43-4f6e-9d0a-5b8c3f5f0002"
    options = ["--purpose", "integration_services", "--category", "education", "--recipient", "oulu-city", "--id", identity]
    assert silta("consent", "refuse", "--partner", "osao", *options, given=HETU).returncode == 0
    refused = silta("consent", "withdraw", identity, "--partner", "kela")
    assert refused.returncode == 2
    assert "no such consent of a client of yours" in refused.stderr


def test_keys_are_never_overwritten(silta: Silta, settings: Settings) -> None:
    """A second `keys create` would make all data unreadable."""
    assert silta("keys", "create").returncode == 0
    before = settings.keys.read_bytes()
    refused = silta("keys", "create")
    assert refused.returncode == 2
    assert settings.keys.read_bytes() == before


def test_a_rebuild_of_an_empty_timeline_is_equal_and_active(hub: Hub) -> None:
    """Nothing replayed, the same digest, the next build."""
    said: list[str] = []
    result = rebuild(hub, said.append)
    assert (result.build, result.records, result.before == result.after) == ("build_2", 0, True)
    with connect(hub.settings) as connection:
        assert connection.execute("SELECT build FROM active_build").fetchall() == [("build_2",)]


def test_what_can_not_be_read_is_kept_sealed_and_replayed_once(silta: Silta, hub: Hub) -> None:
    """Unreadable still: it stays. Once it is destroyed, it is gone for good."""
    source = read_sources(networks.find("oulu-2021"), hub.network)["osao-koski"]
    with open_intake(hub, source) as intake:
        received = receive(intake, source, item=b"some name", body=b'{"henkil', stamp="1")
        assert received is not None
        outcome = take_in(intake, [received])[0]
    assert [(fault.pointer, fault.code) for fault in outcome.errors] == [("", "not_json")]
    _relay_once(hub)
    listed = silta("quarantine", "list").stdout.splitlines()
    assert listed[-1] == "1 in quarantine"
    assert listed[0].endswith("osao-koski /: not_json")
    quarantine_id = listed[0].split()[0]
    refused = silta("quarantine", "replay", quarantine_id)
    assert refused.returncode == 2
    assert "still can't be read; it stays" in refused.stderr
    with connect(hub.settings) as connection:
        connection.execute("UPDATE quarantine_key SET expires_at = '2020-01-01'")
    from hub.housekeeping import keep_house

    keep_house(hub)
    assert silta("quarantine", "list").stdout == "0 in quarantine\n"


def _relay_once(hub: Hub) -> None:
    from hub.outbox import Relay
    from hub.publisher import DurableProducer

    with connect(hub.settings, autocommit=True) as connection, DurableProducer(hub.settings) as producer:
        relay = Relay(connection, producer, hub.settings.topic_prefix)
        assert relay.take_over()
        assert relay.relay_batch() > 0
