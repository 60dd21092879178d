"""One row of the city's file, read cell by cell: days, truth values and codes, each with a pointer when it is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from hub.connectors.tables import Row
from hub.errors import Fault
from hub.register.hetu import looks_like_hetu

__all__ = ["Cells"]

_T = TypeVar("_T")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_FINNISH = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_YEARS = range(1900, 2200)
_TRUTH = {"kyllä": True, "kylla": True, "1": True, "true": True, "ei": False, "0": False, "false": False}


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a row, and the list to which faults found in them are added."""

    row: Row
    today: date
    faults: list[Fault] = field(repr=False)

    def pointer(self, column: str) -> str:
        """Where a cell stands; columns are named as documented, whatever the file calls them."""
        return f"/rows/{self.row.number}/{column}"

    def refuse(self, column: str, code: str, remedy: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(self.pointer(column), code, remedy))

    def text(self, column: str) -> str | None:
        """The cell's text, None if it is empty or the file lacks the column."""
        return self.row.cells.get(column) or None

    def day(self, column: str, *, required: bool = False, past: bool = False) -> date | None:
        """An ISO or a Finnish date of the years 1900 to 2199; with `past`, not later than today."""
        value = self.text(column)
        if value is None:
            if required:
                self.refuse(column, "missing_value", "Fill in the day.")
            return None
        day = _day(value)
        if day is None:
            self.refuse(column, "bad_date", "Write the day as 2026-03-31 or 31.3.2026.")
        elif past and day > self.today:
            self.refuse(column, "date_in_future", "This day can't be in the future.")
        return day

    def truth(self, column: str) -> bool | None:
        """``kyllä`` or ``ei``."""
        value = self.text(column)
        if value is None:
            return None
        if value.casefold() not in _TRUTH:
            self.refuse(column, "unknown_code", "Write kyllä or ei.")
        return _TRUTH.get(value.casefold())

    def choice(self, column: str, choices: Mapping[str, _T], *, required: bool = False) -> _T | None:
        """The value that the cell's code stands for. Case doesn't matter, nor whether blanks or underscores part its words."""
        value = " ".join((self.text(column) or "").casefold().replace("_", " ").split())
        if not value and required:
            self.refuse(column, "missing_value", "Fill in the code.")
        elif value and value not in choices:
            self.refuse(column, "unknown_code", f"Write one of: {', '.join(choice for choice in choices if choice)}.")
        return choices.get(value)

    def matching(self, column: str, form: re.Pattern[str], *, required: bool = False) -> str | None:
        """The cell's text if it has the form."""
        value = self.text(column)
        if value is None:
            if required:
                self.refuse(column, "missing_value", "Fill in the code.")
        elif not form.fullmatch(value) or looks_like_hetu(value):
            self.refuse(column, "bad_code", "Write the code as the list has it.")
        return value

    def check_order(self, first: date | None, last: date | None, column: str) -> None:
        """Note a fault at `column`, which holds `last`, if it lies before `first`."""
        if first and last and last < first:
            self.refuse(column, "dates_out_of_order", "The last day can't be before the first.")


def _day(value: str) -> date | None:
    if match := _ISO.fullmatch(value):
        year, month, day = map(int, match.groups())
    elif match := _FINNISH.fullmatch(value):
        day, month, year = map(int, match.groups())
    else:
        return None
    try:
        return date(year, month, day) if year in _YEARS else None
    except ValueError:
        return None
