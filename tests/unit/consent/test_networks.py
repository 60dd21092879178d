"""Network files: read whole or not at all, every fault at once."""

import hashlib
from importlib.resources import files
from pathlib import Path

import pytest

from consent.errors import InvalidNetworkError
from consent.legal_bases import load_statutes
from consent.model import Network
from consent.networks import load_network, network_from_json, network_json, require_complete
from consent.notices import find_notices, notice_text

OULU = Path(str(files("ops") / "networks" / "oulu-2021.toml"))

WRONG = """
id = "Nowhere"
nmae = "typo"
categories = ["skills", "*"]

[purposes]
guidance = "opinto-ohjaus"
all = "kaikki"

[[notices]]
id = "sharing"
version = 99

[[organisations]]
id = "city"
name = "City"
roles = ["municipality", "kingdom"]

[[organisations]]
id = "city"
name = "Another"
roles = []

[[agreements]]
id = "a"
version = 0
sender = "city"
recipient = "school"
categories = ["skills", "shoe_size"]
purposes = ["profit"]
consent = ["gdpr_6_1_a", "gdpr_6_1_z"]
statutes = ["l1-1734"]
in_force_from = 2026-01-01
in_force_until = 2026-01-01

[[agreements]]
id = "b"
version = 1
sender = "city"
recipient = "city"
categories = ["skills"]
purposes = ["guidance"]
statutes = ["l681-2023-municipality"]
in_force_from = "soon"

[[processings]]
id = "log"
controllers = ["school"]
retention_days = 0
keeper = "me"
"""


def test_every_fault_is_reported_at_once(tmp_path):
    """Whoever wrote the file sees all there is to mend, by file and key."""
    path = tmp_path / "wrong.toml"
    path.write_text(WRONG)
    with pytest.raises(InvalidNetworkError) as caught:
        load_network(path, demo=True)
    assert {
        ("wrong.toml#/id", "not_a_name"),
        ("wrong.toml#/name", "missing"),
        ("wrong.toml#/nmae", "unknown_key"),
        ("wrong.toml#/categories/1", "not_a_name"),
        ("wrong.toml#/purposes/all", "not_a_name"),
        ("wrong.toml#/notices/0/id", "unknown"),
        ("wrong.toml#/organisations/0/roles/1", "unknown"),
        ("wrong.toml#/organisations/1/roles", "empty"),
        ("wrong.toml#/organisations/1/id", "repeated"),
        ("wrong.toml#/agreements/0/version", "too_small"),
        ("wrong.toml#/agreements/0/recipient", "unknown"),
        ("wrong.toml#/agreements/0/categories/1", "unknown"),
        ("wrong.toml#/agreements/0/purposes/0", "unknown"),
        ("wrong.toml#/agreements/0/statutes", "one_basis"),
        ("wrong.toml#/agreements/0/statutes/0", "unknown"),
        ("wrong.toml#/agreements/0/consent/1", "unknown"),
        ("wrong.toml#/agreements/0/in_force_until", "not_after_start"),
        ("wrong.toml#/agreements/1/in_force_from", "wrong_type"),
        ("wrong.toml#/agreements/1/recipient", "same_as_sender"),
        ("wrong.toml#/agreements/1/statutes", "does_not_carry"),
        ("wrong.toml#/processings/0/controllers/0", "unknown"),
        ("wrong.toml#/processings/0/retention_days", "too_small"),
        ("wrong.toml#/processings/0/keeper", "unknown_key"),
    } == {(problem.pointer, problem.code) for problem in caught.value.problems}


@pytest.mark.parametrize("content", [b"\xff", b"a = ", None])
def test_a_file_that_is_no_toml(tmp_path, content):
    """It is named, and nothing else is said."""
    path = tmp_path / "broken.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidNetworkError) as caught:
        load_network(path, demo=True)
    assert [(problem.pointer, problem.code) for problem in caught.value.problems] == [("broken.toml", "unreadable")]


@pytest.fixture(scope="module")
def oulu() -> Network:
    return load_network(OULU, demo=True)


def test_a_network_goes_into_an_event_and_back(oulu):
    """What is published is the network, whole: an equal value, the same text."""
    assert oulu == network_from_json(network_json(oulu))
    assert network_json(oulu) == network_json(network_from_json(network_json(oulu)))


def test_a_version_names_one_content(oulu):
    """Another content under a version's name is refused; demo and real use have versions of their own."""
    for forged in (network_json(oulu).replace('"kela"', '"kelo"'), network_json(oulu) + " ", "{}"):
        with pytest.raises(InvalidNetworkError):
            network_from_json(forged)
    assert oulu.version == load_network(OULU, demo=True).version
    assert oulu.version != load_network(OULU, demo=False).version


def test_an_unfinished_network_does_not_start(oulu):
    """Outside demo mode what is missing is listed, one by one."""
    with pytest.raises(InvalidNetworkError) as caught:
        require_complete(oulu)
    said = [problem.remedy for problem in caught.value.problems]
    for sentence in (
        "processing timeline has no dpia (GDPR 35)",
        "processing log has no document (GDPR 26 or 28)",
        "agreement osao-city-education is an assumption, not agreed",
        "organisation business-oulu is an assumption, not agreed",
    ):
        assert sentence in said
    assert sum("is unreviewed" in sentence for sentence in said) == 7


