"""The pure heart of intake: what a batch comes to, and that it does not matter how a sequence of sendings is cut into batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from consent.model import Decision, Reason, Request
from hub.drafts import Delivery, Draft, Identifier, ItemError, Parent, Scheme
from hub.errors import Fault
from hub.planning import Admitted, Consignment, Event, Person, Plan, fact_refs, plan
from hub.vault import KeyClass, Keyring

KEYRING = Keyring(1, {1: b"w" * 32}, b"i" * 32, b"f" * 32, b"e" * 32)
SUBJECT = (Identifier(Scheme.HETU, "131052-308T"),)
PERSON = b"p" * 32
NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAYS = {name: date(2026, 3, 1 + number) for number, name in enumerate("ABCDEF")}


def decision(*, permitted: bool, statute: str | None = None, fields: frozenset[str] | None = None, recipient: str = "te") -> Decision:
    reason = Reason.CONSENT_ABSENT if not permitted else Reason.STATUTE if statute else Reason.CONSENT
    request = Request("city", recipient, "service_need", "employment_services")
    return Decision(request, permitted, (reason,), "n1", statute=statute, fields=fields, at=NOW)


PERMIT, DENY = decision(permitted=True), decision(permitted=False)


def draft(content: str, fact: str = "fact", **more: object) -> Draft:
    payload = {"assessed_on": DAYS[content], "need": "ordinary", "responsible_role": None}
    return replace(Draft(1, "/rows/1", SUBJECT, fact, "service_need", "service_need", payload), **more)  # type: ignore[arg-type]


def sending(*drafts: Draft, number: int = 1, parents: tuple[Parent, ...] = (), errors: tuple[ItemError, ...] = ()) -> Consignment:
    return Consignment(UUID(int=number), bytes([number]), Delivery("city-csv", "city", drafts, parents, errors, len(drafts)))


def parent(of: str, *, removed: bool = False) -> Parent:
    return Parent(1, "/rows/1", SUBJECT, of, removed)


class Hub:
    """What has been admitted, as a batch after the other leaves it."""

    def __init__(self) -> None:
        self.facts: dict[bytes, Admitted] = {}
        self.events: list[Event] = []

    def take(self, *batch: Consignment, decisions: Sequence[Decision] = (PERMIT,)) -> Plan:
        people = {("city", SUBJECT): Person(PERSON, None, lambda _category: tuple(decisions))}
        known = fact_refs(KEYRING, batch, {("city", SUBJECT): PERSON})
        made = plan(KEYRING, batch, people, self._with_parts(known))
        self.facts |= {event.after.fact_ref: event.after for event in made.events}
        self.events += made.events
        return made

    @property
    def live(self) -> set[bytes]:
        return {ref for ref, fact in self.facts.items() if fact.content is not None}

    def _with_parts(self, refs: Iterable[bytes]) -> list[Admitted]:
        found = set(refs)
        while more := {fact.fact_ref for fact in self.facts.values() if fact.parent_ref in found} - found:
            found |= more
        return [fact for ref, fact in self.facts.items() if ref in found]


def ref(fact: str) -> bytes:
    return KEYRING.fact("city-csv", PERSON, fact)


def actions(made: Plan) -> list[str]:
    return [event.action for event in made.events]


def test_a_first_sending_asserts():
    """A fact that nobody knew becomes an event without predecessor, and one permitting decision."""
    made = Hub().take(sending(draft("A")))
    assert [(event.action, event.predecessor) for event in made.events] == [("assert", None)]
    assert [(verdict.permitted, verdict.event_id) for verdict in made.verdicts] == [(True, made.events[0].event_id)]


def test_a_repeat_comes_to_nothing():
    """The same content again is counted as unchanged, and neither published nor decided."""
    hub = Hub()
    hub.take(sending(draft("A")))
    made = hub.take(sending(draft("A"), number=2))
    assert (made.events, made.verdicts, made.unchanged) == ([], [], {UUID(int=2): 1})


def test_a_correction_names_what_it_corrects():
    """Other content of a live fact corrects the event before it."""
    hub = Hub()
    (first,) = hub.take(sending(draft("A"))).events
    (second,) = hub.take(sending(draft("B"), number=2)).events
    assert (second.action, second.predecessor) == ("correct", first.event_id)


def test_a_to_b_to_a_is_three_events():
    """Going back to an earlier content is an event of its own."""
    hub = Hub()
    for number, content in enumerate("ABA", 1):
        hub.take(sending(draft(content), number=number))
    assert len({event.event_id for event in hub.events}) == 3
    assert [event.predecessor for event in hub.events] == [None, hub.events[0].event_id, hub.events[1].event_id]
    assert hub.events[0].after.content == hub.events[2].after.content


def test_the_same_events_whoever_publishes_them():
    """Ids depend on what was sent and what stood before, so that a repeat after a crash is the same event."""
    one, other = Hub(), Hub()
    for hub in (one, other):
        hub.take(sending(draft("A")))
        hub.take(sending(draft("B"), number=2))
    assert [event.event_id for event in one.events] == [event.event_id for event in other.events]


def test_a_retraction_takes_the_parts_with_it():
    """What is retracted by its sender goes with all that stands under it, parts before the whole, and without payload."""
    hub = Hub()
    hub.take(sending(draft("A", "degree"), draft("B", "unit", parent="degree"), draft("C", "course", parent="unit"), draft("D", "other")))
    made = hub.take(sending(draft("A", "degree", retract=True), number=2))
    assert [event.after.fact_ref for event in made.events] == [ref("course"), ref("unit"), ref("degree")]
    assert {(event.action, event.payload, event.after.content) for event in made.events} == {("retract", b"", None)}
    assert hub.live == {ref("other")}


def test_a_retraction_of_nothing_is_nothing():
    """A fact that was never admitted, or is retracted already, is not retracted."""
    hub = Hub()
    assert hub.take(sending(draft("A", retract=True))).events == []
    hub.take(sending(draft("A"), number=2))
    assert actions(hub.take(sending(draft("A", retract=True), number=3))) == ["retract"]
    assert hub.take(sending(draft("A", retract=True), number=4)).events == []


def test_after_a_retraction_the_same_content_is_asserted_anew():
    """What was retracted and is sent again is an event of its own."""
    hub = Hub()
    hub.take(sending(draft("A")))
    hub.take(sending(draft("A", retract=True), number=2))
    assert actions(hub.take(sending(draft("A"), number=3))) == ["assert"]
    assert len({event.event_id for event in hub.events}) == 3


def test_what_a_record_leaves_out_is_retracted_unless_kept():
    """The whole of a record is stated: an absent part is retracted, a kept one stays with all its parts."""
    hub = Hub()
    parts = (
        draft("A", "gone", parent="right"),
        draft("B", "kept", parent="right", kept_when_omitted=True),
        draft("C", "under", parent="kept"),
    )
    hub.take(sending(draft("D", "own", parent="right"), *parts, parents=(parent("right"),)))
    made = hub.take(sending(draft("D", "own", parent="right"), number=2, parents=(parent("right"),)))
    assert [event.after.fact_ref for event in made.events] == [ref("gone")]
    assert hub.live == {ref("own"), ref("kept"), ref("under")}


def test_a_removed_record_takes_kept_parts_too():
    """A record that is void as a whole leaves nothing."""
    hub = Hub()
    hub.take(sending(draft("A", "own", parent="right"), draft("B", "kept", parent="right", kept_when_omitted=True), draft("C", "else")))
    hub.take(sending(number=2, parents=(parent("right", removed=True),)))
    assert hub.live == {ref("else")}


def test_a_fact_that_is_its_own_parent_goes_with_its_record():
    """A record's own fact names itself as its parent."""
    hub = Hub()
    hub.take(sending(draft("A", "right", parent="right"), draft("B", "part", parent="right")))
    assert actions(hub.take(sending(number=2, parents=(parent("right", removed=True),)))) == ["retract", "retract"]
    assert hub.live == set()


