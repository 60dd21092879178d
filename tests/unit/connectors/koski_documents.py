"""Koski documents of invented people, built to the shape that the register's interface describes."""

import json
from typing import Any

Json = dict[str, Any]

HETU = "131052-308T"
LEARNER = "1.2.246.562.24.00000000001"
STUDY_RIGHT = "1.2.246.562.15.00000000001"
INSTITUTION = "1.2.246.562.10.52251087186"
NAMES = ("Kuvitteellinen", "Esimerkkinen", "Opettajainen", "Sanallinenkuvaus")


def code(value: str, code_list: str | None = None) -> Json:
    return {"koodiarvo": value} | ({"koodistoUri": code_list} if code_list else {})


def period(day: str, state: str, funding: str | None = None) -> Json:
    extra = {"opintojenRahoitus": code(funding, "opintojenrahoitus")} if funding else {}
    return {"alku": day, "tila": code(state, "koskiopiskeluoikeudentila")} | extra


def part(subject: str, grade: str, *, type_: str = "ammatillisentutkinnonosa", day: str = "2024-05-01", **module: Any) -> Json:
    return {
        "tyyppi": code(type_, "suorituksentyyppi"),
        "koulutusmoduuli": {
            "tunniste": code(subject, "tutkinnonosat"),
            "laajuus": {"arvo": 15.5, "yksikkö": code("6", "opintojenlaajuusyksikko")},
        }
        | module,
        "arviointi": [
            {
                "arvosana": code(grade, "arviointiasteikkoammatillinen15"),
                "päivä": day,
                "hyväksytty": True,
                "kuvaus": {"fi": NAMES[3]},
                "arvioitsijat": [{"nimi": NAMES[2]}],
            }
        ],
        "osasuoritukset": [],
    }


def attainment(
    type_: str = "ammatillinentutkinto", degree: str = "351301", *, confirmed: str | None = None, parts: tuple[Json, ...] = (), **more: Any
) -> Json:
    result: Json = {
        "tyyppi": code(type_, "suorituksentyyppi"),
        "koulutusmoduuli": {
            "tunniste": code(degree, "koulutus") | {"nimi": {"fi": "Autoalan perustutkinto"}},
            "perusteenDiaarinumero": "39/011/2014",
        },
        "toimipiste": {"oid": "1.2.246.562.10.42456023292"},
        "suorituskieli": code("FI", "kieli"),
    }
    if confirmed:
        result["vahvistus"] = {"päivä": confirmed, "myöntäjäHenkilöt": [{"nimi": NAMES[2]}]}
    if parts:
        result["osasuoritukset"] = list(parts)
    return result | more


def study_right(
    type_: str = "ammatillinenkoulutus", *, periods: tuple[Json, ...] = (), attainments: tuple[Json, ...] = (), **more: Any
) -> Json:
    return {
        "tyyppi": code(type_, "opiskeluoikeudentyyppi"),
        "oppilaitos": {"oid": INSTITUTION, "nimi": {"fi": "Esimerkkiopisto"}},
        "tila": {"opiskeluoikeusjaksot": list(periods or (period("2023-08-01", "lasna", "1"),))},
        "suoritukset": list(attainments or (attainment(),)),
        "lisätiedot": {
            "hojks": {"opetusryhmä": code("1")},
            "vaikeastiVammainen": [{"alku": "2023-08-01"}],
            "vankilaopetuksessa": [{"alku": "2023-08-01"}],
        },
    } | more


def person(**more: Any) -> Json:
    return {"hetu": HETU, "etunimet": NAMES[0], "kutsumanimi": NAMES[0], "sukunimi": NAMES[1]} | more


def document(*study_rights: Json, who: Json | None = None) -> Json:
    return {"henkilö": person() if who is None else who, "opiskeluoikeudet": list(study_rights or (study_right(),))}


def body(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def language_certificate() -> Json:
    return study_right(
        "kielitutkinto",
        periods=(period("2024-03-01", "lasna"), period("2024-03-01", "hyvaksytystisuoritettu")),
        attainments=(
            attainment(
                "yleinenkielitutkinto",
                confirmed="2024-03-01",
                koulutusmoduuli={"tunniste": code("kt", "ykitutkintotaso"), "kieli": code("FI", "kieli")},
                parts=(
                    part("puhuminen", "4", type_="yleisenkielitutkinnonosa"),
                    part("kirjoittaminen", "11", type_="yleisenkielitutkinnonosa")
                    | {"arviointi": [{"arvosana": code("11", "ykiarvosana"), "päivä": "2024-03-01"}]},
                ),
            ),
        ),
    )
