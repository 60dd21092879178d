"""JSON as partners send it, read strictly: what two readers could read differently is refused.

RFC 8259 with these limits: UTF-8 only (a byte order mark is tolerated and dropped, as § 8.1 allows), at most `limit` bytes, at most 64 levels,
no key twice in one object, no NaN or Infinity, no number of more than 18 digits or beyond ±1e18, no lone surrogates, no NUL characters.
Keys and strings are returned in Unicode form NFC, and keys are compared in that form, so NFC and NFD twins are one key sent twice.
Integers become `int`, all other numbers `Decimal`.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TypeAlias
from unicodedata import is_normalized, normalize

from hub.errors import Fault, RecordError

__all__ = ["DEFAULT_LIMIT", "JsonValue", "escape", "parse_json"]

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | Decimal | bool | None"

DEFAULT_LIMIT = 5_000_000
"""Bytes of one document."""
_MAX_DEPTH = 64
_MAX_DIGITS = 18
_MAX_FAULTS = 20
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_FIELD = re.compile(r"(?!.*\d{6})[a-zåäö][A-Za-zÅÄÖåäö0-9_/~.:-]{0,63}")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Object(dict[str, object]):
    """An object as parsed, remembering that a key came twice."""

    twice = False


class _BadNumber:
    """Stands where a number stood that can't be read exactly."""

    def __init__(self, code: str) -> None:
        self.code = code


def parse_json(body: bytes, *, limit: int = DEFAULT_LIMIT) -> JsonValue:
    """Return the document's value; raise `RecordError` with a fault for each thing refused (20 at most). Never raises anything else.

    Codes: ``too_large``, ``not_utf8``, ``not_json`` (trailing content included), ``too_deep``, ``duplicate_key`` (at the object),
    ``not_a_number``, ``number_too_large``, ``lone_surrogate``, ``nul_character``. Pointers are in NFC; the empty pointer is the document,
    and a key that is no field's name (a small letter first, no six digits in a row) stands as ``?``.
    """
    if len(body) > limit:
        raise _refused("too_large", f"Send at most {limit} bytes in one document; split it by person.")
    if _depth(body) > _MAX_DEPTH:
        raise _refused("too_deep", f"Nest objects and arrays at most {_MAX_DEPTH} levels deep.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused("not_utf8", "Send the document in UTF-8.") from None
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_decimal)
    except ValueError:  # without `from`: the library's message may quote the document
        raise _refused(
            "not_json", "The document is not one whole JSON value; it may be cut short or have something after its end."
        ) from None
    faults: list[Fault] = []
    result = _checked(value, "", faults)
    if faults:
        raise RecordError(*faults[:_MAX_FAULTS])
    return result


def escape(key: str) -> str:
    """One step of a JSON pointer (RFC 6901 § 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def _step(key: str) -> str:
    """A key in the pointer of a fault, which is kept and published: one that looks like no field's name may be a person's, and stands as ``?``."""
    return escape(key) if _FIELD.fullmatch(key) else "?"


def _depth(body: bytes) -> int:
    """How deep brackets nest, strings skipped: known before the parser recurses."""
    depth = deepest = 0
    for token in _STRUCTURE.finditer(body):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, object]]) -> _Object:
    result = _Object()
    for key, value in pairs:
        composed = normalize("NFC", key)
        if composed in result:
            result.twice = True
        result[composed] = value
    return result


def _constant(_name: str) -> _BadNumber:
    return _BadNumber("not_a_number")


def _integer(text: str) -> int | _BadNumber:
    return int(text) if len(text.lstrip("-")) <= _MAX_DIGITS else _BadNumber("number_too_large")


def _decimal(text: str) -> Decimal | _BadNumber:
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > 2 * _MAX_DIGITS or len(exponent) > len("-18"):
        return _BadNumber("number_too_large")
    number = Decimal(text)
    return number if abs(number.adjusted()) <= _MAX_DIGITS else _BadNumber("number_too_large")


def _checked(value: object, pointer: str, faults: list[Fault]) -> JsonValue:
    """The value in NFC. Depth is bounded already, so recursion is too."""
    match value:
        case str():
            return _text(value, pointer, faults)
        case _Object():
            if value.twice:
                faults.append(Fault(pointer, "duplicate_key", "Send each key once in an object."))
            checked: dict[str, JsonValue] = {}
            for key, member in value.items():
                before = len(faults)
                _text(key, pointer, faults)
                if len(faults) == before:
                    checked[key] = _checked(member, f"{pointer}/{_step(key)}", faults)
            return checked
        case list():
            return [_checked(member, f"{pointer}/{index}", faults) for index, member in enumerate(value)]
        case _BadNumber():
            faults.append(Fault(pointer, value.code, f"Send a number of at most {_MAX_DIGITS} digits."))
            return None
        case bool() | int() | Decimal() | None:
            return value
        case _:
            raise AssertionError(type(value))


def _text(value: str, pointer: str, faults: list[Fault]) -> str:
    if not value.isascii():
        if _SURROGATE.search(value):
            faults.append(
                Fault(pointer, "lone_surrogate", "Escape characters beyond U+FFFF as a pair of surrogates, or send them as UTF-8.")
            )
        if not is_normalized("NFC", value):
            value = normalize("NFC", value)
    if "\0" in value:
        faults.append(Fault(pointer, "nul_character", "Remove the NUL character."))
    return value


def _refused(code: str, remedy: str) -> RecordError:
    return RecordError(Fault("", code, remedy))
