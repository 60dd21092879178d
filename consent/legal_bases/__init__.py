"""Statutes as dated data: one TOML file an act, each row a section that lets a role disclose categories to a role for purposes.

Law is never code here, and a row is a proposal until a lawyer has reviewed it: outside `demo` mode an unreviewed row denies.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from consent.model import Statute
from consent.tables import Faults, Table, read_toml

__all__ = ["load_statutes"]

_ASSURANCES = frozenset({"recalled", "read"})


def load_statutes(folder: Path | Traversable | None = None) -> dict[str, Statute]:
    """The statutes of all TOML files of a folder (by default those of this package) by id; InvalidNetworkError with every fault."""
    where = files(__name__) if folder is None else folder
    faults = Faults()
    statutes: dict[str, Statute] = {}
    for path in sorted(where.iterdir(), key=lambda each: each.name):
        if path.name.endswith(".toml"):
            _add_all(_statutes(read_toml(path, faults)), statutes)
    faults.raise_any()
    return statutes


def _add_all(found: Iterable[tuple[Table, Statute]], statutes: dict[str, Statute]) -> None:
    for row, statute in found:
        if statute.id in statutes:
            row.fault("id", "repeated", f"{statute.id!r} is the id of another row")
        statutes[statute.id] = statute


def _statutes(file: Table) -> list[tuple[Table, Statute]]:
    act, title = file.text("act"), file.text("title")
    found = [(row, _statute(row, act, title)) for row in file.tables("statute")]
    file.close()
    return found


def _statute(row: Table, act: str, title: str) -> Statute:
    since, until = row.force()
    statute = Statute(
        id=row.name("id"),
        version=row.text("version"),
        act=act,
        section=row.text("section"),
        in_force_from=since,
        in_force_until=until,
        disclosing_roles=frozenset(row.names("disclosing_roles")),
        receiving_roles=frozenset(row.names("receiving_roles")),
        categories=frozenset(row.names("categories")),
        purposes=frozenset(row.names("purposes")),
        reviewed_by=row.optional_text("reviewed_by"),
        reviewed_on=row.optional_day("reviewed_on"),
        review_expires=row.optional_day("review_expires"),
        title=title,
        assurance=row.text("assurance"),
    )
    review = (statute.reviewed_by, statute.reviewed_on, statute.review_expires)
    if None in review and review != (None, None, None):
        row.fault("reviewed_by", "half_reviewed", "a review has reviewed_by, reviewed_on and review_expires, or none of them")
    if statute.reviewed_on and statute.review_expires and statute.review_expires <= statute.reviewed_on:
        row.fault("review_expires", "not_after_start", "must be after reviewed_on")
    if statute.assurance not in _ASSURANCES:
        row.fault("assurance", "unknown", "must be recalled or read")
    row.close()
    return statute
