from datetime import UTC, date, datetime

import pytest

from hub.connectors.city import parse_city_csv
from hub.drafts import Delivery, Identifier, Scheme
from tests.unit.connectors.payloads import round_trip

TODAY = date(2026, 11, 22)
NEED = "id;henkilötunnus;asiakasnumero;arviointipäivä;palvelutarve;vastuutaho;tila\n"
MAPPING = "id;henkilötunnus;asiakasnumero;kartoituspäivä;osa-alue;asteikko;taso;tila\n"
PLAN = (
    "id;henkilötunnus;asiakasnumero;laadittu;suunnitelma;voimassa alkaen;voimassa päättyen;tarkistettu;päättynyt;"
    "kielikoulutus;kotoutumiskoulutus;työnhaku;muu;tila\n"
)
PERIOD = "id;henkilötunnus;asiakasnumero;palvelu;järjestäjä;alkoi;päättyi;päättymissyy;tila\n"


def parse(text: str, encoding: str = "utf-8") -> Delivery:
    return parse_city_csv(text.encode(encoding), source="oulu-csv", partner="oulu", today=TODAY)


def faults(delivery: Delivery) -> list[tuple[int, str, str]]:
    return [(error.item, fault.pointer, fault.code) for error in delivery.errors for fault in error.faults]