def test_a_denied_new_fact_is_only_decided():
    """A denial of what nobody has seen publishes no event."""
    made = Hub().take(sending(draft("A")), decisions=(DENY,))
    assert (made.events, [verdict.permitted for verdict in made.verdicts]) == ([], [False])


def test_a_denied_fact_counts_as_new_at_the_next_sending():
    """It was not admitted, so it is asserted when it is allowed."""
    hub = Hub()
    hub.take(sending(draft("A")), decisions=(DENY,))
    assert actions(hub.take(sending(draft("A"), number=2))) == ["assert"]


def test_a_denied_correction_retracts():
    """What has been corrected since may not be seen again through a later permit, so it is retracted, with its parts."""
    hub = Hub()
    hub.take(sending(draft("A", "whole"), draft("B", "part", parent="whole")))
    made = hub.take(sending(draft("C", "whole"), number=2), decisions=(DENY,))
    assert [(verdict.action, verdict.permitted) for verdict in made.verdicts] == [("correct", False), ("retract", True), ("retract", True)]
    assert hub.live == set()
    assert actions(hub.take(sending(draft("A", "whole"), number=3))) == ["assert"]


def test_a_denied_correction_taken_in_again_is_the_same_decision():
    """After a crash the fact is found retracted; the denial keeps its id all the same."""
    hub = Hub()
    hub.take(sending(draft("A")))
    denied = hub.take(sending(draft("B"), number=2), decisions=(DENY,)).verdicts[0]
    again = hub.take(sending(draft("B"), number=2), decisions=(DENY,)).verdicts
    assert [(verdict.decision_id, verdict.permitted) for verdict in again] == [(denied.decision_id, False)]


