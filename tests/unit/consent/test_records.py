"""Records as documents, and which version may follow which."""

import json
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from itertools import product
from uuid import UUID

import pytest

from consent.errors import ConsentConflictError, InvalidConsentError, TamperedRecordError
from consent.model import State
from consent.records import check_chain, check_record, check_successor, from_json, from_text, record_hash, to_json, to_text
from tests.unit.consent.values import FROM, UNTIL, item, later, record

TEXT = (
    '{"actor":"client","captured_by":"city/u1","channel":"office","consent_id":"00000000-0000-0000-0000-00000000000a","controllers":["city"],'
    '"evidence_sha256":null,"format":"silta.consent-record.v1","items":[{"categories":["skills"],"codes":["gdpr_6_1_a","julkl_consent"],'
    '"permit":true,"purpose":"guidance","recipients":["school"]}],"notice":{"id":"sharing","language":"en",'
    '"sha256":"0101010101010101010101010101010101010101010101010101010101010101","version":1},"occurred_at":"2026-01-01T00:00:00.000000Z",'
    '"on_behalf_of":null,"previous":null,"recorded_at":"2026-01-01T00:00:00.000000Z","state":"given",'
    '"subject":"00000000-0000-0000-0000-000000000001","valid_from":"2026-01-01T00:00:00.000000Z","valid_until":"2027-01-01T00:00:00.000000Z",'
    '"version":1}'
)


def test_the_stored_form_is_settled():
    """The text is evidence for years: any change of it breaks every hash."""
    assert to_text(record()) == TEXT
    assert sha256(TEXT.encode()).digest() == record_hash(record()) == record_hash(from_text(TEXT))
    assert record() == from_text(TEXT)


@pytest.mark.parametrize(
    "pointer, change",
    [
        ("/format", {"format": "silta.consent-record.v9"}),
        ("", {"surprise": 1}),
        ("/version", {"version": "1"}),
        ("/version", {"version": True}),
        ("/subject", {"subject": "00000000-0000-0000-0000-00000000000A".replace("0", "a")}),
        ("/state", {"state": "permitted"}),
        ("/valid_from", {"valid_from": "2026-01-01T00:00:00Z"}),
        ("/valid_from", {"valid_from": "2026-01-01T02:00:00.000000+02:00"}),
        ("/valid_from", {"valid_from": "2026-01-01"}),
        ("/previous", {"previous": "00"}),
        ("/previous", {"previous": "AB"}),
        ("/valid_until", {"valid_until": "2026-01-01T00:00:00.000000Z"}),
        ("/items", {"items": []}),
        ("/controllers", {"controllers": []}),
        ("/actor", {"actor": " "}),
    ],
)
def test_a_malformed_document_is_refused(pointer, change):
    """Reading is strict, and says where the fault is."""
    with pytest.raises(InvalidConsentError) as caught:
        from_json({**to_json(record()), **change})
    assert pointer == caught.value.problems[0].pointer


@pytest.mark.parametrize(
    "pointer, change",
    [
        ("/items/0/codes/1", {"codes": ["gdpr_6_1_a", "code_of_the_future"]}),
        ("/items/0/codes", {"codes": ["julkl_consent", "gdpr_6_1_a"]}),
        ("/items/0/codes", {"codes": []}),
        ("/items/0/purpose", {"purpose": ""}),
        ("/items/0/purpose", {"purpose": "*"}),
        ("/items/0/purpose", {"purpose": "all"}),
        ("/items/0/recipients", {"recipients": ["*"]}),
        ("/items/0/recipients", {"recipients": ["schооl"]}),
        ("/items/0/categories", {"categories": []}),
        ("/items/0/categories", {"categories": ["skills", "skills"]}),
    ],
)
def test_an_item_names_everything_exactly(pointer, change):
    """No wildcard, no empty or look-alike name, no unknown code gets into a consent (7)."""
    document = to_json(record())
    with pytest.raises(InvalidConsentError) as caught:
        from_json({**document, "items": [{**document["items"][0], **change}]})
    assert pointer == caught.value.problems[0].pointer


@pytest.mark.parametrize(
    "text", [TEXT + " ", TEXT.replace(":1}", ":1,"), json.dumps(json.loads(TEXT)), "[]", "", '{"a":1,"a":1}', "NaN", "[" * 100_000]
)
def test_another_spelling_is_no_record(text):
    """One record has one text, so no two texts share a meaning and differ in hash."""
    with pytest.raises(InvalidConsentError):
        from_text(text)


def test_every_fault_is_named_at_once():
    """Whoever corrects a record corrects it once."""
    with pytest.raises(InvalidConsentError) as caught:
        check_record(record(State.GIVEN, item("*", [""]), valid_until=FROM, channel=""))
    assert [problem.pointer for problem in caught.value.problems] == ["/items/0/purpose", "/items/0/categories", "/valid_until", "/channel"]


def test_times_are_instants():
    """A time without a zone can't get into a record."""
    with pytest.raises(ValueError, match="zone"):
        record(valid_until=datetime(2027, 1, 1))  # noqa: DTZ001


ALLOWED = {
    ("requested", "given"),
    ("requested", "refused"),
    ("refused", "invalidated"),
    ("refused", "superseded"),
    *(("given", after) for after in ("reconfirmed", "withdrawn", "expired", "invalidated", "superseded")),
    *(("reconfirmed", after) for after in ("reconfirmed", "withdrawn", "expired", "invalidated", "superseded")),
}


@pytest.mark.parametrize("before, after", list(product(State, State)))
def test_what_ended_never_revives(before, after):
    """Only the listed states may follow each other (1)."""
    first = record(before)
    allowed = (before, after) in ALLOWED
    with nullcontext() if allowed else pytest.raises(ConsentConflictError, match="can't follow"):
        check_successor(first, later(first, after))


@pytest.mark.parametrize("state, allowed", [(state, state in ("requested", "given", "refused")) for state in State])
def test_how_a_consent_begins(state, allowed):
    """A first version asks, permits or refuses."""
    with nullcontext() if allowed else pytest.raises(ConsentConflictError, match="can't follow nothing"):
        check_successor(None, record(state))


@pytest.mark.parametrize(
    "code, change",
    [
        ("broken_chain", {"previous": b"\0" * 32}),
        ("broken_chain", {"version": 3}),
        ("broken_chain", {"consent_id": UUID(int=99)}),
        ("other_subject", {"subject": UUID(int=2)}),
        ("out_of_order", {"occurred_at": FROM.replace(year=2025)}),
    ],
)
def test_a_version_follows_its_own_predecessor(code, change):
    """Hash, number, subject and time of a version fit the one before (5, 15)."""
    with pytest.raises(ConsentConflictError) as caught:
        check_successor(record(), replace(later(record(), State.RECONFIRMED), **change))
    assert [code] == [problem.code for problem in caught.value.problems]


def test_a_withdrawal_counts_though_its_clock_is_behind():
    """Taking back must not fail because the giver's clock ran ahead (6)."""
    check_successor(record(), later(record(), State.WITHDRAWN, occurred_at=FROM.replace(year=2025)))


def test_a_chain_with_an_edited_link_is_found_out():
    """An auditor who has all versions sees that one was changed."""
    first, second = record(), later(record(), State.RECONFIRMED)
    check_chain([first, second, later(second, State.WITHDRAWN)])
    with pytest.raises(TamperedRecordError):
        check_chain([replace(first, valid_until=UNTIL.replace(year=2030)), second])
    with pytest.raises(TamperedRecordError):
        check_chain([second])
