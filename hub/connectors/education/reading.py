"""A parsed document with its pointers: each thing read is checked where it is read, and every fault is gathered, not only the first.

Members that are null count as absent. Members that nobody asks for are never looked at, so unknown ones are tolerated and go nowhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from hashlib import sha256
from unicodedata import normalize

from hub.connectors.strictjson import JsonValue, escape
from hub.errors import Fault
from hub.register.hetu import looks_like_hetu

__all__ = ["Code", "Node", "slug"]

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS = range(1900, 2200)
_LISTED = re.compile(r"[0-9A-Za-zÀ-ÿ.+*/()&',:_-]{1,100}")
_OWN = re.compile(r"[0-9A-Za-zÀ-ÿ.+/_-]{1,30}")
_LIST = re.compile(r"[0-9A-Za-z_./-]{1,100}")
_SLUG = re.compile(r"[0-9A-Za-zÀ-ÿ.+*_-]{1,60}")
_MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Code:
    """A code (``koodiarvo``) of a national code list (``koodistoUri``), or a provider's own when `code_list` is None."""

    value: str = field(repr=False)
    code_list: str | None

    @property
    def shown(self) -> str | None:
        """The code as a payload may carry it: a provider's own code only where it is compact, since people write those."""
        return self.value if self.code_list or _OWN.fullmatch(self.value) else None

    @property
    def step(self) -> str:
        """The code as one step of a fact's name."""
        return f"{slug(self.code_list or 'own')}:{slug(self.value)}"


def slug(text: str) -> str:
    """`text` itself where it is plain enough for a step of a fact's name, else a digest of it: the same text, the same step."""
    return text if _SLUG.fullmatch(text) else "~" + sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Node:
    """An object of the document, where it stands, and the list to which faults found in it are added."""

    members: dict[str, JsonValue] = field(repr=False)
    pointer: str
    faults: list[Fault] = field(repr=False)

    def refuse(self, step: str, code: str, remedy: str) -> None:
        """Note a fault at member `step`, or at the object itself for the empty string. Steps may be several, joined by slashes."""
        self.faults.append(Fault(f"{self.pointer}/{step}" if step else self.pointer, code, remedy))

    def has(self, key: str) -> bool:
        """Whether the member is there and not null."""
        return self.members.get(key) is not None

    def record(self, key: str, *, required: bool = False) -> Node | None:
        """The object under `key`."""
        value = self._member(key, required=required)
        if isinstance(value, dict):
            return Node(value, f"{self.pointer}/{escape(key)}", self.faults)
        if value is not None:
            self.refuse(escape(key), "wrong_type", "Send an object here.")
        return None

    def records(self, key: str, *, required: bool = False) -> tuple[Node, ...]:
        """The objects of the array under `key`, in order."""
        value = self._member(key, required=required)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.refuse(escape(key), "wrong_type", "Send an array here.")
            return ()
        nodes: list[Node] = []
        for index, member in enumerate(value):
            if isinstance(member, dict):
                nodes.append(Node(member, f"{self.pointer}/{escape(key)}/{index}", self.faults))
            else:
                self.refuse(f"{escape(key)}/{index}", "wrong_type", "Send an object here.")
        return tuple(nodes)

    def text(self, key: str) -> str | None:
        """The string under `key`, without surrounding white space; an empty one is none."""
        value = self._member(key)
        if value is None or isinstance(value, str):
            return (value or "").strip() or None
        self.refuse(escape(key), "wrong_type", "Send a string here.")
        return None

    def matching(self, key: str, form: re.Pattern[str], code: str, remedy: str) -> str | None:
        """The string under `key` if it has the form and nothing like a hetu in it; else a fault named `code`."""
        value = self.text(key)
        if value is None or (form.fullmatch(value) and not looks_like_hetu(value)):
            return value
        self.refuse(escape(key), code, remedy)
        return None

    def label(self, key: str) -> str | None:
        """The Finnish text of a localised name, or None where it does not look like an organisation's name. Never a fault."""
        value = self.members.get(key)
        name = value.get("fi") if isinstance(value, dict) else None
        if not isinstance(name, str) or not name.isprintable() or looks_like_hetu(normalize("NFKC", name)):
            return None
        return name.strip()[:_MAX_TEXT] or None

    def day(self, key: str, *, required: bool = False) -> date | None:
        """The ISO date under `key`, of the years 1900 to 2199."""
        value = self._member(key, required=required)
        if value is None:
            return None
        if isinstance(value, str) and _DAY.fullmatch(value):
            try:
                day = date.fromisoformat(value)
            except ValueError:
                day = date.min
            if day.year in _YEARS:
                return day
        self.refuse(escape(key), "bad_date", "Send a day of the calendar as yyyy-mm-dd, of the years 1900 to 2199.")
        return None

    def number(self, key: str, *, most: int) -> float | None:
        """The number under `key`, from 0 to `most`."""
        value = self._member(key)
        if value is None:
            return None
        if isinstance(value, int | Decimal) and not isinstance(value, bool) and 0 <= value <= most:
            return float(value)
        self.refuse(escape(key), "out_of_range", f"Send a number from 0 to {most}.")
        return None

    def flag(self, key: str) -> bool | None:
        """The truth value under `key`."""
        value = self._member(key)
        if value is None or isinstance(value, bool):
            return value
        self.refuse(escape(key), "wrong_type", "Send true or false.")
        return None

    def code(self, key: str, *, required: bool = False) -> Code | None:
        """The code under `key`."""
        node = self.record(key, required=required)
        return node.as_code() if node else None

    def as_code(self) -> Code | None:
        """The object itself as a code. A national code has no white space; nothing that looks like a hetu is a code."""
        before = len(self.faults)
        value = self.text("koodiarvo")
        code_list = self.matching("koodistoUri", _LIST, "bad_code", "Send the code list's name as the code service has it.")
        if len(self.faults) > before:
            return None
        if value is None:
            self.refuse("koodiarvo", "missing_field", "Send the code.")
            return None
        if looks_like_hetu(normalize("NFKC", value)):
            self.refuse("koodiarvo", "personal_identifier", "A code must not be or hold a personal identity code.")
            return None
        if code_list and not _LISTED.fullmatch(value):
            self.refuse("koodiarvo", "bad_code", "Send the code as the code list has it, without white space.")
            return None
        return Code(value, code_list)

    def _member(self, key: str, *, required: bool = False) -> JsonValue:
        value = self.members.get(key)
        if value is None and required:
            self.refuse(escape(key), "missing_field", "Send this field.")
        return value
