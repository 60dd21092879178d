"""The state periods (opiskeluoikeusjaksot) of a study right, held to Koski's rules of order, days and endings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from hub.connectors.education.codes import ends, may_be_in, shares_days, stateless
from hub.connectors.education.reading import Code, Node

__all__ = ["Period", "is_removed", "read_periods"]

_FUNDING = re.compile(r"[0-9]{1,2}")
_REMEDIES = {
    "unknown_code": "Send a state of the code list koskiopiskeluoikeudentila.",
    "state_not_allowed": "Send a state that Koski allows for this type of study right and this day.",
}


@dataclass(frozen=True, slots=True)
class Period:
    """From `started` to the start of the next period; `step` names it within its study right."""

    step: str
    state: Code
    funding: Code | None
    started: date


def is_removed(study_right: Node) -> bool:
    """Whether the last period's state is `mitatoity`: the study right is void, and whatever else the message says of it is ignored."""
    periods = _dig(study_right.members, "tila", "opiskeluoikeusjaksot")
    return isinstance(periods, list) and bool(periods) and _dig(periods[-1], "tila", "koodiarvo") == "mitatoity"


def read_periods(study_right: Node, study_right_type: str) -> tuple[Period, ...]:
    """The periods in order; faults are noted in the node."""
    holder = study_right.record("tila", required=True)
    if holder is None:
        return ()
    nodes = holder.records("opiskeluoikeusjaksot", required=True)
    if not nodes and holder.members.get("opiskeluoikeusjaksot") == [] and not stateless(study_right_type):
        holder.refuse("opiskeluoikeusjaksot", "no_state_periods", "Send at least one state period.")
    periods: list[Period] = []
    for node in nodes:
        period = _read(node, study_right_type, periods)
        if period is not None:
            periods.append(period)
    return tuple(periods)


def _read(node: Node, study_right_type: str, earlier: list[Period]) -> Period | None:
    started = node.day("alku", required=True)
    state = node.code("tila", required=True)
    funding = node.code("opintojenRahoitus")
    if funding and not _FUNDING.fullmatch(funding.value):
        node.refuse("opintojenRahoitus/koodiarvo", "unknown_code", "Send a code of the code list opintojenrahoitus.")
    if started is None or state is None:
        return None
    fault = may_be_in(study_right_type, state, started)
    if fault is not None:
        node.refuse("tila/koodiarvo", fault, _REMEDIES[fault])
        return None
    if earlier:
        _check_sequence(node, study_right_type, earlier, state, started)
    days = [period.started for period in earlier]
    step = started.isoformat() if started not in days else f"{started.isoformat()}/{state.value}"
    if any(period.step == step or (period.started, period.state) == (started, state) for period in earlier):
        node.refuse("", "duplicate_period", "Send each state once a day.")
    return Period(step, state, funding, started)


def _check_sequence(node: Node, study_right_type: str, earlier: list[Period], state: Code, started: date) -> None:
    before = earlier[-1]
    if started < before.started:
        node.refuse("alku", "periods_out_of_order", "Send the periods in the order of their first days.")
    if started == before.started and not shares_days(study_right_type, state):
        node.refuse("alku", "same_day_periods", "Two periods of this type of study right can't start on one day.")
    if any(ends(period.state) for period in earlier):
        if ends(state):
            node.refuse("tila", "several_ending_states", "A study right has one ending state.")
        else:
            node.refuse("tila", "ending_state_not_last", "No state follows the one that ends the study right.")


def _dig(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
