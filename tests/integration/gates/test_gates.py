"""Three gates, each tried at its own output; and each test fails when its gate's call alone is replaced by a permit.

The permits are passed in where the real rules are, so a gate that no longer asks its rule, or asks it and ignores the answer, shows here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from consent.model import BasisKind, BasisState, Reason
from consent.rules import basis_state, decide, decide_publication
from hub.start import Hub, start
from hub.streams.timeline import JudgeBasis
from tests.integration.delivery.hubs import CITY, OSAO, education, folded, given, rows, sent, served, topic
from tests.unit.connectors.koski_documents import HETU, body, document

DOCUMENT = body(document())


def permit_publication(network, sender, category, consents, at):
    """The first gate's permit."""
    return tuple(
        replace(decision, permitted=True, reasons=(Reason.CONSENT,))
        for decision in decide_publication(network, sender, category, consents, at)
    )


def permit_basis(request, network, consents):
    """The second gate's permit."""
    return BasisState(BasisKind.GIVEN, b"\0" * 32, datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC))


def permit_delivery(request, network, consents, at):
    """The third gate's permit."""
    decision = decide(request, network, consents, at)
    return replace(decision, permitted=True)


@pytest.fixture
def hub(settings) -> Hub:
    return start(settings)


def published(hub: Hub, rule) -> int:
    """Records of client-events after a document of a person without any consent."""
    outcome = sent(hub, "osao-koski", DOCUMENT, rule)
    print(f"admitted {outcome.admitted}, denied {outcome.denied}")
    assert outcome.admitted + outcome.denied == 3
    return len(topic(hub, "client-events"))


def test_the_first_gate_lets_nothing_into_the_topic_without_a_basis(hub):
    """Output: the topic client-events, and the register, which then does not know the person."""
    assert published(hub, decide_publication) == 0
    assert rows(hub.settings, "SELECT count(*) FROM identity") == [(0,)]
    assert len(topic(hub, "decisions")) == 3


def test_without_the_first_gate_it_leaks(hub):
    """The twin: a permit in the first gate's place, and the events are in the topic."""
    assert published(hub, permit_publication) == 3


def entries_given(hub: Hub, judge: JudgeBasis) -> int:
    """Rows of `basis_state` that say `given`, after a withdrawal that the records of the topic tell of. The first gate is out of the way."""
    with served(hub) as town:
        consent_id = given(town, HETU)
        assert sent(hub, "osao-koski", DOCUMENT).admitted == 3
        assert town.withdraw(consent_id).status_code == 200
    folded(hub, judge)
    states = dict(rows(hub.settings, "SELECT state, count(*) FROM build_1.basis_state WHERE recipient = %s GROUP BY state", CITY))
    print(states)
    assert sum(states.values()) == 3
    return states.get("given", 0)


def test_the_second_gate_joins_nothing_on_a_consent_that_was_taken_back(hub):
    """Output: the rows of `basis_state`."""
    assert entries_given(hub, basis_state) == 0


def test_without_the_second_gate_it_leaks(hub):
    """The twin: a permit in the second gate's place, and the rows say that consent is given."""
    assert entries_given(hub, permit_basis) == 3


def entries_answered(hub: Hub, rule) -> int:
    """Entries in an HTTP answer: the timeline was folded while consent stood, nobody has folded the withdrawal, and it says `given` still."""
    with served(hub, rule) as town:
        consent_id = given(town, HETU)
        assert sent(hub, "osao-koski", DOCUMENT).admitted == 3
        folded(hub)
        assert town.shown(CITY, HETU) == 3
        assert town.withdraw(consent_id).status_code == 200
        assert rows(hub.settings, "SELECT DISTINCT state FROM build_1.basis_state WHERE recipient = %s", CITY) == [("given",)]
        return town.shown(CITY, HETU)


def test_the_third_gate_delivers_nothing_on_a_consent_that_was_taken_back(hub):
    """Output: the HTTP answer."""
    assert entries_answered(hub, decide) == 0


def test_without_the_third_gate_it_leaks(hub):
    """The twin: a permit in the third gate's place, and the entries are in the answer."""
    assert entries_answered(hub, permit_delivery) == 3


def test_the_second_gate_alone_keeps_back_what_a_permit_in_the_third_would_deliver(hub):
    """A refusal that was folded: even with the third gate gone, the answer is empty."""
    with served(hub, permit_delivery) as town:
        given(town, HETU)
        assert sent(hub, "osao-koski", DOCUMENT).admitted == 3
        given(town, HETU, answer="refuse", items=[education(permit=False)], channel="phone")
        folded(hub)
        assert town.shown(CITY, HETU) == 0


@pytest.mark.parametrize("by", [OSAO, CITY])
def test_a_refusal_binds_at_every_gate_whoever_recorded_it(hub, by):
    """Recorded by the sender or by the recipient: nothing is published, joined or delivered any more."""
    with served(hub) as town:
        given(town, HETU)
        assert sent(hub, "osao-koski", DOCUMENT).admitted == 3
        folded(hub)
        given(town, HETU, by=by, answer="refuse", items=[education(permit=False)])
        assert town.shown(CITY, HETU) == 0
        folded(hub)
        assert rows(hub.settings, "SELECT DISTINCT state FROM build_1.basis_state WHERE recipient = %s", CITY) == [("refused",)]
        changed = document()
        changed["opiskeluoikeudet"][0]["tila"]["opiskeluoikeusjaksot"].append(
            {"alku": "2024-08-01", "tila": {"koodiarvo": "valmistunut", "koodistoUri": "koskiopiskeluoikeudentila"}}
        )
        assert sent(hub, "osao-koski", body(changed)).denied > 0
        folded(hub)
        assert rows(hub.settings, "SELECT count(*) FROM build_1.entry WHERE action <> 'retract'") == [(3,)]
