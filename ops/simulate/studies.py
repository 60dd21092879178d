"""What OSAO's clients study: study rights of four kinds as they stand at some moment, and what became of some of them later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

__all__ = ["INTEGRATION", "Kind", "Part", "State", "StudyRight", "completed", "draw_studies", "voided"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of study right, by the codes that Koski has for it. `parts`: (type, code, code list or empty for a code of its own, credits)."""

    name: str
    type: str
    attainment: str
    module: str
    curriculum: str
    parts: tuple[tuple[str, str, str, int], ...]
    grades: tuple[str, ...]
    grade_list: str
    funding: str
    credits_unit: str


_PREPARING = ("AKO", 10), ("OV", 10), ("TOV", 15), ("ATH", 10)
_INTEGRATION_PARTS = (
    ("vstmaahanmuuttajienkotoutumiskoulutuksenkieliopintojensuoritus", 30),
    ("vstmaahanmuuttajienkotoutumiskoulutuksentyoelamajayhteiskuntataitojenkokonaisuudensuoritus", 15),
    ("vstmaahanmuuttajienkotoutumiskoulutuksenohjauksensuoritus", 5),
    ("vstmaahanmuuttajienkotoutumiskoulutuksenvalinnaistensuoritus", 4),
)
_INTEGRATION_TYPE = "vstmaahanmuuttajienkotoutumiskoulutus"
_INTEGRATION_LIST = "vstmaahanmuuttajienkotoutumiskoulutuksenkokonaisuus"

VOCATIONAL = Kind(
    "vocational degree",
    "ammatillinenkoulutus",
    "ammatillinentutkinto",
    "361902",
    "62/011/2014",
    tuple(("ammatillisentutkinnonosa", f"10043{digit}", "tutkinnonosat", 15) for digit in range(1, 6)),
    ("2", "3", "4", "5"),
    "arviointiasteikkoammatillinen15",
    "1",
    "6",
)
VALMA = Kind(
    "preparatory training (VALMA)",
    "ammatillinenkoulutus",
    "valma",
    "999901",
    "5/011/2015",
    tuple(("valmakoulutuksenosa", code, "", credits_) for code, credits_ in _PREPARING),
    ("Hyväksytty",),
    "arviointiasteikkoammatillinenhyvaksyttyhylatty",
    "1",
    "6",
)
TUVA = Kind(
    "preparatory education (TUVA)",
    "tuva",
    "tuvakoulutuksensuoritus",
    "999908",
    "OPH-1488-2021",
    tuple(("tuvankoulutuksenosansuoritus", str(code), "koulutuksenosattuva", 2) for code in (104, 105, 107)),
    ("Hyväksytty",),
    "arviointiasteikkotuva",
    "1",
    "8",
)
INTEGRATION = Kind(
    "integration training",
    "vapaansivistystyonkoulutus",
    _INTEGRATION_TYPE,
    "999910",
    "OPH-123-2021",
    tuple((part, part, _INTEGRATION_LIST, credits_) for part, credits_ in _INTEGRATION_PARTS),
    ("Hyväksytty",),
    "arviointiasteikkovst",
    "6",  # labour-market training: the state's funding code tells what the client is there for
    "2",
)


@dataclass(frozen=True, slots=True)
class State:
    """A period (opiskeluoikeusjakso) from a day on."""

    since: date
    state: str


@dataclass(frozen=True, slots=True)
class Part:
    """A graded unit, by its place among the kind's parts."""

    index: int
    grade: str
    graded: date


@dataclass(frozen=True, slots=True)
class StudyRight:
    """A study right as its provider knows it now."""

    source_id: str
    kind: Kind
    states: tuple[State, ...]
    parts: tuple[Part, ...]
    confirmed: date | None = None

    @property
    def ended(self) -> date | None:
        """The last day, once it has one."""
        return self.states[-1].since if self.states[-1].state in ("valmistunut", "eronnut") else None

    @property
    def estimated_end(self) -> date:
        """The day that the provider expects."""
        return self.states[0].since + timedelta(days=700)


def draw_studies(dice: Random, number: int) -> tuple[StudyRight, ...]:
    """The study rights of one client: none for every fourth, two for some (integration training, then a vocational one)."""
    if number % 4 == 0:
        return ()
    first = dice.choice((VOCATIONAL, VALMA, INTEGRATION, INTEGRATION, TUVA)) if number > 1 else INTEGRATION
    start = date(2022, 8, 1) if first is TUVA else date(2021, 1, 11) + timedelta(days=dice.randrange(240))
    studies = [_draw(dice, f"osao-{number}-1", first, start, done=number == 1 or dice.random() < 0.25)]  # noqa: PLR2004 - a share
    if first is INTEGRATION and (number == 1 or dice.random() < 0.3):  # noqa: PLR2004 - a share
        studies.append(_draw(dice, f"osao-{number}-2", VOCATIONAL, date(2022, 1, 10), done=False))
    return tuple(studies)


def completed(study_right: StudyRight, day: date) -> StudyRight:
    """The study right once the client has graduated."""
    return replace(study_right, states=(*study_right.states, State(day, "valmistunut")), confirmed=day)


def voided(study_right: StudyRight, day: date) -> StudyRight:
    """The study right once it was found never to have been one (mitätöity)."""
    return replace(study_right, states=(*study_right.states, State(day, "mitatoity")))


def _draw(dice: Random, source_id: str, kind: Kind, start: date, *, done: bool) -> StudyRight:
    states = [State(start, "lasna")]
    if dice.random() < 0.3:  # noqa: PLR2004 - a share
        states += [State(start + timedelta(days=90), "valiaikaisestikeskeytynyt"), State(start + timedelta(days=120), "lasna")]
    count = len(kind.parts) if done else dice.randrange(len(kind.parts))
    parts = tuple(Part(index, dice.choice(kind.grades), start + timedelta(days=130 + 20 * index)) for index in range(count))
    study_right = StudyRight(source_id, kind, tuple(states), parts)
    if done:
        return completed(study_right, start + timedelta(days=300))
    if dice.random() < 0.1:  # noqa: PLR2004 - a share
        return replace(study_right, states=(*states, State(start + timedelta(days=250), "eronnut")))
    return study_right
