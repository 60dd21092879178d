from datetime import UTC, date, datetime

import pytest

from hub.connectors.education import parse_koski
from hub.drafts import Delivery, Draft, Identifier, Scheme
from tests.unit.connectors import koski_documents as koski
from tests.unit.connectors.payloads import round_trip

TODAY = date(2026, 11, 22)
KEY = f"study_right/type/{koski.INSTITUTION}/ammatillinenkoulutus"


def parse(value: object) -> Delivery:
    return parse_koski(koski.body(value), source="osao-koski", partner="osao", today=TODAY)


def faults(delivery: Delivery) -> set[tuple[str, str]]:
    return {(fault.pointer, fault.code) for error in delivery.errors for fault in error.faults}


def of_type(delivery: Delivery, type_: str) -> list[Draft]:
    return [draft for draft in delivery.drafts if draft.type == type_]


def test_a_person_is_known_by_hetu_before_learner_number():
    (draft, *_) = parse(koski.document(who=koski.person(oid=koski.LEARNER))).drafts
    assert draft.subject == (Identifier(Scheme.HETU, koski.HETU), Identifier(Scheme.LEARNER_NUMBER, koski.LEARNER))


@pytest.mark.parametrize(
    "who, fault",
    [
        ({"syntymäaika": "1990-01-01", "etunimet": "A", "sukunimi": "B"}, ("/henkilö", "no_identifier")),
        ({"hetu": None}, ("/henkilö", "no_identifier")),
        ({"hetu": "131052-308U"}, ("/henkilö/hetu", "hetu_checksum")),
        ({"hetu": 5, "oid": koski.LEARNER}, ("/henkilö/hetu", "hetu_format")),
        ({"oid": "1.2.246.562.15.00000000001"}, ("/henkilö/oid", "oid_format")),
    ],
)
def test_a_person_who_cannot_be_identified_refuses_the_document(who, fault):
    delivery = parse({"henkilö": who, "opiskeluoikeudet": [koski.study_right(), koski.study_right("luva")]})
    assert faults(delivery) == {fault}
    assert [(error.item, error.pointer) for error in delivery.errors] == [(1, "/henkilö")]
    assert (delivery.drafts, delivery.parents) == ((), ())


@pytest.mark.parametrize(
    "value, fault",
    [
        ([], ("", "no_documents")),
        ("text", ("", "wrong_type")),
        ({}, ("/henkilö", "missing_field")),
        ({"henkilö": []}, ("/henkilö", "wrong_type")),
        ({"henkilö": koski.person()}, ("/opiskeluoikeudet", "missing_field")),
        ({"henkilö": koski.person(), "opiskeluoikeudet": {}}, ("/opiskeluoikeudet", "wrong_type")),
        ({"henkilö": koski.person(), "opiskeluoikeudet": []}, ("/opiskeluoikeudet", "no_study_rights")),
        ({"henkilö": koski.person(), "opiskeluoikeudet": [7]}, ("/opiskeluoikeudet/0", "wrong_type")),
    ],
)
def test_a_document_of_another_shape_is_refused_with_its_place(value, fault):
    assert faults(parse(value)) == {fault}


def test_documents_may_come_as_an_array():
    delivery = parse([koski.document(), koski.document(who={"oid": koski.LEARNER})])
    assert [draft.item for draft in of_type(delivery, "study_right")] == [1, 2]
    assert delivery.drafts[-1].pointer == "/1/opiskeluoikeudet/0"


def test_a_study_right_goes_by_its_oid_then_its_source_id_then_its_type():
    source_id = {"id": "12345", "lähdejärjestelmä": koski.code("winnova")}
    delivery = parse(
        koski.document(
            koski.study_right(),
            koski.study_right(lähdejärjestelmänId=source_id),
            koski.study_right("luva", oid=koski.STUDY_RIGHT, versionumero=3),
        )
    )
    assert [draft.fact for draft in of_type(delivery, "study_right")] == [
        KEY,
        f"study_right/source/{koski.INSTITUTION}/12345",
        f"study_right/{koski.STUDY_RIGHT}",
    ]
    assert {draft.source_version for draft in delivery.drafts if draft.item == 3} == {3}