def test_an_unchanged_fact_that_would_be_denied_now_stays():
    """Delivery decides again, so nothing is retracted because a consent ended."""
    hub = Hub()
    hub.take(sending(draft("A")))
    assert hub.take(sending(draft("A"), number=2), decisions=(DENY,)).events == []


def test_a_stale_version_is_refused_where_it_stands():
    """A lower version than was admitted is an error that points to its item; the same or a higher one is not."""
    hub = Hub()
    hub.take(sending(draft("A", source_version=3)))
    made = hub.take(sending(draft("B", source_version=2, item=7, pointer="/rows/7"), draft("C", "other"), number=2))
    assert [(error.item, error.faults[0].pointer, error.faults[0].code) for _, error in made.errors] == [(7, "/rows/7", "stale_version")]
    assert [event.after.fact_ref for event in made.events] == [ref("other")]
    assert actions(hub.take(sending(draft("B", source_version=3), number=3))) == ["correct"]


def test_a_stale_part_is_not_taken_for_omitted():
    """A fact that is refused was stated all the same, so that its record does not retract it."""
    hub = Hub()
    hub.take(sending(draft("A", "part", parent="right", source_version=3), parents=(parent("right"),)))
    assert hub.take(sending(draft("B", "part", parent="right", source_version=2), number=2, parents=(parent("right"),))).events == []


def test_errors_of_the_parser_are_passed_on():
    """They stand in the plan under their consignment, before anything else."""
    error = ItemError(2, "/rows/2", (Fault("/rows/2", "bad_date", "mend it"),))
    one = sending(draft("A"), errors=(error,))
    assert Hub().take(one).errors == [(one, error)]


def test_two_deliveries_of_one_batch_that_state_one_fact():
    """The second is held against the first, though both are on their way."""
    hub = Hub()
    made = hub.take(sending(draft("A")), sending(draft("A"), number=2), sending(draft("B"), number=3))
    assert [(event.action, event.predecessor) for event in made.events] == [("assert", None), ("correct", made.events[0].event_id)]
    assert made.unchanged == {UUID(int=2): 1}


def test_what_was_taken_in_before_is_not_gone_back_to():
    """The same bytes again, under their own name: what another document has corrected since stays, what was denied is asserted when it is allowed."""
    hub = Hub()
    hub.take(sending(draft("A"), parents=(parent("right"),)))
    hub.take(sending(draft("B"), draft("C", "later", parent="right"), number=2))
    again = sending(draft("A"), draft("A", "denied-then"), draft("C", "later", retract=True), number=3, parents=(parent("right"),))
    made = hub.take(replace(again, again=True))
    assert [event.after.fact_ref for event in made.events] == [ref("denied-then")]
    assert made.unchanged == {UUID(int=3): 2}
    assert actions(hub.take(again)) == ["correct", "retract"]


def test_what_another_document_took_back_stays_taken_back():
    """The same bytes again revive no fact that was retracted since, but one whose own correction was denied comes back when it is allowed."""
    hub = Hub()
    hub.take(sending(draft("A", "gone"), draft("A", "denied")))
    hub.take(sending(draft("A", "gone", retract=True), number=2))
    hub.take(sending(draft("B", "denied"), number=3), decisions=(DENY,))
    assert hub.live == set()
    hub.take(replace(sending(draft("A", "gone"), draft("B", "denied"), number=4), again=True))
    assert hub.live == {ref("denied")}


def test_decision_ids_are_those_of_the_delivery():
    """The same delivery again gives the same ids; another one gives others."""
    (first,) = Hub().take(sending(draft("A"))).verdicts
    (again,) = Hub().take(sending(draft("A"))).verdicts
    (other,) = Hub().take(sending(draft("A"), number=2)).verdicts
    assert first.decision_id == again.decision_id != other.decision_id


