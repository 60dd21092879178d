import re
from collections import Counter
from datetime import date

import pytest

from consent.networks import load_network
from hub.connectors.city import parse_city_csv
from hub.connectors.education import parse_koski
from hub.networks import find
from hub.register.hetu import check_hetu
from ops.simulate import clients, scenario
from ops.simulate.expecting import Expecting

TODAY = date(2026, 11, 22)
SENDINGS = [sending for wave in scenario(40).waves for sending in wave]


def network():
    return load_network(find("oulu-2021"), demo=True)


def test_every_identity_code_is_valid_and_of_the_test_series():
    people = clients(2_000)
    for person in people:
        assert check_hetu(person.hetu, pointer="", today=TODAY) == person.hetu
        assert person.hetu[7] == "9"
        assert re.fullmatch(r"1\.2\.246\.562\.24\.\d{11}", person.learner_number)
    assert len({person.hetu for person in people}) == 2_000
    assert len({person.learner_number for person in people}) == 2_000


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    assert scenario(20, 7) == scenario(20, 7)
    assert scenario(20, 7) != scenario(20, 8)


def test_more_clients_begin_with_the_same_ones():
    assert clients(50)[:20] == clients(20)


def test_a_repr_shows_nobody():
    person = clients(1)[0]
    assert not [text for text in (person.hetu, person.learner_number, person.family_name) if text in repr(scenario(1))]


@pytest.mark.parametrize("sending", SENDINGS, ids=lambda sending: sending.name)
def test_the_parsers_find_the_items_facts_and_faults_that_the_generator_put_in(sending):
    parse = {"osao-koski": parse_koski, "city-csv": parse_city_csv}[sending.source]
    delivery = parse(sending.body, source=sending.source, partner=sending.partner, today=TODAY)
    assert sending.items == delivery.items
    assert Counter(sending.errors) == Counter((fault.pointer, fault.code) for error in delivery.errors for fault in error.faults)
    assert Counter(fact.category for fact in sending.facts if fact.content is not None) == Counter(
        draft.category for draft in delivery.drafts if not draft.retract
    )


def test_every_deliberate_fault_occurs():
    codes = {code for sending in SENDINGS for _, code in sending.errors}
    assert codes == {
        "not_json",
        "hetu_checksum",
        "no_identifier",
        "duplicate_key",
        "unknown_code",
        "missing_field",
        "formula",
        "bad_date",
        "dates_out_of_order",
        "duplicate_row",
    }


def test_clients_give_refuse_never_answer_and_are_never_asked():
    found = scenario(18)
    assert Counter(answer.answer for answer in found.answers.values()) == {"give": 12, "refuse": 2, "request": 2}
    assert {answer.asked_by for answer in found.answers.values()} == {"oulu-city", "osao"}


def test_expected_outcomes_of_nine_clients():
    found = scenario(9)
    expecting = Expecting(network(), found.answers)
    waves = [[expecting.take(sending) for sending in wave] for wave in found.waves]
    assert [sum(one.admitted for one in wave if not one.repeat) for wave in waves] == [120, 18, 0]
    assert [sum(one.denied for one in wave) for wave in waves] == [15, 5, 12]
    assert [sum(one.repeat for one in wave) for wave in waves] == [0, 0, 3]


def test_a_refused_client_is_visible_on_statute_only():
    found = scenario(9)
    expecting = Expecting(network(), found.answers)
    for sending in [sending for wave in found.waves for sending in wave]:
        expecting.take(sending)
    refused = next(answer for answer in found.answers.values() if answer.answer == "refuse")
    seen = expecting.visible(refused.client, "te-pohjois-pohjanmaa", "employment_services", refused)
    assert {basis for _, _, basis in seen} == {"statute"}
    assert expecting.visible(refused.client, "osao", "study_guidance", refused) == {}
