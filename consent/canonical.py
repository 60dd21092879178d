"""One canonical JSON form for the values of `consent.model`, strict both ways, so that a hash over it means one value.

Objects have exactly the fields of the value, in sorted order; sets are sorted arrays without repeats; bytes are lower-case hex; times are UTC with
microseconds and `Z`; days are ISO 8601. Anything else is refused on reading, with a pointer, so `decode` never accepts two spellings of one value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, NamedTuple, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from consent.days import utc

__all__ = ["NotCanonicalError", "decode", "dumps", "encode", "loads"]

T = TypeVar("T")


class NotCanonicalError(ValueError):
    """The JSON is not the canonical form of the type. `pointer` says where, `message` what was expected, never the value."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer or '/'}: {message}")
        self.pointer = pointer
        self.message = message


class _Codec(NamedTuple):
    encode: Callable[[Any], Any]
    decode: Callable[[Any, str], Any]


def encode(value: Any) -> Any:
    """The JSON document of a value of the model."""
    kind: Any = type(value)
    return _codec(kind).encode(value)


def decode(kind: Callable[..., T], document: object, pointer: str = "") -> T:
    """The value of a JSON document; NotCanonicalError if it is not exactly what `encode` writes."""
    value: T = _codec(kind).decode(document, pointer)
    return value


def dumps(document: object) -> str:
    """JSON text with sorted keys and no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def loads(text: str) -> Any:
    """The document of a text that `dumps` wrote; NotCanonicalError for any other spelling of it (spaces, key order, repeated keys, NaN)."""
    try:
        document = json.loads(text)
        respelled = dumps(document)
    except (ValueError, RecursionError) as error:
        raise NotCanonicalError("", "is not canonical JSON") from error
    return document if respelled == text else _expected("", "canonical JSON")


def _expected(pointer: str, what: str) -> NoReturn:
    raise NotCanonicalError(pointer, f"expected {what}")


def _plain(kind: type, what: str) -> _Codec:
    def read(document: Any, pointer: str) -> Any:
        return document if type(document) is kind else _expected(pointer, what)

    return _Codec(lambda value: value, read)


def _spelled(write: Callable[[Any], str], parse: Callable[[str], Any], what: str) -> _Codec:
    """A value spelled as text in one way only."""

    def read(document: Any, pointer: str) -> Any:
        if type(document) is not str:
            _expected(pointer, what)
        try:
            value = parse(document)
        except ValueError as error:
            raise NotCanonicalError(pointer, f"expected {what}") from error
        return value if write(value) == document else _expected(pointer, what)

    return _Codec(write, read)


def _write_time(at: datetime) -> str:
    return utc(at).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _read_time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


_SCALARS: dict[Any, _Codec] = {
    str: _plain(str, "text"),
    int: _plain(int, "a whole number"),
    bool: _plain(bool, "true or false"),
    type(None): _plain(type(None), "null"),
    bytes: _spelled(bytes.hex, bytes.fromhex, "bytes in lower-case hex"),
    UUID: _spelled(str, UUID, "a UUID in lower case"),
    datetime: _spelled(_write_time, _read_time, "a time such as 2026-01-31T10:00:00.000000Z"),
    date: _spelled(date.isoformat, date.fromisoformat, "a day such as 2026-01-31"),
}


@cache
def _codec(hint: Any) -> _Codec:
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _union([(member, _codec(member)) for member in arguments])
    if origin is Mapping:
        return _mapping(_codec(arguments[1]))
    if origin in (tuple, frozenset):
        return _several(origin, _codec(arguments[0]))
    return _enumeration(hint) if issubclass(hint, StrEnum) else _record(hint)


def _enumeration(kind: type[StrEnum]) -> _Codec:
    return _spelled(lambda member: str(member.value), kind, "one of " + ", ".join(kind))


def _union(members: list[tuple[Any, _Codec]]) -> _Codec:
    """A union of types that differ in JSON: at most one scalar beside null, records with other field names."""
    by_type = {get_origin(kind) or kind: codec for kind, codec in members}

    def read(document: Any, pointer: str) -> Any:
        if document is None and type(None) in by_type:
            return None
        others = [kind for kind in by_type if kind is not type(None)]
        if len(others) > 1:
            keys = set(document) if isinstance(document, dict) else set()
            others = [kind for kind in others if keys == set(_names(kind))]
        return by_type[others[0]].decode(document, pointer) if others else _expected(pointer, "one of the known forms")

    return _Codec(lambda value: by_type[type(value)].encode(value), read)


def _mapping(member: _Codec) -> _Codec:
    def read(document: Any, pointer: str) -> Any:
        if type(document) is not dict:
            _expected(pointer, "an object")
        return {key: member.decode(value, f"{pointer}/{key}") for key, value in document.items()}

    return _Codec(lambda value: {key: member.encode(found) for key, found in value.items()}, read)


def _several(kind: type[tuple[Any, ...] | frozenset[Any]], member: _Codec) -> _Codec:
    def read(document: Any, pointer: str) -> Any:
        if type(document) is not list:
            _expected(pointer, "an array")
        values = [member.decode(value, f"{pointer}/{index}") for index, value in enumerate(document)]
        if kind is frozenset and document != sorted(set(document)):
            _expected(pointer, "a sorted array without repeats")
        return kind(values)

    if kind is frozenset:
        return _Codec(lambda value: sorted(member.encode(found) for found in value), read)
    return _Codec(lambda value: [member.encode(found) for found in value], read)


def _names(kind: Any) -> list[str]:
    return [each.name for each in fields(kind) if each.init]


def _record(kind: Any) -> _Codec:
    hints = get_type_hints(kind)
    codecs = [(name, _codec(hints[name])) for name in _names(kind)]
    names = {name for name, _ in codecs}

    def read(document: Any, pointer: str) -> Any:
        if type(document) is not dict or document.keys() != names:
            _expected(pointer, "an object with exactly " + ", ".join(sorted(names)))
        return kind(**{name: codec.decode(document[name], f"{pointer}/{name}") for name, codec in codecs})

    return _Codec(lambda value: {name: codec.encode(getattr(value, name)) for name, codec in codecs}, read)
