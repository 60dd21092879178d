"""The findings as tables, for a terminal of 100 columns. People are numbers, faults are pointers and codes."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ops.demo.counting import Ruling
from ops.demo.run import Findings, View

__all__ = ["tell"]

_NAMES = {
    "oulu-city": "City",
    "te-pohjois-pohjanmaa": "TE-office",
    "osao": "OSAO",
    "kela": "Kela",
    "business-oulu": "BusinessOulu",
}
_SHOWN_OF_A_CATEGORY = 4
_SHORTEST = 8
_SHOWN_ERRORS = 8
_SHOWN_READS = 9
_DETAILS = {
    "service_need": ("need", "responsible_role"),
    "skills_mapping": ("area", "level"),
    "integration_plan": ("plan", "revised_on"),
    "service_period": ("service", "end_reason"),
    "study_right": ("type", "ended_on"),
    "state_period": ("state", "funding"),
    "attainment": ("module_code", "grade"),
    "qualification": ("type", "confirmed_on"),
}
_LONGEST_DETAIL = 18
_LONGEST_POINTER = 40
_RESENT_WAVE = 3


def tell(console: Console, findings: Findings) -> None:
    """Everything, top to bottom."""
    _sent(console, findings)
    _ruled(console, findings.rulings)
    _faults(console, findings)
    _resent(console, findings)
    console.rule(f"[bold]client {findings.shown}'s timeline, as each partner sees it", align="left")
    for view in findings.before:
        _timeline(console, view)
    _withdrawn(console, findings)
    _reads(console, findings)
    console.print(f"\n[bold]digest of the timeline[/] ({findings.entries} events)  {findings.digest}")


def _table(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", title_style="bold", box=None, header_style="dim", pad_edge=False, expand=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True, overflow="ellipsis")
    return table


def _print(console: Console, table: Table, elastic: str = "") -> None:
    """Print the table; where the line is too short, only the column headed `elastic` loses its ends."""
    left = console.width
    for column in table.columns:
        column.width = max(Text.from_markup(str(cell)).cell_len for cell in (column.header, *column.cells))
        left -= column.width + 2  # and the gap
    for column in table.columns:
        if column.header == elastic and column.width is not None and left < 0:
            column.width = max(_SHORTEST, column.width + left)
    console.print(table)


def _sent(console: Console, findings: Findings) -> None:
    counts = ("files", "items", "admitted", "unchanged", "denied", "faults")
    table = _table("what each partner sent", "partner", "format", *counts, right=counts)
    sums: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for _, sending, outcome in findings.outcomes:
        of = sums[sending.partner, sending.format]
        of["files"] += 1
        of["items"] += outcome["items"]
        of["faults"] += len(outcome["errors"])
        if not outcome["repeat"]:
            of.update({count: outcome[count] for count in ("admitted", "unchanged", "denied")})
    for (partner, form), of in sorted(sums.items()):
        table.add_row(_NAMES[partner], form, *(str(of[count]) for count in counts))
    _print(console, table)
    said = ", ".join(f"{count} {answer.replace('_', ' ')}" for answer, count in sorted(findings.answers.items()))
    console.print(f"[dim]consents of {findings.clients} clients: {said}[/]")


def _ruled(console: Console, rulings: list[Ruling]) -> None:
    """A line for each category, recipient and purpose: how often let through on what, denied why."""
    columns = ("statute", "consent", "refused", "absent", "other")
    table = _table("let through, and denied", "from", "category", "to", "purpose", *columns, right=columns)
    sums: defaultdict[tuple[str, str, str, str], Counter[str]] = defaultdict(Counter)
    for one in rulings:
        reason = one.reasons[0].removeprefix("consent_")
        sums[one.sender, one.category, one.recipient, one.purpose][reason if reason in columns else "other"] += one.count
    for (sender, category, recipient, purpose), of in sorted(sums.items()):
        cells = [f"[{'green' if column in columns[:2] else 'red'}]{of[column]}[/]" if of[column] else "·" for column in columns]
        table.add_row(_NAMES[sender], category, _NAMES[recipient], purpose, *cells)
    _print(console, table)


def _faults(console: Console, findings: Findings) -> None:
    """The partners' own error lists."""
    for partner, errors in findings.errors.items():
        table = _table(f"error list of {_NAMES[partner]}: {len(errors)}", "pointer", "code", "what to do")
        for error in sorted(errors, key=lambda error: (error["code"], error["pointer"]))[:_SHOWN_ERRORS]:
            pointer = error["pointer"] or "(the whole document)"
            table.add_row(escape(_end(pointer)), f"[red]{error['code']}[/]", escape(error["remedy"]))
        if errors:
            _print(console, table, "what to do")
            _more(console, len(errors) - _SHOWN_ERRORS)