def test_a_service_need():
    (draft,) = parse(NEED + "PT-1;131052-308T;a100;31.3.2026;monialainen;työvoimaviranomainen;\n", "windows-1252").drafts
    assert draft.subject == (Identifier(Scheme.HETU, "131052-308T"), Identifier(Scheme.PARTNER, "A100", "oulu-csv"))
    assert (draft.item, draft.pointer, draft.fact, draft.category) == (2, "/rows/2", "service_need/id/PT-1", "service_need")
    assert draft.payload == {"assessed_on": date(2026, 3, 31), "need": "multi_sector", "responsible_role": "employment_authority"}
    assert (draft.occurred_from, draft.occurred_until) == (datetime(2026, 3, 31, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def test_a_skills_mapping_has_a_fact_for_each_area():
    rows = "".join(
        f";;A1;2026-03-31;{area};{scale};{level};\n"
        for area, scale, level in (("kielitaito", "kielitaitotaso", "a2.1"), ("digitaidot", "1-5", "3"), ("Työelämätaidot", "1-5", "5"))
    )
    drafts = parse(MAPPING + rows).drafts
    assert [draft.fact for draft in drafts] == [
        "skills_mapping/2026-03-31/language",
        "skills_mapping/2026-03-31/digital",
        "skills_mapping/2026-03-31/working_life",
    ]
    assert [draft.payload["level"] for draft in drafts] == ["A2.1", "3", "5"]


def test_an_integration_plan():
    (draft,) = parse(PLAN + "KS-1;;A1;1.2.2026;tavanomainen;1.2.2026;31.1.2027;;;kyllä;ei;kyllä;;voimassa\n").drafts
    assert (draft.type, draft.category) == ("integration_plan", "plan")
    assert (draft.occurred_from, draft.occurred_until) == (datetime(2026, 2, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC))
    assert [draft.payload[key] for key in ("language_studies", "integration_training", "job_search", "other")] == [True, False, True, None]


def test_a_service_period():
    (draft,) = parse(PERIOD + ";;A1;OSAAMISKESKUS;0201256-6;1.2.2026;30.6.2026;koulutukseen;\n").drafts
    assert draft.fact == "service_period/2026-02-01/OSAAMISKESKUS"
    assert draft.payload["provider_business_id"] == "0201256-6"
    assert draft.payload["end_reason"] == "to_education"


def test_every_payload_fits_its_schema():
    files = (
        NEED + "1;;A1;31.3.2026;monialainen;kela;\n",
        MAPPING + "1;;A1;2026-03-31;kielitaito;kielitaitotaso;alle A1.1;\n",
        PLAN + "1;;A1;1.2.2026;tavanomainen;;;;;;;;;\n",
        PERIOD + "1;;A1;X;;1.2.2026;;;\n",
    )
    for text in files:
        (draft,) = parse(text).drafts
        assert round_trip(draft) == draft.payload


@pytest.mark.parametrize("status", ["poistettu", "mitätöity", "Mitätöity"])
def test_a_status_retracts_and_needs_no_more_than_the_key(status):
    (draft,) = parse(NEED + f"PT-1;;A1;;;;{status}\n").drafts
    assert (draft.retract, draft.fact, draft.payload) == (True, "service_need/id/PT-1", {})


@pytest.mark.parametrize(
    "row, faulty",
    [
        ("1;131052-308U;;31.3.2026;monialainen;;", [("henkilötunnus", "hetu_checksum")]),
        ("1;;;31.3.2026;monialainen;;", [("henkilötunnus", "no_identifier")]),
        ("1;;131052-308T;31.3.2026;monialainen;;", [("asiakasnumero", "personal_identifier")]),
        ("131052-308T;;A1;31.3.2026;monialainen;;", [("id", "personal_identifier")]),
        ("a b;;A1;31.3.2026;monialainen;;", [("id", "bad_id")]),
        ("1;;A1;31.2.2026;monialainen;;", [("arviointipäivä", "bad_date")]),
        ("1;;A1;23.11.2026;monialainen;;", [("arviointipäivä", "date_in_future")]),
        ("1;;A1;;;;", [("arviointipäivä", "missing_value"), ("palvelutarve", "missing_value")]),
        ("1;;A1;31.3.2026;jotain;naapuri;", [("palvelutarve", "unknown_code"), ("vastuutaho", "unknown_code")]),
        ("1;;A1;31.3.2026;monialainen;;ehkä", [("tila", "unknown_code")]),
        (";;A1;;;;poistettu", [("id", "no_key")]),
        ("1;;=A1;31.3.2026;monialainen;;", [("asiakasnumero", "formula")]),
    ],
)
def test_a_faulty_row_is_named_cell_by_cell_and_the_others_go_on(row, faulty):
    delivery = parse(NEED + row + "\n2;;A2;31.3.2026;monialainen;;\n")
    assert faults(delivery) == [(2, f"/rows/2/{column}", code) for column, code in faulty]
    assert [draft.item for draft in delivery.drafts] == [3]
    assert delivery.items == 2


def test_a_level_must_be_of_its_scale():
    assert faults(parse(MAPPING + "1;;A1;2026-03-31;digitaidot;1-5;A2.1;\n")) == [(2, "/rows/2/taso", "unknown_code")]


def test_a_period_does_not_end_before_it_begins():
    assert faults(parse(PERIOD + "1;;A1;X;;1.2.2026;1.1.2026;;\n")) == [(2, "/rows/2/päättyi", "dates_out_of_order")]


def test_a_provider_is_named_by_a_sound_business_id():
    assert faults(parse(PERIOD + "1;;A1;X;0201256-7;1.2.2026;;;\n")) == [(2, "/rows/2/järjestäjä", "bad_business_id")]


def test_the_second_row_of_one_key_is_an_error():
    delivery = parse(
        NEED
        + "1;;A1;31.3.2026;monialainen;;\n1;;A1;31.3.2026;monialainen;;poistettu\n;;A2;1.1.2026;monialainen;;\n;;A2;1.1.2026;tavanomainen;;\n"
    )
    assert faults(delivery) == [(3, "/rows/3", "duplicate_row"), (5, "/rows/5", "duplicate_row")]


def test_two_persons_may_have_an_event_of_one_kind_on_one_day():
    assert len(parse(NEED + ";;A1;1.1.2026;monialainen;;\n;;A2;1.1.2026;monialainen;;\n").drafts) == 2


def test_a_missing_column_is_named_once_for_the_file():
    delivery = parse("id;arviointipäivä;vastuutaho\n1;1.1.2026;kunta\n2;1.1.2026;kunta\n")
    assert faults(delivery) == [(1, "/rows/1", "missing_column"), (1, "/rows/1", "missing_column")]
    assert ["palvelutarve" in fault.remedy or "henkilötunnus" in fault.remedy for error in delivery.errors for fault in error.faults] == [
        True,
        True,
    ]


def test_a_file_of_no_kind_is_refused():
    assert faults(parse("id;henkilötunnus\n1;131052-308T\n")) == [(1, "/rows/1", "unknown_kind")]


def test_a_file_without_a_header_shows_nothing_of_its_first_row():
    delivery = parse("1;131052-308T;A1\n")
    assert faults(delivery) == [(1, "/rows/1", "no_known_column")]
    assert "131052" not in repr(delivery)


def test_a_file_still_being_written_states_nothing():
    delivery = parse(NEED + "1;;A1;31.3.2026;monialainen;;\n2;;A2;31.3.")
    assert faults(delivery) == [(1, "/rows/3", "incomplete_file")]
    assert delivery.drafts == ()


def test_columns_that_nobody_knows_go_nowhere():
    (draft,) = parse("asiakasnumero;arviointipäivä;palvelutarve;lisätietoja\nA1;1.1.2026;monialainen;salaista\n").drafts
    assert "salaista" not in str(draft.payload)