def test_a_study_right_that_gains_an_oid_leaves_its_former_name():
    source_id = {"id": "12345", "lähdejärjestelmä": koski.code("winnova")}
    delivery = parse(koski.document(koski.study_right(oid=koski.STUDY_RIGHT, lähdejärjestelmänId=source_id)))
    assert [parent.parent for parent in delivery.parents if parent.removed] == [f"study_right/source/{koski.INSTITUTION}/12345"]


def test_the_institution_left_out_is_the_first_attainments_site():
    delivery = parse(koski.document(koski.study_right(oppilaitos=None)))
    assert delivery.drafts[0].payload["provider_oid"] == "1.2.246.562.10.42456023292"


def test_a_study_right_that_nothing_names_is_refused():
    delivery = parse(koski.document(koski.study_right(oppilaitos=None, suoritukset=[koski.attainment(toimipiste=None)])))
    assert faults(delivery) == {("/opiskeluoikeudet/0/oppilaitos", "no_institution")}


def test_one_study_right_sent_twice_counts_once():
    delivery = parse(koski.document(koski.study_right(), koski.study_right()))
    assert faults(delivery) == {("/opiskeluoikeudet/1", "duplicate_study_right")}
    assert {draft.item for draft in delivery.drafts} == {1}


def test_a_faulty_study_right_stops_no_other_and_retracts_nothing():
    delivery = parse(koski.document(koski.study_right(tila=None), koski.study_right("luva")))
    assert faults(delivery) == {("/opiskeluoikeudet/0/tila", "missing_field")}
    assert {draft.item for draft in delivery.drafts} == {2}
    assert {parent.item for parent in delivery.parents} == {2}
    assert delivery.items == 2


def test_mitatoity_voids_the_study_right_whatever_else_the_message_says():
    broken = koski.study_right(
        periods=(koski.period("2023-08-01", "valmistunut"), koski.period("2023-08-01", "mitatoity")), päättymispäivä="?"
    )
    delivery = parse(koski.document(broken))
    assert (delivery.drafts, delivery.errors) == ((), ())
    assert [(parent.parent, parent.removed) for parent in delivery.parents] == [(KEY, True)]


def test_mitatoity_by_oid_alone_suffices():
    delivery = parse(
        koski.document({"oid": koski.STUDY_RIGHT, "tila": {"opiskeluoikeusjaksot": [koski.period("2024-01-01", "mitatoity")]}})
    )
    assert [(parent.parent, parent.removed) for parent in delivery.parents] == [(f"study_right/{koski.STUDY_RIGHT}", True)]


def test_periods_last_until_the_next_and_an_open_one_has_no_end():
    periods = (
        koski.period("2023-08-01", "lasna", "1"),
        koski.period("2024-01-01", "valiaikaisestikeskeytynyt"),
        koski.period("2024-08-01", "lasna", "14"),
    )
    drafts = of_type(parse(koski.document(koski.study_right(periods=periods))), "state_period")
    assert [(draft.fact, draft.occurred_from, draft.occurred_until) for draft in drafts] == [
        (f"{KEY}/state/2023-08-01", datetime(2023, 8, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)),
        (f"{KEY}/state/2024-01-01", datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 8, 1, tzinfo=UTC)),
        (f"{KEY}/state/2024-08-01", datetime(2024, 8, 1, tzinfo=UTC), None),
    ]
    assert drafts[2].payload["funding"] == "14"


