"""The demo's course, from consents to the digest. Every step is checked against what the generator expects; what is off ends it in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from consent.networks import load_network
from hub import networks
from hub.errors import FatalError
from hub.settings import Settings
from hub.timeline.digest import digest
from ops.demo import counting, samples
from ops.demo.children import Children
from ops.demo.partners import AUDITOR, Api, drop, outcomes
from ops.simulate import Answer, Expected, Person, Scenario, Sending, scenario
from ops.simulate.expecting import Expecting

__all__ = ["Findings", "View", "run"]

_VIEWS = (
    ("oulu-city", "hetu", "integration_services"),
    ("te-pohjois-pohjanmaa", "hetu", "employment_services"),
    ("osao", "learner_number", "study_guidance"),
)
_CALLERS = 4
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """One client's timeline as a partner sees it."""

    partner: str
    purpose: str
    entries: list[Json] = field(repr=False)


@dataclass(slots=True)
class Findings:
    """What the demo found out; the counts are checked already."""

    clients: int
    answers: Counter[str] = field(default_factory=Counter)
    outcomes: list[tuple[int, Sending, Json]] = field(default_factory=list, repr=False)
    """(wave, what was sent, what became of it); wave 0: the user's own documents."""
    rulings: list[counting.Ruling] = field(default_factory=list)
    errors: dict[str, list[Json]] = field(default_factory=dict)
    shown: int = 0
    """Number of the client whose timeline is shown."""
    before: list[View] = field(default_factory=list)
    after: list[View] = field(default_factory=list)
    reads: list[Json] = field(default_factory=list)
    entries: int = 0
    digest: str = ""

    def total(self, count: str, waves: Sequence[int]) -> int:
        """Sum of a count over the outcomes that were no repeats."""
        return sum(int(outcome[count]) for wave, _, outcome in self.outcomes if wave in waves and not outcome["repeat"])


@dataclass(slots=True)
class _Course:
    settings: Settings
    children: Children
    api: Api
    story: Scenario
    expecting: Expecting
    findings: Findings
    progress: Callable[[str], None]


def run(
    settings: Settings, children: Children, api: Api, *, clients: int, seed: int, koski: Path | None, progress: Callable[[str], None]
) -> Findings:
    """Play everything through. Raises `FatalError` when anything is not as expected."""
    story = scenario(clients, seed)
    network = load_network(networks.find(settings.network), demo=True)
    course = _Course(settings, children, api, story, Expecting(network, story.answers), Findings(clients), progress)
    _ask(course)
    documents = samples.read_documents(koski) if koski else []
    _ask_documented(course, documents, seed)
    for wave, sendings in enumerate(story.waves, 1):
        _send(course, wave, sendings)
    if documents:
        _send_documents(course, documents)
    _await_timeline(course)
    course.findings.rulings = counting.rulings(settings)
    course.findings.errors = {partner: api.call(partner, "GET", "/v1/errors")["errors"] for partner in ("oulu-city", "osao")}
    _check_views(course)
    _show_one(course)
    course.findings.digest = digest(settings)
    return course.findings


def _ask(course: _Course) -> None:
    """Consents, each recorded by the partner whose worker asked."""
    notices = {notice["language"]: notice for notice in course.api.call("oulu-city", "GET", "/v1/notices")["notices"]}
    asked = [(course.story.answers.get(person.number), person) for person in course.story.people]
    course.findings.answers.update(answer.answer if answer else "never asked" for answer, _ in asked)
    with ThreadPoolExecutor(_CALLERS) as callers:
        calls = [callers.submit(course.api.record_answer, one, "hetu", who.hetu, notices[one.language]) for one, who in asked if one]
        for call in calls:
            call.result()
    course.progress(f"{len(course.story.answers)} consents asked for and answers recorded over the API")


def _ask_documented(course: _Course, documents: Sequence[Sending], seed: int) -> None:
    """Every other person of the user's own documents says yes to everything, to OSAO."""
    if not documents:
        return
    notice = next(one for one in course.api.call("osao", "GET", "/v1/notices")["notices"] if one["language"] == "fi")
    pattern = next(answer for answer in course.story.answers.values() if answer.answer == "give")
    found = samples.subjects(documents)[::2]
    for subject, consent_id in zip(found, samples.consent_ids(len(found), seed), strict=True):
        answer = replace(pattern, consent_id=consent_id, asked_by="osao")
        course.api.record_answer(answer, subject.scheme.value, subject.value, notice)
    course.progress(f"{len(found)} consents of persons in the given documents")


def _send(course: _Course, wave: int, sendings: Sequence[Sending]) -> None:
    _settle(course, "the consents have arrived in the timeline")
    for sending, outcome in _taken_in(course, sendings):
        course.findings.outcomes.append((wave, sending, outcome))
    by_name = {(sending.source, sending.name): outcome for number, sending, outcome in course.findings.outcomes if number == wave}
    expected = {(sending.source, sending.name): course.expecting.take(sending) for sending in sendings}
    for place, outcome in by_name.items():
        _check_outcome(place[1], outcome, expected[place])
    told = {count: course.findings.total(count, [wave]) for count in ("admitted", "unchanged", "denied")}
    errors = sum(len(outcome["errors"]) for outcome in by_name.values())
    repeats = sum(bool(outcome["repeat"]) for outcome in by_name.values())
    counts = ", ".join(f"{count} {what}" for what, count in told.items())
    course.progress(f"wave {wave}: {len(sendings)} files taken in; facts: {counts}; {errors} faults, {repeats} files known already")