def test_the_key_class_follows_the_basis():
    """Statute if any permit rests on one, else consent; a retraction keeps the class of what it retracts."""
    by_law = decision(permitted=True, statute="l681")
    assert [event.after.key_class for event in Hub().take(sending(draft("A"))).events] == [KeyClass.CONSENT]
    assert [event.after.key_class for event in Hub().take(sending(draft("A")), decisions=(PERMIT, by_law)).events] == [KeyClass.STATUTE]
    assert [
        event.after.key_class
        for event in Hub().take(sending(draft("A")), decisions=(PERMIT, decision(permitted=False, statute="l"))).events
    ] == [KeyClass.CONSENT]
    hub = Hub()
    hub.take(sending(draft("A")), decisions=(by_law,))
    assert [event.after.key_class for event in hub.take(sending(draft("A", retract=True), number=2)).events] == [KeyClass.STATUTE]


def test_fields_that_no_permitted_recipient_may_see_are_dropped():
    """A change of nothing but such a field is no change."""
    seen = decision(permitted=True, fields=frozenset({"assessed_on"}))
    hub = Hub()
    hub.take(sending(draft("A")), decisions=(seen,))
    other = draft("A", payload={"assessed_on": DAYS["A"], "need": "multi_sector", "responsible_role": None})
    assert hub.take(sending(other, number=2), decisions=(seen,)).events == []
    assert actions(hub.take(sending(other, number=3), decisions=(PERMIT,))) == ["correct"]


def test_nothing_of_a_person_shows_in_a_plan():
    """A plan may end in a traceback or a log."""
    assert "131052" not in repr(Hub().take(sending(draft("A"))))


FACTS = {"right": None, "unit": "right", "course": "unit", "kept": "right", "alone": None}
stated = st.builds(
    lambda fact, content, retract: draft(content, fact, parent=FACTS[fact], kept_when_omitted=fact == "kept", retract=retract),
    st.sampled_from(sorted(FACTS)),
    st.sampled_from("ABC"),
    st.integers(0, 5).map(lambda number: number == 0),
)
sendings = st.tuples(
    st.lists(stated, max_size=4, unique_by=lambda one: one.fact),
    st.sampled_from([(), (), (parent("right"),), (parent("right", removed=True),)]),
    st.booleans(),
)


@settings(max_examples=50)
@given(st.lists(sendings, min_size=1, max_size=8), st.data())
def test_however_a_sequence_is_cut_into_batches(sequence: list[tuple[list[Draft], tuple[Parent, ...], bool]], data: st.DataObject):
    """Any sequence of sendings ends in the same snapshot and the same events, in whatever batches it came; every event follows the one before it."""
    consignments = [sending(*drafts, number=number, parents=parents) for number, (drafts, parents, _) in enumerate(sequence, 1)]
    permits = [permitted for *_, permitted in sequence]
    singly, in_batches = Hub(), Hub()
    for one, permitted in zip(consignments, permits, strict=True):
        singly.take(one, decisions=(PERMIT if permitted else DENY,))
    start = 0
    while start < len(consignments):
        # What may be seen changes between batches, never inside one.
        longest = next((n for n in range(start, len(permits)) if permits[n] != permits[start]), len(permits))
        end = data.draw(st.integers(start + 1, longest))
        in_batches.take(*consignments[start:end], decisions=(PERMIT if permits[start] else DENY,))
        start = end
    assert in_batches.facts == singly.facts
    assert [event.event_id for event in in_batches.events] == [event.event_id for event in singly.events]
    last: dict[bytes, bytes] = {}
    for event in singly.events:
        assert event.predecessor == last.get(event.after.fact_ref)
        last[event.after.fact_ref] = event.event_id
    assert {fact.fact_ref: fact.event_id for fact in singly.facts.values()} == last


@settings(max_examples=50)
@given(
    st.lists(sendings, max_size=5),
    st.lists(stated.filter(lambda one: not one.retract), max_size=4, unique_by=lambda one: one.fact),
    st.booleans(),
)
def test_the_last_sending_again_publishes_nothing(
    sequence: list[tuple[list[Draft], tuple[Parent, ...], bool]], last: list[Draft], permitted: bool
):
    """Whatever came before, facts that are stated again as they were last stated come to nothing, admitted or denied."""
    hub = Hub()
    for number, (drafts, parents, allowed) in enumerate(sequence, 1):
        hub.take(sending(*drafts, number=number, parents=parents), decisions=(PERMIT if allowed else DENY,))
    hub.take(sending(*last, number=98), decisions=(PERMIT if permitted else DENY,))
    before = dict(hub.facts)
    again = hub.take(sending(*last, number=99), decisions=(PERMIT if permitted else DENY,))
    assert (again.events, hub.facts) == ([], before)
