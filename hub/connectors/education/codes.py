"""What the codes of Koski's lists mean to Silta: states, what is kept when left out, and which data category a fact belongs to.

Source: Opetushallitus/koski, validation and `OpiskeluoikeusChangeMigrator`. Unknown types are tolerated, unknown states are not: a state decides
whether the study right still holds.
"""

from __future__ import annotations

from datetime import date

from hub.connectors.education.reading import Code

__all__ = [
    "KOSKI_STATES",
    "VIRTA_STATES",
    "category_of",
    "ends",
    "is_dropped",
    "is_kept",
    "is_qualification",
    "may_be_in",
    "shares_days",
    "stateless",
]

KOSKI_STATES = "koskiopiskeluoikeudentila"
VIRTA_STATES = "virtaopiskeluoikeudentila"

_OPEN = frozenset({"lasna", "loma", "valiaikaisestikeskeytynyt"})
_ENDING = frozenset(
    {
        "valmistunut",
        "hyvaksytystisuoritettu",
        "eronnut",
        "katsotaaneronneeksi",
        "keskeytynyt",
        "paattynyt",
        "peruutettu",
        "mitatoity",
    }
)
_VIRTA = frozenset("123456")
_LANGUAGE_CERTIFICATE = "kielitutkinto"
_LANGUAGE_CERTIFICATE_STATES = frozenset({"lasna", "hyvaksytystisuoritettu", "paattynyt", "mitatoity"})
_LAST_HOLIDAY_STATE = date(2025, 12, 31)

# Koski keeps completed main attainments that an update leaves out, but for these.
_NOT_KEPT_STUDY_RIGHTS = frozenset(
    {
        "ammatillinenkoulutus",
        "ebtutkinto",
        "esiopetus",
        "europeanschoolofhelsinki",
        "ibtutkinto",
        "taiteenperusopetus",
        "ylioppilastutkinto",
    }
)
_NOT_KEPT_ATTAINMENTS = frozenset(
    {
        "lukionaineopinnot",
        "lukionoppiaineenoppimaara",
        "lukionoppiaineidenoppimaarat2019",
        "lukionoppimaara2019",
        "nuortenperusopetuksenoppiaineenoppimaara",
        "perusopetuksenoppiaineenoppimaara",
    }
)
_UPPER_SECONDARY_2019 = frozenset({"OPH-2263-2019", "OPH-2267-2019"})

# School years, stages and single courses are confirmed too, and give no certificate of their own.
_NO_QUALIFICATION = ("vuosiluokka", "opintojakso", "alkuvaihe", "valmistavavaihe", "esiopetuksensuoritus")

# Instruction by activity areas, and TELMA, are given for disability alone: to name the type is to name the support need (GDPR Art. 9).
_SUPPORT_NEED = ("toimintaalue", "telma")


def may_be_in(study_right_type: str, state: Code, started: date) -> str | None:
    """None if a study right of the type may be in the state from that day, else the fault's code. A state without a list is Koski's."""
    if state.code_list == VIRTA_STATES:
        return None if state.value in _VIRTA else "unknown_code"
    if state.code_list not in (None, KOSKI_STATES) or state.value not in _OPEN | _ENDING:
        return "unknown_code"
    refused = (
        (study_right_type == "tuva" and state.value == "peruutettu")
        or (study_right_type == "ammatillinenkoulutus" and state.value == "loma" and started > _LAST_HOLIDAY_STATE)
        or (study_right_type == _LANGUAGE_CERTIFICATE and state.value not in _LANGUAGE_CERTIFICATE_STATES)
    )
    return "state_not_allowed" if refused else None


def ends(state: Code) -> bool:
    """Whether the state ends the study right. VIRTA's states never do here: a degree may be followed by the next one in the same study right."""
    return state.code_list != VIRTA_STATES and state.value in _ENDING


def shares_days(study_right_type: str, state: Code) -> bool:
    """Whether a period in this state may start on the day of the one before."""
    return study_right_type == _LANGUAGE_CERTIFICATE or state.code_list == VIRTA_STATES


def stateless(study_right_type: str) -> bool:
    """Whether study rights of the type come from a register that has no states or no attainments for some of them."""
    return study_right_type in ("korkeakoulutus", "ylioppilastutkinto")


def is_kept(study_right_type: str, attainment_type: str, curriculum: str | None) -> bool:
    """Whether a completed main attainment stays when an update leaves it out. `curriculum` is ``perusteenDiaarinumero``."""
    return not (
        study_right_type in _NOT_KEPT_STUDY_RIGHTS
        or attainment_type in _NOT_KEPT_ATTAINMENTS
        or (attainment_type == "lukionoppimaara" and curriculum in _UPPER_SECONDARY_2019)
    )


def is_qualification(attainment_type: str) -> bool:
    """Whether a confirmed main attainment of the type gives a degree or a certificate."""
    return not any(part in attainment_type for part in _NO_QUALIFICATION)


def is_dropped(grade: Code | None) -> bool:
    """Whether a part must not be told at all: grade 11 of the language certificates (`ykiarvosana`) speaks of conduct, not of skill."""
    return grade is not None and grade.code_list == "ykiarvosana" and grade.value == "11"


def category_of(study_right_type: str, attainment_type: str) -> str:
    """The data category of an attainment or a qualification."""
    if any(part in attainment_type for part in _SUPPORT_NEED):
        return "support_need"
    return "skills" if study_right_type == _LANGUAGE_CERTIFICATE else "education"