def _resent(console: Console, findings: Findings) -> None:
    again = [(sending, outcome) for wave, sending, outcome in findings.outcomes if wave == _RESENT_WAVE]
    repeats = sum(bool(outcome["repeat"]) for _, outcome in again)
    new = findings.total("admitted", [_RESENT_WAVE])
    console.print(f"\n[bold]sent again[/]  {len(again)} files, {repeats} known by name and content, {new} facts new")


def _timeline(console: Console, view: View) -> None:
    table = _table(
        f"{_NAMES[view.partner]}, for {view.purpose}: {len(view.entries)} entries",
        "when",
        "from",
        "category",
        "what",
        "rests on",
        "recorded",
    )
    counts: Counter[str] = Counter()
    shown = []
    for entry in view.entries:
        counts[entry["category"]] += 1
        if counts[entry["category"]] <= _SHOWN_OF_A_CATEGORY:
            shown.append(entry)
    for entry in shown:
        table.add_row(
            (entry["occurred_from"] or "")[:10],
            f"{_NAMES[entry['partner']]} ({entry['source']})",
            entry["category"],
            escape(_what(entry)),
            escape(_basis(entry["basis"])),
            entry["recorded_at"][11:19],
        )
    _print(console, table, "what")
    _more(console, len(view.entries) - len(shown))
    for section in sorted({entry["basis"]["statute"] for entry in view.entries if entry["basis"]["statute"]}):
        console.print(f"[dim]statute: {escape(section)}[/]")


def _what(entry: dict[str, Any]) -> str:
    details = [str(entry["payload"][name]) for name in _DETAILS.get(entry["type"], ()) if entry["payload"].get(name) is not None]
    return " ".join((entry["type"].replace("_", " "), *(_short(detail) for detail in details)))


def _end(pointer: str) -> str:
    return pointer if len(pointer) <= _LONGEST_POINTER else f"…{pointer[-_LONGEST_POINTER:]}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_DETAIL else f"{text[:8]}…{text[-8:]}"


def _basis(basis: dict[str, Any]) -> str:
    return basis["statute"].split(" ")[0] if basis["kind"] == "statute" else f"consent {basis['consents'][0][:8]}"


def _withdrawn(console: Console, findings: Findings) -> None:
    columns = ("before", "after")
    table = _table(
        f"client {findings.shown} takes consent back: entries shown", "partner", "purpose", *columns, "what is left", right=columns
    )
    for before, after in zip(findings.before, findings.after, strict=True):
        left = ", ".join(sorted({f"{entry['category']} ({_basis(entry['basis'])})" for entry in after.entries})) or "nothing"
        table.add_row(_NAMES[before.partner], before.purpose, str(len(before.entries)), str(len(after.entries)), left)
    _print(console, table, "what is left")


def _reads(console: Console, findings: Findings) -> None:
    table = _table(
        f"who read what of client {findings.shown}, as the auditor sees it",
        *("at", "partner", "purpose", "outcome", "entries", "withheld", "read"),
        right=("entries", "withheld"),
    )
    for read in findings.reads[:_SHOWN_READS]:
        counts = str(read["entries"]), str(read["withheld"])
        table.add_row(read["at"][11:19], _NAMES[read["partner"]], read["purpose"], read["outcome"], *counts, read["read_id"][:8])
    _print(console, table)
    _more(console, len(findings.reads) - _SHOWN_READS)


def _more(console: Console, count: int) -> None:
    if count > 0:
        console.print(f"[dim]… and {count} more[/]")