def test_a_finished_network_starts(tmp_path):
    """Controllers, processor, retention, documents named, nothing assumed, no statute: it may run."""
    rows = [
        f'[[processings]]\nid = "{name}"\ncontrollers = ["city"]\nprocessor = "Silta Oy"\nretention_days = 365\ndocument = "D-1"\ndpia = "D-2"\n'
        for name in ("source_events", "client_register", "timeline", "log")
    ]
    head = 'id = "n"\nname = "N"\ncategories = ["skills"]\n[purposes]\nguidance = "ohjaus"\n[[organisations]]\nid = "city"\nname = "C"\nroles = ["municipality"]\n'
    path = tmp_path / "n.toml"
    path.write_text(head + "\n".join(rows))
    network = load_network(path, demo=False)
    require_complete(network)
    assert (network.require_reviewed, network.faults) == (True, ())


def test_no_statute_claims_a_review():
    """Nobody has reviewed the rows yet, and none says otherwise."""
    assert [statute.id for statute in load_statutes().values() if statute.reviewed_by or statute.assurance != "recalled"] == []


@pytest.mark.parametrize(
    "pointer, old, new",
    [
        ("l.toml#/statute/0/reviewed_by", 'assurance = "recalled"', 'assurance = "recalled"\nreviewed_by = "N.N."'),
        ("l.toml#/statute/0/assurance", "recalled", "certain"),
        ("l.toml#/statute/0/in_force_until", "in_force_from", "in_force_until = 2000-01-01\nin_force_from"),
    ],
)
def test_a_statute_row_is_checked(tmp_path, pointer, old, new):
    """A half-made review, a certainty we don't know, or a range that ends before it begins is a fault."""
    row = 'act = "1/2025"\ntitle = "Laki"\n[[statute]]\nid = "l1"\nversion = "1/2025"\nsection = "1 §"\nassurance = "recalled"\nin_force_from = 2025-01-01\n'
    lists = 'disclosing_roles = ["kela"]\nreceiving_roles = ["kela"]\ncategories = ["plan"]\npurposes = ["benefits"]\n'
    (tmp_path / "l.toml").write_text(row + lists)
    assert list(load_statutes(tmp_path)) == ["l1"]
    (tmp_path / "l.toml").write_text(row.replace(old, new) + lists)
    with pytest.raises(InvalidNetworkError) as caught:
        load_statutes(tmp_path)
    assert [pointer] == [problem.pointer for problem in caught.value.problems]


def test_two_acts_with_one_row_id(tmp_path):
    """A row's id is its own among all acts."""
    row = 'act = "1/2025"\ntitle = "Laki"\n[[statute]]\nid = "l1"\nversion = "1/2025"\nsection = "1 §"\nassurance = "recalled"\nin_force_from = 2025-01-01\n'
    lists = 'disclosing_roles = ["kela"]\nreceiving_roles = ["kela"]\ncategories = ["plan"]\npurposes = ["benefits"]\n'
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(row + lists)
    with pytest.raises(InvalidNetworkError, match="another row"):
        load_statutes(tmp_path)


def test_notices_can_be_read_as_they_were_shown():
    """Each language's text is found by its hash, and only by it."""
    notices = find_notices("sharing", 1)
    assert [notice.language for notice in notices] == ["en", "fi", "sv"]
    for notice in notices:
        assert notice.sha256 == hashlib.sha256(notice_text(notice).encode()).digest()
    with pytest.raises(LookupError):
        notice_text(type(notices[0])("sharing", 1, "en", b"\0" * 32))
    assert find_notices("sharing", 2) == ()


VIEWS = {
    "oulu-city": "osao:education:integration_services:consent osao:referral:integration_services:consent osao:skills:integration_services:consent "
    "te:employment:integration_services:statute te:identity:integration_services:statute te:plan:integration_services:statute "
    "te:referral:integration_services:statute te:service:integration_services:statute",
    "te-pohjois-pohjanmaa": "city:identity:employment_services:statute city:identity:integration_services:statute city:plan:employment_services:statute "
    "city:plan:integration_services:statute city:referral:integration_services:statute city:service:employment_services:statute "
    "city:service:integration_services:statute city:service_need:employment_services:statute city:service_need:integration_services:statute "
    "city:skills:employment_services:consent city:skills:integration_services:statute kela:benefit:employment_services:statute "
    "osao:education:employment_services:consent",
    "osao": "city:plan:study_guidance:consent city:referral:study_guidance:consent city:skills:study_guidance:consent "
    "te:plan:study_guidance:consent te:referral:study_guidance:consent",
    "kela": "te:benefit_condition:benefit_processing:statute te:employment:benefit_processing:statute te:identity:benefit_processing:statute "
    "te:service:benefit_processing:statute",
    "business-oulu": "city:skills:business_liaison:consent",
}
SHORT = {"oulu-city": "city", "te-pohjois-pohjanmaa": "te", "osao": "osao", "kela": "kela"}


@pytest.mark.parametrize("recipient", VIEWS)
def test_what_each_partner_of_oulu_may_see(oulu, recipient):
    """The whole of the network's agreements, seen from the receiving side."""
    found = {
        f"{SHORT[sender]}:{category}:{purpose}:{'consent' if row.codes else 'statute'}"
        for (sender, to, category, purpose), rows in oulu.rows.items()
        for row in rows
        if to == recipient
    }
    assert VIEWS[recipient] == " ".join(sorted(found))
