"""Claims and snapshot under whatever comes: corrections, denials, omissions, two senders, and kills between the steps of intake.

A state machine on the real servers. Each example has two people of its own, whose facts form a record with parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from consent.model import ConsentRecord, Decision, Network, Reason, Request
from hub import admitted
from hub.admitted import ContendedError
from hub.drafts import Delivery, Draft, Identifier, Parent, Scheme
from hub.intake import Intake, Origin
from hub.planning import Consignment, fact_refs, plan
from hub.register.store import Register
from hub.slots import Slot, recover_if_abandoned
from ops.stack import Endpoints
from tests.figures import Published, events
from tests.sites import Site, opened_site

pytestmark = pytest.mark.slow

SOURCE, PARTNER = "city-csv", "oulu-city"
DAYS = {name: date(2026, 3, number) for number, name in enumerate("ABC", 1)}
FACTS = {"own": "record", "whole": "record", "part": "whole", "alone": None}
"""Each fact and what it stands under."""
BOUNDARIES = ("before the first commit", "claimed", "produced", "published")

_numbers = count(1)
contents = st.dictionaries(st.sampled_from(sorted(FACTS)), st.sampled_from("ABC"), min_size=1)


class Claims(RuleBasedStateMachine):
    """Two slots of one source; a dead one is taken up again by its successor, or settled by the other one when it is in the way."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site
        self.allowed = True
        self.person = (Identifier(Scheme.PARTNER, f"P{next(_numbers)}", SOURCE),)
        self.intakes: list[Intake | None] = [None, None]
        self.last: tuple[dict[str, str], bool] | None = None

    def decide(
        self, network: Network, sender: str, category: str, _consents: Sequence[ConsentRecord], at: datetime, /
    ) -> tuple[Decision, ...]:
        reason = Reason.CONSENT if self.allowed else Reason.CONSENT_ABSENT
        return (Decision(Request(sender, "kela", category, "benefit_processing"), self.allowed, (reason,), network.version, at=at),)

    def intake(self, number: int) -> Intake:
        """The sender, brought to life if it was killed."""
        found = self.intakes[number]
        if found is None:
            hub = self.site.hub
            slot = Slot(hub.settings, hub.wire, SOURCE)
            register = Register(hub.keyring, hub.wire, hub.now)
            found = Intake(hub.settings, hub.keyring, hub.wire, register, lambda: hub.network, Origin("p", "b"), slot, hub.now, self.decide)
            self.intakes[number] = found
        return found

    def sending(self, stated: dict[str, str], *, whole: bool, retract: str | None = None) -> Consignment:
        drafts = [
            Draft(
                1,
                "/rows/1",
                self.person,
                fact,
                "service_need",
                "service_need",
                {"assessed_on": DAYS[content], "need": "ordinary", "responsible_role": None},
                parent=FACTS[fact],
                retract=fact == retract,
            )
            for fact, content in stated.items()
        ]
        parents = (Parent(1, "/rows/1", self.person, "record"),) if whole else ()
        return Consignment(uuid4(), uuid4().bytes, Delivery(SOURCE, PARTNER, tuple(drafts), parents, (), 1))

    @rule(sender=st.integers(0, 1), stated=contents, whole=st.booleans())
    def send(self, sender: int, stated: dict[str, str], whole: bool) -> None:
        """Send versions of facts; with `whole`, what else stands in the record is left out of it."""
        self.intake(sender).admit([self.sending(stated, whole=whole)])
        self.last = stated, whole

    @rule(sender=st.integers(0, 1))
    def send_a_b_a(self, sender: int) -> None:
        """Three versions in one batch, the last like the first."""
        self.intake(sender).admit([self.sending({"alone": content}, whole=False) for content in "ABA"])
        self.last = {"alone": "A"}, False

    @rule(sender=st.integers(0, 1), fact=st.sampled_from(sorted(FACTS)))
    def retract(self, sender: int, fact: str) -> None:
        """Take a fact back, with its parts."""
        self.intake(sender).admit([self.sending({fact: "A"}, whole=False, retract=fact)])
        self.last = None

    @rule()
    def withdraw_or_allow(self) -> None:
        """From now on the gate answers otherwise."""
        self.allowed = not self.allowed
        self.last = None

    @precondition(lambda self: self.last is not None and not any(intake is None for intake in self.intakes))
    @rule(sender=st.integers(0, 1))
    def send_again(self, sender: int) -> None:
        """What was sent last, sent again by either sender, publishes nothing."""
        assert self.last is not None
        stated, whole = self.last
        consistent = not whole or all(FACTS[fact] in {None, "record", *stated} for fact in stated)
        (outcome,) = self.intake(sender).admit([self.sending(stated, whole=whole)])
        if consistent:
            assert outcome.admitted == 0

    @rule(sender=st.integers(0, 1), stated=contents, boundary=st.sampled_from(BOUNDARIES))
    def killed(self, sender: int, stated: dict[str, str], boundary: str) -> None:
        """A sender that gets as far as this boundary, and is never heard of again: its session and its producer are gone."""
        intake = self.intake(sender)
        with suppress(ContendedError):
            _admit_until(intake, [self.sending(stated, whole=False)], boundary)
        intake.slot.close()
        self.intakes[sender] = None
        self.last = None

    @invariant()
    def each_chain_ends_in_the_snapshot(self) -> None:
        """The snapshot's event was published, and none that was published follows it."""
        loose = self.site.rows(
            "WITH published AS (SELECT c.* FROM claim c JOIN claim_batch b ON b.id = c.batch WHERE b.state = 'published') "
            "SELECT FROM snapshot s WHERE NOT EXISTS (SELECT FROM published p WHERE p.event_id = s.event_id) "
            "OR EXISTS (SELECT FROM published p WHERE p.predecessor = s.event_id)"
        )
        assert loose == []

    @invariant()
    def each_claim_follows_another(self) -> None:
        """No claim without the claim before it, and no two after the same one."""
        orphans = self.site.rows(
            "SELECT FROM claim c WHERE predecessor IS NOT NULL AND NOT EXISTS (SELECT FROM claim p WHERE p.event_id = c.predecessor)"
        )
        forks = self.site.rows("SELECT fact_ref FROM claim GROUP BY fact_ref, predecessor HAVING count(*) > 1")
        assert (orphans, forks) == ([], [])

    def teardown(self) -> None:
        for intake in self.intakes:
            if intake is not None:
                intake.slot.close()
        self._settle_all()
        _assert_sound(self.site)

    def _settle_all(self) -> None:
        hub = self.site.hub
        for (number,) in self.site.rows("SELECT slot FROM slot WHERE source = %s", SOURCE):
            while not recover_if_abandoned(hub.settings, hub.wire, SOURCE, number):
                pass


