"""One client, known to one partner, first heard of by another."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from consent.choices import Act
from consent.model import ConsentCode, ConsentItem
from hub import consents, networks
from hub.connectors.catalogue import read_sources
from hub.connectors.receiving import receive, take_in
from hub.connectors.runner import open_intake
from hub.database import connect
from hub.drafts import Identifier, Scheme
from hub.settings import Settings
from hub.start import Hub, start
from tests.unit.connectors.koski_documents import document

HETU = "131052-308T"


def test_a_consent_taken_by_the_city_lets_the_schools_first_document_through(settings: Settings) -> None:
    """The school has never sent this person before; the hetu alone tells that the city's client has agreed."""
    hub = start(settings)
    body = json.dumps(document()).encode()
    assert HETU in body.decode()
    assert _send(hub, b"before", body)[0] == 0
    _agree(hub, "oulu-city")
    admitted, denied = _send(hub, b"after", body)
    assert (admitted > 0, denied) == (True, 0)
    with connect(settings) as connection:
        clients = connection.execute("SELECT count(DISTINCT client), count(*) FROM membership").fetchall()
    assert clients == [(1, 2)]


def _agree(hub: Hub, partner: str) -> None:
    notice = next(notice for notice in hub.network.notices if notice.language == "fi")
    codes = frozenset({ConsentCode.GDPR_6_1_A, ConsentCode.JULKL_CONSENT})
    item = ConsentItem("integration_services", frozenset({"education"}), frozenset({"oulu-city"}), permit=True, codes=codes)
    now = datetime.now(UTC)
    with connect(hub.settings) as connection:
        consents.record_answer(
            hub,
            connection,
            partner,
            Identifier(Scheme.HETU, HETU),
            uuid4(),
            "give",
            consents.Wish(notice, (item,), now, now + timedelta(days=30)),
            Act(now, "face_to_face", partner, "client"),
        )


def _send(hub: Hub, name: bytes, body: bytes) -> tuple[int, int]:
    source = read_sources(networks.find("oulu-2021"), hub.network)["osao-koski"]
    with open_intake(hub, source) as intake:
        received = receive(intake, source, item=name, body=body, stamp="1")
        assert received is not None
        outcome = take_in(intake, [received])[0]
    return outcome.admitted, outcome.denied
