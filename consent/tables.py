"""Reading TOML that people wrote: every fault is collected, with file and key, so that one run shows all there is to mend."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from consent.errors import InvalidNetworkError, Problem
from consent.records import is_name

__all__ = ["Faults", "Table", "read_toml"]


class Faults:
    """The faults found so far, as problems whose pointer is `<file>#/<key>/…`."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, pointer: str, code: str, remedy: str) -> None:
        self.found.append(Problem(pointer, code, remedy))

    def raise_any(self) -> None:
        """InvalidNetworkError with all of them, if there are any."""
        if self.found:
            raise InvalidNetworkError(*self.found)


def read_toml(path: Path | Traversable, faults: Faults) -> Table:
    """The whole file as a table; InvalidNetworkError at once if it is no TOML, with what was found before it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        faults.add(path.name, "unreadable", str(error))
        raise InvalidNetworkError(*faults.found) from error
    return Table(content, f"{path.name}#", faults)


class Table:
    """A TOML table whose keys are taken one by one. A wrong value becomes a fault and an empty stand-in; `close` reports the keys nobody took."""

    def __init__(self, content: Mapping[str, Any], pointer: str, faults: Faults) -> None:
        self.pointer = pointer
        self._content = content
        self._faults = faults
        self._taken: set[str] = set()

    def fault(self, key: str, code: str, remedy: str) -> None:
        self._faults.add(f"{self.pointer}/{key}", code, remedy)

    def _take(self, key: str, kind: type, what: str, *, required: bool) -> Any:
        self._taken.add(key)
        value = self._content.get(key)
        if value is None:
            if required:
                self.fault(key, "missing", f"say {what}")
            return None
        if type(value) is not kind:
            self.fault(key, "wrong_type", f"must be {what}")
            return None
        return value

    def text(self, key: str) -> str:
        value = self._take(key, str, "a text", required=True)
        if value is not None and not value.strip():
            self.fault(key, "empty", "must not be empty")
        return value or ""

    def optional_text(self, key: str) -> str | None:
        value: str | None = self._take(key, str, "a text", required=False)
        if value is not None and not value.strip():
            self.fault(key, "empty", "leave the key out where it is not known")
        return value

    def name(self, key: str) -> str:
        return self.checked(self.text(key), key)

    def checked(self, value: str, key: str | None = None) -> str:
        """A name, here or as a key of this table; anything else is a fault."""
        if value and not is_name(value):
            remedy = f"{value!r} must be lower-case ASCII letters, digits, - and _, and no word for everything"
            self.fault(value if key is None else key, "not_a_name", remedy)
        return value

    def names(self, key: str, *, required: bool = True) -> tuple[str, ...]:
        values = self._take(key, list, "a list of names", required=required)
        if values is None:
            return ()
        if not all(type(value) is str for value in values):
            self.fault(key, "wrong_type", "must be a list of names")
            return ()
        if required and not values:
            self.fault(key, "empty", "name at least one")
        if len(set(values)) < len(values):
            self.fault(key, "repeated", "name each once")
        return tuple(self.checked(value, f"{key}/{index}") for index, value in enumerate(values))

    def known(self, key: str, among: frozenset[str], what: str) -> tuple[str, ...]:
        """Names that all must be among those declared."""
        values = self.names(key)
        for index, value in enumerate(values):
            if value not in among:
                self.fault(f"{key}/{index}", "unknown", f"{value!r} is no {what}")
        return values

    def known_one(self, key: str, among: frozenset[str], what: str) -> str:
        value = self.name(key)
        if value and value not in among:
            self.fault(key, "unknown", f"{value!r} is no {what}")
        return value

    def has(self, key: str) -> bool:
        return key in self._content

    def number(self, key: str, *, least: int) -> int:
        value = self.optional_number(key, least=least, required=True)
        return least if value is None else value

    def optional_number(self, key: str, *, least: int, required: bool = False) -> int | None:
        value: int | None = self._take(key, int, "a whole number", required=required)
        if value is not None and value < least:
            self.fault(key, "too_small", f"must be at least {least}")
        return value

    def flag(self, key: str) -> bool:
        return bool(self._take(key, bool, "true or false", required=False))

    def day(self, key: str) -> date:
        return self._day(key, required=True) or date.min

    def optional_day(self, key: str) -> date | None:
        return self._day(key, required=False)

    def _day(self, key: str, *, required: bool) -> date | None:
        if type(self._content.get(key)) is datetime:
            self._taken.add(key)
            self.fault(key, "wrong_type", "must be a day such as 2026-01-31, without a time")
            return None
        value: date | None = self._take(key, date, "a day such as 2026-01-31", required=required)
        return value

    def force(self) -> tuple[date, date | None]:
        """`in_force_from` and `in_force_until`, half-open."""
        since, until = self.day("in_force_from"), self.optional_day("in_force_until")
        if until is not None and until <= since:
            self.fault("in_force_until", "not_after_start", "must be after in_force_from")
        return since, until

    def table(self, key: str) -> Table:
        return Table(self._take(key, dict, "a table", required=True) or {}, f"{self.pointer}/{key}", self._faults)

    def keys(self) -> tuple[str, ...]:
        return tuple(self._content)

    def tables(self, key: str) -> list[Table]:
        """The tables of an array of tables; none if the key is absent."""
        values = self._take(key, list, "an array of tables", required=False) or []
        found = []
        for index, value in enumerate(values):
            pointer = f"{self.pointer}/{key}/{index}"
            if isinstance(value, dict):
                found.append(Table(value, pointer, self._faults))
            else:
                self._faults.add(pointer, "wrong_type", "must be a table")
        return found

    def leave(self, key: str) -> None:
        """Let a key stand that another reader of the file takes."""
        self._taken.add(key)

    def close(self) -> None:
        """Report the keys that nobody took."""
        for key in sorted(set(self._content) - self._taken):
            self.fault(key, "unknown_key", "no such key here: mistyped, or of a newer version")