def test_katsotaaneronneeksi_ends_the_study_right():
    periods = (koski.period("2023-08-01", "lasna"), koski.period("2024-05-31", "katsotaaneronneeksi"))
    draft = parse(koski.document(koski.study_right(periods=periods))).drafts[0]
    assert draft.payload["ended_on"] == date(2024, 5, 31)
    assert draft.occurred_until == datetime(2024, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "type_, periods, fault",
    [
        ("luva", [("2023-08-01", "tuntematon")], ("0/tila/koodiarvo", "unknown_code")),
        ("luva", [("2023-08-01", "valmistunut"), ("2023-09-01", "eronnut")], ("1/tila", "several_ending_states")),
        ("luva", [("2023-08-01", "valmistunut"), ("2023-09-01", "lasna")], ("1/tila", "ending_state_not_last")),
        ("luva", [("2023-08-01", "mitatoity"), ("2023-09-01", "lasna")], ("1/tila", "ending_state_not_last")),
        ("luva", [("2023-08-01", "lasna"), ("2023-07-01", "loma")], ("1/alku", "periods_out_of_order")),
        ("luva", [("2023-08-01", "lasna"), ("2023-08-01", "loma")], ("1/alku", "same_day_periods")),
        ("luva", [("2023-02-30", "lasna")], ("0/alku", "bad_date")),
        ("luva", [("20230801", "lasna")], ("0/alku", "bad_date")),
        ("tuva", [("2023-08-01", "lasna"), ("2023-09-01", "peruutettu")], ("1/tila/koodiarvo", "state_not_allowed")),
        ("ammatillinenkoulutus", [("2025-08-01", "lasna"), ("2026-01-01", "loma")], ("1/tila/koodiarvo", "state_not_allowed")),
        ("kielitutkinto", [("2023-08-01", "eronnut")], ("0/tila/koodiarvo", "state_not_allowed")),
        ("kielitutkinto", [("2023-08-01", "lasna"), ("2023-08-01", "lasna")], ("1", "duplicate_period")),
    ],
)
def test_periods_follow_the_registers_rules(type_, periods, fault):
    sent = koski.study_right(type_, periods=tuple(koski.period(day, state) for day, state in periods))
    assert faults(parse(koski.document(sent))) == {(f"/opiskeluoikeudet/0/tila/opiskeluoikeusjaksot/{fault[0]}", fault[1])}


def test_vocational_holidays_until_2025_stay_readable():
    assert not parse(koski.document(koski.study_right(periods=(koski.period("2025-12-31", "loma"),)))).errors


def test_an_empty_list_of_periods_is_refused():
    sent = koski.study_right(tila={"opiskeluoikeusjaksot": []})
    assert faults(parse(koski.document(sent))) == {("/opiskeluoikeudet/0/tila/opiskeluoikeusjaksot", "no_state_periods")}


def test_a_language_certificate_may_be_taken_and_assessed_on_one_day():
    delivery = parse(koski.document(koski.language_certificate()))
    key = f"study_right/type/{koski.INSTITUTION}/kielitutkinto/state/2024-03-01"
    assert [draft.fact for draft in of_type(delivery, "state_period")] == [key, f"{key}/hyvaksytystisuoritettu"]


def test_a_language_certificate_is_a_skill_and_tells_nothing_of_conduct():
    delivery = parse(koski.document(koski.language_certificate()))
    assert {draft.category for draft in delivery.drafts if draft.type in ("attainment", "qualification")} == {"skills"}
    parts = [draft for draft in of_type(delivery, "attainment") if draft.payload["part_of"]]
    assert [draft.payload["module_code"] for draft in parts] == ["puhuminen"]
    assert of_type(delivery, "attainment")[0].payload["parts"] == 1


def test_states_of_higher_education_are_virtas():
    jakso = {"alku": "2023-08-01", "tila": koski.code("1", "virtaopiskeluoikeudentila")}
    sent = koski.study_right("korkeakoulutus", periods=(jakso,), suoritukset=[])
    delivery = parse(koski.document(sent))
    assert not delivery.errors
    assert of_type(delivery, "state_period")[0].payload["state_list"] == "virtaopiskeluoikeudentila"


def test_tuva_is_read_like_any_other():
    sent = koski.study_right(
        "tuva", attainments=(koski.attainment("tuvakoulutuksensuoritus", "999908"),), järjestämislupa=koski.code("ammatillinen")
    )
    assert not parse(koski.document(sent)).errors


def test_a_confirmed_degree_is_an_attainment_and_a_qualification():
    done = koski.attainment(
        confirmed="2024-05-31",
        tutkintonimike=[koski.code("10024", "tutkintonimikkeet")],
        osaamisala=[{"osaamisala": koski.code("1719", "osaamisala")}],
    )
    (draft,) = of_type(parse(koski.document(koski.study_right(attainments=(done,)))), "qualification")
    assert draft.payload == {
        "study_right_type": "ammatillinenkoulutus",
        "type": "ammatillinentutkinto",
        "degree_code": "351301",
        "degree_list": "koulutus",
        "module_language": None,
        "titles": ["10024"],
        "specialisations": ["1719"],
        "confirmed_on": date(2024, 5, 31),
        "provider_oid": koski.INSTITUTION,
        "provider_name": "Esimerkkiopisto",
    }