def _send_documents(course: _Course, documents: Sequence[Sending]) -> None:
    for sending, outcome in _taken_in(course, documents):
        missing = Counter(sending.errors) - Counter((fault["pointer"], fault["code"]) for fault in outcome["errors"])
        if missing:
            raise FatalError(f"{sending.name}: {sum(missing.values())} faults that its parser finds are not in its outcome")
        course.findings.outcomes.append((0, sending, outcome))
    course.progress(f"{len(documents)} given documents taken in: {course.findings.total('admitted', [0])} facts admitted")


def _taken_in(course: _Course, sendings: Sequence[Sending]) -> list[tuple[Sending, Json]]:
    """Drop the files, and wait for the outcome of each."""
    drop(course.settings.drops, sendings)
    waiting = {(sending.source, sending.name): sending for sending in sendings}
    sent = dict(waiting)
    found: dict[tuple[str, str], Json] = {}

    def all_here() -> bool:
        found.update(outcomes(course.settings.drops, waiting))
        return not waiting

    course.children.until(all_here, "all files are taken in", 120)
    return [(sent[place], outcome) for place, outcome in found.items()]


def _check_outcome(name: str, outcome: Json, expected: Expected) -> None:
    seen = tuple(outcome[count] for count in ("admitted", "unchanged", "denied"))
    errors = Counter((fault["pointer"], fault["code"]) for fault in outcome["errors"])
    wanted = (expected.admitted, expected.unchanged, expected.denied)
    if seen != wanted or errors != Counter(expected.errors) or outcome["repeat"] != expected.repeat:
        raise FatalError(
            f"{name} came to {seen} facts admitted, unchanged and denied with {errors.total()} faults (repeat: {outcome['repeat']}), "
            f"where {wanted} with {Counter(expected.errors).total()} faults (repeat: {expected.repeat}) were expected"
        )


def _settle(course: _Course, what: str) -> None:
    course.children.until(lambda: counting.progress(course.settings).settled, what)


def _await_timeline(course: _Course) -> None:
    """Every admitted fact is an entry, every decision on record: none lost, none twice."""
    waves = [0, 1, 2, 3]
    admitted = course.findings.total("admitted", waves)
    decisions = admitted + course.findings.total("denied", waves)

    def arrived() -> counting.Progress | None:
        now = counting.progress(course.settings)
        return now if now.settled and now.entries >= admitted and now.decisions >= decisions else None

    now = course.children.until(arrived, f"{admitted} events and {decisions} decisions are in the timeline")
    if (now.entries, now.decisions, now.unreadable) != (admitted, decisions, 0):
        raise FatalError(
            f"{admitted} events and {decisions} decisions were published, but the timeline has {now.entries} and {now.decisions}, "
            f"and {now.unreadable} that can't be read"
        )
    course.findings.entries = now.entries
    course.progress(f"{admitted} events and {decisions} decisions followed to the timeline: none lost, none twice")


def _check_views(course: _Course) -> None:
    """One client of each kind of answer, as every partner sees them, held against the network's agreements."""
    kinds: dict[str, Person] = {}
    for person in course.story.people:
        answer = course.story.answers.get(person.number)
        if any(sender == "osao" for sender, number, _ in course.expecting.live if number == person.number) or answer is None:
            kinds.setdefault(answer.answer if answer else "never", person)
        elif answer.answer != "give":
            kinds.setdefault(answer.answer, person)
    for person in kinds.values():
        for view in _views(course.api, person):
            _check_view(course, person, view, course.story.answers.get(person.number))
    course.progress(f"{len(kinds)} clients looked at by {len(_VIEWS)} partners each: every view as agreed")


def _views(api: Api, person: Person) -> list[View]:
    values = {"hetu": person.hetu, "learner_number": person.learner_number}
    return [View(partner, purpose, api.timeline(partner, scheme, values[scheme], purpose)) for partner, scheme, purpose in _VIEWS]


def _check_view(course: _Course, person: Person, view: View, answer: Answer | None) -> None:
    seen = Counter((entry["partner"], entry["category"], entry["basis"]["kind"]) for entry in view.entries)
    expected = course.expecting.visible(person.number, view.partner, view.purpose, answer)
    if seen != Counter(expected):
        raise FatalError(
            f"{view.partner} sees {sum(seen.values())} entries of {person.label} for {view.purpose}, where {sum(expected.values())} "
            "were expected by the agreements and the client's answer"
        )


def _show_one(course: _Course) -> None:
    """The first client, who allowed everything: three views, a withdrawal, three views again, and who read what."""
    person = course.story.people[0]
    answer = course.story.answers[person.number]
    findings = course.findings
    findings.shown = person.number
    findings.before = _views(course.api, person)
    if len({frozenset(entry["entry"] for entry in view.entries) for view in findings.before}) < len(_VIEWS):
        raise FatalError("the three partners' views of the client do not differ")
    course.api.withdraw(answer.asked_by, str(answer.consent_id))
    findings.after = _views(course.api, person)
    for view in findings.after:
        _check_view(course, person, view, None)
    if any(entry["basis"]["kind"] == "consent" for view in findings.after for entry in view.entries):
        raise FatalError("the withdrawal had no effect: an entry that rested on consent is still shown")
    course.progress("consent withdrawn: entries that rested on it are gone from the next read")
    _settle(course, "the withdrawal has arrived in the timeline")
    asked = {"identifier": {"scheme": "hetu", "value": person.hetu}, "partner": "oulu-city"}

    def all_on_record() -> list[Json] | None:
        reads: list[Json] = course.api.call(AUDITOR, "POST", "/v1/reads/query", asked)["reads"]
        return reads if len(reads) >= 3 * len(_VIEWS) else None

    findings.reads = course.children.until(all_on_record, "every read is on record")
