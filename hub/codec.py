"""Avro: the schemas of `schemas/`, and values to bytes and back. The only importer of fastavro.

Topic values are in the Confluent wire format: a zero byte, the registry's 4-byte schema id, the Avro body. Everything sealed inside an event is a
bare Avro body whose schema is named by its fingerprint: SHA-256 of the parsing canonical form (Avro 1.12, "Schema Fingerprints").
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cache
from importlib import resources
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType, fingerprint, parse_schema, to_parsing_canonical_form

from hub.errors import FatalError, Fault, RecordError

__all__ = ["Schema", "Spliced", "Wire", "by_fingerprint", "decode", "encode", "is_schema", "schema", "schema_names", "schema_text"]

_MAGIC = 0
_HEADER = struct.Struct(">bI")


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema of `schemas/`, parsed once."""

    name: str
    fingerprint: bytes
    parsed: Any


def schema_names() -> tuple[str, ...]:
    """Names of all schemas, such as ``client_event.v1``, sorted."""
    return tuple(sorted(entry.name.removesuffix(".avsc") for entry in resources.files("schemas").iterdir() if entry.name.endswith(".avsc")))


@cache
def schema_text(name: str) -> str:
    """A schema's file as it is. Raises `FatalError` for a name that is not there."""
    try:
        return resources.files("schemas").joinpath(f"{name}.avsc").read_text("utf-8")
    except OSError as error:
        raise FatalError(f"there is no schema {name} in schemas/") from error


@cache
def schema(name: str) -> Schema:
    """The schema called `name`."""
    raw = json.loads(schema_text(name))
    digest = bytes.fromhex(fingerprint(to_parsing_canonical_form(raw), "SHA-256"))
    return Schema(name, digest, parse_schema(raw))


def is_schema(raw: Any) -> bool:
    """Whether parsed JSON is an Avro schema."""
    try:
        parse_schema(raw)
    except (SchemaParseException, UnknownType, KeyError, TypeError, ValueError, AttributeError):
        return False
    return True


@cache
def _fingerprints() -> dict[bytes, Schema]:
    return {found.fingerprint: found for found in map(schema, schema_names())}


def by_fingerprint(digest: bytes) -> Schema:
    """The schema with this fingerprint. Raises `RecordError` for an unknown one."""
    try:
        return _fingerprints()[digest]
    except KeyError:
        raise RecordError(Fault("/schema_fingerprint", "unknown_schema", "update this installation's schemas")) from None


def encode(form: Schema, value: Mapping[str, Any]) -> bytes:
    """The bare Avro body. Raises `RecordError` for a value that does not fit, without the value."""
    out = io.BytesIO()
    try:
        fastavro.schemaless_writer(out, form.parsed, value, strict=True)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        # The message of fastavro quotes the value, so it is not passed on.
        raise RecordError(Fault("", "schema_mismatch", f"the values must fit the schema {form.name}")) from None
    return out.getvalue()


def decode(form: Schema, body: bytes) -> dict[str, Any]:
    """The value of a bare Avro body. Raises `RecordError` if it does not fit or if bytes are left over."""
    stream = io.BytesIO(body)
    try:
        value = fastavro.schemaless_reader(stream, form.parsed, None)
    except Exception:  # noqa: BLE001 - fastavro raises whatever the bytes lead it to, IndexError and MemoryError among them
        raise RecordError(Fault("", "unreadable_avro", f"the bytes are no {form.name}")) from None
    if stream.tell() != len(body) or not isinstance(value, dict):
        raise RecordError(Fault("", "trailing_bytes", f"the bytes hold more than one {form.name}"))
    return value


@dataclass(frozen=True, slots=True)
class Spliced:
    """A record's schema cut at one field, whose encoding then serves many records.

    A record is the encodings of its fields, one after another (Avro 1.12, "Complex Types"), so the parts can be put together.
    """

    form: Schema
    field: str
    _before: Any = dataclass_field(init=False, repr=False)
    _inside: Any = dataclass_field(init=False, repr=False)
    _after: Any = dataclass_field(init=False, repr=False)

    def __post_init__(self) -> None:
        raw = json.loads(schema_text(self.form.name))
        cut = [field["name"] for field in raw["fields"]].index(self.field)
        named: dict[str, Any] = {}
        for name, fields in (
            ("_before", raw["fields"][:cut]),
            ("_inside", raw["fields"][cut : cut + 1]),
            ("_after", raw["fields"][cut + 1 :]),
        ):
            part = parse_schema({**raw, "name": f"{raw['name']}{name}", "fields": fields}, named_schemas=named)
            object.__setattr__(self, name, Schema(self.form.name, self.form.fingerprint, part))

    def encode_field(self, value: Any) -> bytes:
        """The field's own encoding."""
        return encode(self._inside, {self.field: value})

    def encode(self, before: Mapping[str, Any], field: bytes, after: Mapping[str, Any]) -> bytes:
        """The record's encoding, from the fields before it, its own, and those after it."""
        return encode(self._before, before) + field + encode(self._after, after)


@dataclass(frozen=True, slots=True)
class Wire:
    """Values of topics, with the registry's ids: `ids` maps a schema's name to the id that the registry gave it."""

    ids: Mapping[str, int]

    def encode(self, form: Schema, value: Mapping[str, Any]) -> bytes:
        """Wire format of a value."""
        return self.frame(form, encode(form, value))

    def frame(self, form: Schema, body: bytes) -> bytes:
        """Wire format of an encoded value."""
        return _HEADER.pack(_MAGIC, self.ids[form.name]) + body

    def decode(self, form: Schema, data: bytes | None) -> dict[str, Any]:
        """The value of wire-format bytes that must be of this schema: another topic's or an unknown id is refused."""
        if data is None or len(data) <= _HEADER.size:
            raise RecordError(Fault("", "no_wire_format", "send the Confluent wire format: a zero byte, a schema id, the body"))
        magic, number = _HEADER.unpack_from(data)
        if magic != _MAGIC or number != self.ids[form.name]:
            raise RecordError(Fault("", "other_schema", f"this topic holds {form.name} only"))
        return decode(form, data[_HEADER.size :])