@pytest.mark.parametrize("type_", ["perusopetuksenvuosiluokka", "esiopetuksensuoritus", "korkeakoulunopintojakso"])
def test_a_confirmed_year_or_course_is_no_qualification(type_):
    sent = koski.study_right("perusopetus", attainments=(koski.attainment(type_, confirmed="2024-05-31"),))
    assert of_type(parse(koski.document(sent)), "qualification") == []


@pytest.mark.parametrize(
    "study_right, type_, confirmed, kept",
    [
        ("perusopetus", "perusopetuksenoppimaara", "2024-05-31", True),
        ("perusopetus", "perusopetuksenoppimaara", None, False),
        ("perusopetus", "nuortenperusopetuksenoppiaineenoppimaara", "2024-05-31", False),
        ("ammatillinenkoulutus", "ammatillinentutkinto", "2024-05-31", False),
        ("esiopetus", "esiopetuksensuoritus", "2024-05-31", False),
        ("lukiokoulutus", "lukionoppimaara", "2024-05-31", True),
        ("vapaansivistystyonkoulutus", "vstmaahanmuuttajienkotoutumiskoulutus", "2024-05-31", True),
    ],
)
def test_completed_main_attainments_are_kept_when_left_out_but_for_some(study_right, type_, confirmed, kept):
    sent = koski.study_right(study_right, attainments=(koski.attainment(type_, confirmed=confirmed),))
    (draft,) = of_type(parse(koski.document(sent)), "attainment")
    assert draft.kept_when_omitted is kept


def test_the_upper_secondary_syllabus_of_2019_is_not_kept():
    module = {"tunniste": koski.code("309902", "koulutus"), "perusteenDiaarinumero": "OPH-2263-2019"}
    sent = koski.study_right(
        "lukiokoulutus", attainments=(koski.attainment("lukionoppimaara", confirmed="2024-05-31", koulutusmoduuli=module),)
    )
    assert not of_type(parse(koski.document(sent)), "attainment")[0].kept_when_omitted


def test_parts_belong_to_their_main_attainment_and_carry_the_last_grade():
    regraded = koski.part("105708", "2")
    regraded["arviointi"].append(
        {"arvosana": koski.code("4", "arviointiasteikkoammatillinen15"), "päivä": "2024-06-01", "hyväksytty": True}
    )
    delivery = parse(koski.document(koski.study_right(attainments=(koski.attainment(parts=(regraded,)),))))
    whole, part = of_type(delivery, "attainment")
    assert part.parent == whole.fact
    assert part.fact == f"{whole.fact}/part/suorituksentyyppi:ammatillisentutkinnonosa/tutkinnonosat:105708"
    assert (part.payload["grade"], part.payload["graded_on"], part.payload["credits"]) == ("4", date(2024, 6, 1), 15.5)
    assert [parent.parent for parent in delivery.parents] == [KEY, whole.fact]


def test_a_year_repeated_keeps_its_names_in_whatever_order_it_is_listed():
    first = koski.attainment("perusopetuksenvuosiluokka", "7", alkamispäivä="2022-08-01", confirmed="2023-06-01")
    again = koski.attainment("perusopetuksenvuosiluokka", "7", alkamispäivä="2023-08-01")
    forward, backward = (
        {
            draft.fact: draft.payload["started_on"]
            for draft in of_type(parse(koski.document(koski.study_right("perusopetus", attainments=order))), "attainment")
        }
        for order in ((first, again), (again, first))
    )
    assert forward == backward
    assert len(forward) == 2


def test_optional_and_compulsory_studies_of_one_subject_are_two_facts():
    parts = (koski.part("KO", "8", pakollinen=True), koski.part("KO", "9", pakollinen=False))
    drafts = of_type(parse(koski.document(koski.study_right(attainments=(koski.attainment(parts=parts),)))), "attainment")
    assert [draft.fact.rsplit("/", 1)[1] for draft in drafts[1:]] == ["tutkinnonosat:KO", "optional"]