def _admit_until(intake: Intake, batch: Sequence[Consignment], boundary: str) -> None:
    """The steps of `Intake._admit_once`, up to one of them."""
    at, network, connection = intake.now(), intake.network(), intake.slot.connection
    people = intake._look_up(batch, network, at)
    refs = fact_refs(intake.keyring, batch, {key: person.ref for key, person in people.items()})
    made = plan(intake.keyring, batch, people, admitted.select_facts(connection, refs))
    claims = intake._claim(made, people, at)
    if boundary == "before the first commit":
        return
    connection.commit()
    if boundary == "claimed":
        return
    messages = [
        *intake._event_messages(claims, network, at),
        *intake._decision_messages(made.verdicts, people, claims, network, at),
    ]
    if boundary == "published":
        intake.slot.publish(messages)
        return
    producer = intake.slot._producer._producer
    producer.begin_transaction()
    for message in messages:
        producer.produce(message.topic, message.value, message.key, headers=message.headers)
    assert producer.flush(20) == 0


def _assert_sound(site: Site) -> None:
    """Topic and tables agree: each event once, in chains without forks, each ending where the snapshot says."""
    assert site.one("SELECT count(*) FROM claim_batch WHERE state = 'claimed'") == 0
    found = events(site)
    by_id = {event.event_id: event for event in found}
    assert len(by_id) == len(found)
    assert by_id.keys() == {event_id for (event_id,) in site.rows("SELECT event_id FROM claim")}
    followed = Counter(event.target for event in found if event.target is not None)
    assert set(followed) <= by_id.keys()
    assert set(followed.values()) <= {1}
    ends = {event.fact_ref: event for event in found if event.event_id not in followed}
    assert len(ends) == len({event.fact_ref for event in found})
    snapshot = {
        fact_ref: (event_id, live) for fact_ref, event_id, live in site.rows("SELECT fact_ref, event_id, content IS NOT NULL FROM snapshot")
    }
    assert snapshot == {fact_ref: (event.event_id, event.action != "retract") for fact_ref, event in ends.items()}
    _assert_actions(found, by_id)


def _assert_actions(found: Sequence[Published], by_id: dict[bytes, Published]) -> None:
    for event in found:
        before = None if event.target is None else by_id[event.target]
        live = before is not None and before.action != "retract"
        assert live is (event.action in {"correct", "retract"})


@pytest.fixture
def site(stack: Endpoints, tmp_path: Path) -> Iterator[Site]:
    with opened_site(stack, tmp_path) as opened:
        assert opened.hub.network.id == "oulu-2021"
        yield opened


def test_claims_and_snapshot(site: Site):
    """Whatever happens in whatever order, every chain is whole and ends in the snapshot, and nothing stays claimed."""
    run_state_machine_as_test(
        lambda: Claims(site),
        settings=settings(
            max_examples=6,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    found = events(site)
    print(
        f"{len(found)} events of {len({event.fact_ref for event in found})} facts; slots restarted {site.one('SELECT sum(epoch) FROM slot')} times"
    )
    assert len(found) > 30
