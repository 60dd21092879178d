"""The facts that one study right (opiskeluoikeus) of a Koski document states.

`lisätiedot` is never read: nothing in it leaves the sender.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from hub.connectors.education.attainments import Attainment, read_attainments
from hub.connectors.education.codes import KOSKI_STATES, category_of, ends, is_qualification
from hub.connectors.education.names import Names
from hub.connectors.education.reading import Code, Node
from hub.connectors.education.states import Period, read_periods
from hub.drafts import Draft, Identifier, Parent

__all__ = ["Statement"]

_MAX_VERSION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Statement:
    """What one item of a delivery says of one study right."""

    item: int
    pointer: str
    subject: tuple[Identifier, ...]
    names: Names

    def removal(self) -> tuple[Parent, ...]:
        """The study right is void, under its alias too."""
        keys = (self.names.key, self.names.alias)
        return tuple(Parent(self.item, self.pointer, self.subject, key, removed=True) for key in keys if key)

    def read(self, node: Node) -> tuple[list[Draft], list[Parent]]:
        """Everything that the study right states now. Whether it may be used depends on the node's faults afterwards.

        A completed main attainment may be left out of an update and stays, with its parts: so each is the parent of its own parts.
        """
        periods = read_periods(node, self.names.type)
        attainments = read_attainments(node, self.names.type)
        version = self._version(node)
        drafts = [self._study_right(node, periods, version), *self._states(node, periods, version)]
        parents = [Parent(self.item, self.pointer, self.subject, self.names.key)]
        if self.names.alias:
            parents.append(Parent(self.item, self.pointer, self.subject, self.names.alias, removed=True))
        for main in attainments:
            drafts.extend(self._attainments(main, version))
            parents.append(Parent(self.item, self.pointer, self.subject, self._fact(main)))
        return drafts, parents

    def _version(self, node: Node) -> int | None:
        version = node.number("versionumero", most=_MAX_VERSION)
        if version is not None and not version.is_integer():
            node.refuse("versionumero", "out_of_range", "Send a whole number.")
        return None if version is None else int(version)

    def _study_right(self, node: Node, periods: tuple[Period, ...], version: int | None) -> Draft:
        started = node.day("alkamispäivä") or (periods[0].started if periods else None)
        ended = node.day("päättymispäivä") or _ending_day(periods)
        estimated = node.day("arvioituPäättymispäivä")
        for key, day in (("päättymispäivä", ended), ("arvioituPäättymispäivä", estimated)):
            if node.has(key) and started and day and day < started:
                node.refuse(key, "dates_out_of_order", "A study right ends on its first day or later.")
        payload = {
            "oid": self.names.oid,
            "type": self.names.type,
            "provider_oid": self.names.provider_oid,
            "provider_name": self.names.provider_name,
            "started_on": started,
            "ended_on": ended,
            "estimated_end_on": estimated,
        }
        return self._draft(self.names.key, "study_right", "education", payload, version, since=started, last=ended)

    def _states(self, node: Node, periods: tuple[Period, ...], version: int | None) -> Iterator[Draft]:
        for index, period in enumerate(periods):
            payload = {
                "study_right_type": self.names.type,
                "state": period.state.value,
                "state_list": period.state.code_list or KOSKI_STATES,
                "funding": period.funding.value if period.funding else None,
                "started_on": period.started,
            }
            following = periods[index + 1].started if index + 1 < len(periods) else None
            last = node.day("päättymispäivä") or period.started if following is None and ends(period.state) else None
            fact = f"{self.names.key}/state/{period.step}"
            yield self._draft(fact, "state_period", "education", payload, version, since=period.started, until=following, last=last)

    def _fact(self, main: Attainment) -> str:
        return f"{self.names.key}/attainment/{main.step}"

    def _attainments(self, main: Attainment, version: int | None) -> Iterator[Draft]:
        fact = self._fact(main)
        category = category_of(self.names.type, main.type)
        whole = self._attainment(main) | {"parts": len(main.parts)}
        yield self._draft(
            fact, "attainment", category, whole, version, since=main.started or main.confirmed, last=main.confirmed, kept=main.kept
        )
        if main.confirmed and is_qualification(main.type):
            name = f"{self.names.key}/qualification/{main.step}"
            yield self._draft(
                name,
                "qualification",
                category,
                self._qualification(main),
                version,
                since=main.confirmed,
                last=main.confirmed,
                kept=main.kept,
            )
        for part in main.parts:
            payload = self._attainment(part) | {"part_of": "/".join(filter(None, (main.type, main.module.shown)))}
            day = part.graded or part.confirmed
            yield self._draft(
                f"{fact}/part/{part.step}",
                "attainment",
                category if category == "support_need" else category_of(self.names.type, part.type),
                payload,
                version,
                since=part.started or day,
                last=day,
                parent=fact,
            )

    def _attainment(self, attainment: Attainment) -> dict[str, object]:
        return {
            "study_right_type": self.names.type,
            "type": attainment.type,
            "part_of": None,
            "module_code": attainment.module.shown,
            "module_list": attainment.module.code_list,
            "module_language": _shown(attainment.module_language),
            "language": _shown(attainment.language),
            "compulsory": attainment.compulsory,
            "credits": attainment.credits,
            "credits_unit": _shown(attainment.credits_unit),
            "parts": None,
            "grade": _shown(attainment.grade),
            "grade_list": attainment.grade.code_list if attainment.grade else None,
            "passed": attainment.passed,
            "graded_on": attainment.graded,
            "started_on": attainment.started,
            "confirmed_on": attainment.confirmed,
        }

    def _qualification(self, main: Attainment) -> dict[str, object]:
        return {
            "study_right_type": self.names.type,
            "type": main.type,
            "degree_code": main.module.shown,
            "degree_list": main.module.code_list,
            "module_language": _shown(main.module_language),
            "titles": list(main.titles),
            "specialisations": list(main.specialisations),
            "confirmed_on": main.confirmed,
            "provider_oid": self.names.provider_oid,
            "provider_name": self.names.provider_name,
        }

    def _draft(
        self,
        fact: str,
        type_: str,
        category: str,
        payload: Mapping[str, object],
        version: int | None,
        *,
        since: date | None,
        until: date | None = None,
        last: date | None = None,
        parent: str | None = None,
        kept: bool = False,
    ) -> Draft:
        return Draft(
            item=self.item,
            pointer=self.pointer,
            subject=self.subject,
            fact=fact,
            type=type_,
            category=category,
            payload=payload,
            parent=parent or self.names.key,
            occurred_from=_midnight(since),
            occurred_until=_midnight(until or (last + timedelta(days=1) if last else None)),
            source_version=version,
            kept_when_omitted=kept,
        )


def _shown(code: Code | None) -> str | None:
    return code.shown if code else None


def _ending_day(periods: tuple[Period, ...]) -> date | None:
    return periods[-1].started if periods and ends(periods[-1].state) else None


def _midnight(day: date | None) -> datetime | None:
    """Days have no zone; midnight UTC falls on the same day in Finland."""
    return datetime.combine(day, time(), UTC) if day else None