def test_what_only_disability_explains_is_support_need():
    telma = koski.study_right(attainments=(koski.attainment("telma", "999903"),))
    areas = koski.study_right(
        "perusopetus",
        attainments=(koski.attainment("perusopetuksenoppimaara", parts=(koski.part("1", "S", type_="perusopetuksentoimintaalue"),)),),
    )
    delivery = parse(koski.document(telma, areas))
    assert [draft.category for draft in of_type(delivery, "attainment")] == ["support_need", "education", "support_need"]


def test_a_code_that_is_a_hetu_is_refused():
    sent = koski.study_right(attainments=(koski.attainment(degree=koski.HETU),))
    assert faults(parse(koski.document(sent))) == {
        ("/opiskeluoikeudet/0/suoritukset/0/koulutusmoduuli/tunniste/koodiarvo", "personal_identifier")
    }


def test_a_source_id_that_is_a_hetu_is_refused():
    sent = koski.study_right(lähdejärjestelmänId={"id": koski.HETU})
    assert faults(parse(koski.document(sent))) == {("/opiskeluoikeudet/0/lähdejärjestelmänId/id", "personal_identifier")}


def test_what_a_provider_calls_its_own_module_in_words_stays_there():
    module = {"tunniste": {"koodiarvo": "Matin oma kurssi", "nimi": {"fi": "Matin oma kurssi"}}}
    sent = koski.study_right(attainments=(koski.attainment("muuammatillinenkoulutus", koulutusmoduuli=module),))
    (draft,) = of_type(parse(koski.document(sent)), "attainment")
    assert draft.payload["module_code"] is None
    assert "Matin" not in draft.fact


@pytest.mark.parametrize(
    "change, fault",
    [
        ({"oid": "1.2.246.562.24.00000000001"}, ("/oid", "oid_format")),
        ({"oid": 5}, ("/oid", "wrong_type")),
        ({"tyyppi": None}, ("/tyyppi", "missing_field")),
        ({"tyyppi": {"koodiarvo": " "}}, ("/tyyppi/koodiarvo", "missing_field")),
        ({"tyyppi": {}}, ("/tyyppi/koodiarvo", "missing_field")),
        ({"tyyppi": "luva"}, ("/tyyppi", "wrong_type")),
        ({"versionumero": -1}, ("/versionumero", "out_of_range")),
        ({"versionumero": True}, ("/versionumero", "out_of_range")),
        ({"versionumero": 1.5}, ("/versionumero", "out_of_range")),
        ({"päättymispäivä": "2020-01-01"}, ("/päättymispäivä", "dates_out_of_order")),
        ({"arvioituPäättymispäivä": "9999-12-31"}, ("/arvioituPäättymispäivä", "bad_date")),
        ({"suoritukset": []}, ("/suoritukset", "no_attainments")),
        ({"suoritukset": None}, ("/suoritukset", "missing_field")),
        ({"suoritukset": [[]]}, ("/suoritukset/0", "wrong_type")),
        ({"oppilaitos": {"oid": "opisto"}}, ("/oppilaitos/oid", "oid_format")),
    ],
)
def test_a_faulty_field_is_named(change, fault):
    assert faults(parse(koski.document(koski.study_right() | change))) == {(f"/opiskeluoikeudet/0{fault[0]}", fault[1])}


def test_unknown_fields_and_kinds_are_tolerated():
    sent = koski.study_right("tulevaisuudenkoulutus", tulevaKenttä={"a": [1]}, attainments=(koski.attainment("tulevasuoritus", uusi=True),))
    assert not parse(koski.document(sent) | {"ignoreKoskiValidator": True}).errors


def test_every_payload_fits_its_schema():
    done = koski.attainment(confirmed="2024-05-31", parts=(koski.part("105708", "5"),))
    delivery = parse(
        koski.document(koski.study_right(attainments=(done,), arvioituPäättymispäivä="2026-05-31"), koski.language_certificate())
    )
    assert {draft.type for draft in delivery.drafts} == {"study_right", "state_period", "attainment", "qualification"}
    for draft in delivery.drafts:
        assert round_trip(draft) == draft.payload
