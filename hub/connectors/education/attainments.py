"""Attainments (suoritukset) of a study right: main ones, and their parts of the first level with the latest grade.

Left where they are: parts below the first level, verbal assessments, behaviour, names, places of work, reasons, and the syllabus of religion.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from hub.connectors.education.codes import is_dropped, is_kept, stateless
from hub.connectors.education.reading import Code, Node

__all__ = ["Attainment", "read_attainments"]

_MAX_CREDITS = 10_000
_TELLING_APART = ("kieli", "oppimäärä", "taso")
"""Language, syllabus and level: attainments of one subject may differ by these alone, or by being optional."""


@dataclass(frozen=True, slots=True)
class Attainment:
    """A main attainment, or a part of one. `step` names it among its siblings, the same at every send."""

    step: str
    type: str
    module: Code
    module_language: Code | None
    language: Code | None
    compulsory: bool | None
    credits: float | None
    credits_unit: Code | None
    started: date | None
    confirmed: date | None
    grade: Code | None
    passed: bool | None
    graded: date | None
    titles: tuple[str, ...] = ()
    specialisations: tuple[str, ...] = ()
    kept: bool = False
    """Stays when an update of the study right leaves it out."""
    parts: tuple[Attainment, ...] = ()


def read_attainments(study_right: Node, study_right_type: str) -> tuple[Attainment, ...]:
    """The main attainments with their parts; faults are noted in the node."""
    nodes = study_right.records("suoritukset", required=not stateless(study_right_type))
    if study_right.members.get("suoritukset") == [] and not stateless(study_right_type):
        study_right.refuse("suoritukset", "no_attainments", "Send at least one attainment.")
    return _numbered(_read_main(node, study_right_type) for node in nodes)


def _read_main(node: Node, study_right_type: str) -> Attainment | None:
    main = _read(node)
    parts = _numbered(_read(part) for part in node.records("osasuoritukset"))
    titles = [title.as_code() for title in node.records("tutkintonimike")]
    specialisations = [
        item.code("osaamisala") if item.has("osaamisala") else item.as_code()  # bare in some kinds, with dates around it in others
        for item in node.records("osaamisala")
    ]
    module = node.record("koulutusmoduuli")
    curriculum = module.text("perusteenDiaarinumero") if module else None
    if main is None:
        return None
    return replace(
        main,
        titles=_listed(titles),
        specialisations=_listed(specialisations),
        kept=main.confirmed is not None and is_kept(study_right_type, main.type, curriculum),
        parts=tuple(part for part in parts if not is_dropped(part.grade)),
    )


def _read(node: Node) -> Attainment | None:
    type_ = node.code("tyyppi", required=True)
    module = node.record("koulutusmoduuli", required=True)
    identity = module.code("tunniste", required=True) if module else None
    extent = module.record("laajuus") if module else None
    confirmation = node.record("vahvistus")
    assessments = node.records("arviointi")
    latest = assessments[-1] if assessments else None
    if type_ is None or module is None or identity is None:
        return None
    apart = [code.step for key in _TELLING_APART if (code := module.code(key)) is not None]
    compulsory = module.flag("pakollinen")
    return Attainment(
        step="/".join((type_.step, identity.step, *apart, *(["optional"] if compulsory is False else []))),
        type=type_.value,
        module=identity,
        module_language=module.code("kieli") if module.has("kieli") else None,
        language=node.code("suorituskieli"),
        compulsory=compulsory,
        credits=extent.number("arvo", most=_MAX_CREDITS) if extent else None,
        credits_unit=extent.code("yksikkö") if extent else None,
        started=node.day("alkamispäivä"),
        confirmed=confirmation.day("päivä", required=True) if confirmation else None,
        grade=latest.code("arvosana") if latest else None,
        passed=latest.flag("hyväksytty") if latest else None,
        graded=latest.day("päivä") if latest else None,
    )


def _listed(codes: Iterable[Code | None]) -> tuple[str, ...]:
    return tuple(code.value for code in codes if code is not None and code.code_list)


def _numbered(attainments: Iterable[Attainment | None]) -> tuple[Attainment, ...]:
    """In the order sent; those otherwise alike get an ordinal by first day, so that a year repeated and listed first does not swap names."""
    sent = [attainment for attainment in attainments if attainment is not None]
    alike: defaultdict[str, list[int]] = defaultdict(list)
    for index, attainment in enumerate(sent):
        alike[attainment.step].append(index)
    steps = {}
    for step, indexes in alike.items():
        for ordinal, index in enumerate(sorted(indexes, key=lambda index: (sent[index].started or date.max, index)), start=1):
            steps[index] = step if ordinal == 1 else f"{step}/{ordinal}"
    return tuple(replace(attainment, step=steps[index]) for index, attainment in enumerate(sent))
