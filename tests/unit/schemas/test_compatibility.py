"""What `hub.compatibility` lets be published: checked by hand-written pairs of schemas."""

import json
import re

import pytest

from hub.compatibility import faults_of_schema, faults_of_set, incompatibilities


def record(*fields, name="R", **more):
    """A record of (name, type) or (name, type, default) fields."""
    made = [dict(zip(("name", "type", "default"), field, strict=False)) for field in fields]
    return {"type": "record", "name": name, "fields": made, **more}


ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"], "default": "A"}
WIDER = {"type": "enum", "name": "E", "symbols": ["A", "B", "C"], "default": "A"}
BARE = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
NOTHING = {"type": "record", "name": "N", "fields": []}
EMPTY = {"type": "fixed", "name": "F", "size": 0}


@pytest.mark.parametrize(
    "schema, fault",
    [
        (record(("again", ["null", "R"])), "/again: R contains itself"),
        (record(("list", {"type": "array", "items": "R"})), "/list: R contains itself"),
        (record(("map", {"type": "map", "values": "R"})), "/map: R contains itself"),
        (record(("in", record(("out", ["null", "R"]), name="Q"))), "/in/out: R contains itself"),
        (record(("in", record(("again", ["null", "n.Q"]), name="Q")), namespace="n"), "/in/again: n.Q contains itself"),
        (record(("in", record(("again", ["null", "Q"]), name="Q")), namespace="n"), "/in/again: Q contains itself"),
        (record(("list", {"type": "array", "items": "null"})), "/list: an array of null could be of any length in no bytes"),
        (record(("list", {"type": "array", "items": ["null"]})), "/list: an array of null could be of any length in no bytes"),
        (record(("list", {"type": "array", "items": {"type": "null"}})), "/list: an array of null could be of any length in no bytes"),
        (record(("list", {"type": "array", "items": NOTHING})), "/list: an array of null could be of any length in no bytes"),
        (record(("one", NOTHING), ("list", {"type": "array", "items": "N"})), "/list: an array of null could be of any length in no bytes"),
        (record(("one", EMPTY), ("list", {"type": "array", "items": "F"})), "/list: an array of null could be of any length in no bytes"),
        (record(("e", BARE)), "/e: give the enum a default symbol, for readers that do not know a new one"),
        (
            record(("e", ["null", {"type": "array", "items": BARE}])),
            "/e: give the enum a default symbol, for readers that do not know a new one",
        ),
    ],
)
def test_a_harmful_schema_is_refused_by_itself(schema, fault):
    """Recursion, arrays of nothing, and enums without a default, however deep they stand."""
    assert faults_of_schema(json.dumps(schema)) == [fault]


@pytest.mark.parametrize(
    "text, fault",
    [
        ("{", "it is no JSON"),
        ('{"type": "thing"}', "it is no Avro schema"),
        ('"string"', "it must be a record"),
        ("[]", "it must be a record"),
    ],
)
def test_what_is_no_record_is_refused(text, fault):
    """Topics hold records only."""
    assert faults_of_schema(text) == [fault]


@pytest.mark.parametrize(
    "schema",
    [
        record(("e", ENUM), ("same", "E")),
        record(("list", {"type": "array", "items": ["null", "int"]})),
        record(("one", record(("x", "int"), name="Q")), ("two", "Q")),
        record(("in", record(("x", ["null", "m.R"]), name="Q", namespace="m")), ("m", {"type": "record", "name": "m.R", "fields": []})),
    ],
)
def test_a_harmless_schema_passes(schema):
    """A type used twice side by side is no recursion, nor is another one of the same short name."""
    assert not [fault for fault in faults_of_schema(json.dumps(schema)) if "contains itself" in fault or "any length" in fault]


@pytest.mark.parametrize(
    "writer, reader, faults",
    [
        (record(("a", "int")), record(("a", "int"), ("b", "int")), ["/b: it was not written, and has no default"]),
        (record(("a", "int"), ("b", "int")), record(("a", "int")), []),
        (record(("a", "int")), record(("a", "int"), ("b", ["null", "int"], None)), []),
        (record(("a", "int")), record(("a", "string")), ["/a: int can't be read as string"]),
        (record(("a", ["null", "int"])), record(("a", "int")), ["/a: null can't be read as int"]),
        (record(("a", "int")), record(("a", ["null", "int"])), []),
        (record(("a", "string")), record(("a", ["null", "int"])), ["/a: no branch of the union takes string"]),
        (record(("a", WIDER)), record(("a", ENUM)), []),
        (record(("a", WIDER)), record(("a", BARE)), ["/a: symbols are not known, and there is no default"]),
        (record(("a", MICROS)), record(("a", "long")), ["/a: the logical type changed"]),
        (
            record(("a", {"type": "fixed", "name": "F", "size": 16})),
            record(("a", {"type": "fixed", "name": "F", "size": 12})),
            ["/a: the fixed type changed"],
        ),
        (
            record(("a", {"type": "fixed", "name": "F", "size": 16})),
            record(("a", {"type": "fixed", "name": "G", "size": 16})),
            ["/a: the fixed's name changed"],
        ),
        (record(("a", "int")), record(("a", "int"), name="Q"), [": the record's name changed"]),
        (record(("a", "int")), record(("a", "int"), name="Q", aliases=["R"]), []),
        (record(("a", ENUM)), record(("a", ENUM | {"name": "D"})), ["/a: the enum's name changed"]),
        (
            record(("a", ["null", record(("x", "int"), name="P")])),
            record(("a", ["null", record(("x", "int"), name="Q")])),
            ["/a: no branch of the union takes record"],
        ),
        (record(("a", {"type": "array", "items": "int"})), record(("a", {"type": "array", "items": "long"})), []),
        (
            record(("a", {"type": "map", "values": "long"})),
            record(("a", {"type": "map", "values": "int"})),
            ["/a: long can't be read as int"],
        ),
        (record(("b", "int")), {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "aliases": ["b"]}]}, []),
    ],
)
def test_reading_one_schema_with_another(writer, reader, faults):
    """Avro's schema resolution, each rule in the direction that matters."""
    assert incompatibilities(writer, reader) == faults


@pytest.mark.parametrize(
    "writer, readers",
    [
        ("int", {"int", "long", "float", "double"}),
        ("long", {"long", "float", "double"}),
        ("float", {"float", "double"}),
        ("double", {"double"}),
        ("string", {"string", "bytes"}),
        ("bytes", {"bytes", "string"}),
        ("boolean", {"boolean"}),
    ],
)
def test_promotions(writer, readers):
    """What a written type may be read as."""
    types = ("boolean", "int", "long", "float", "double", "string", "bytes")
    assert {reader for reader in types if not incompatibilities(record(("a", writer)), record(("a", reader)))} == readers


def texts(**schemas):
    return {name.replace("_v", ".v"): json.dumps(schema) for name, schema in schemas.items()}


@pytest.mark.parametrize(
    "found, faults",
    [
        (
            texts(x_v1=record(("a", "int")), x_v2=record(("a", "int"), ("b", "int"))),
            ["x: version 2 can't read 1: /b: it was not written, and has no default"],
        ),
        (
            texts(x_v1=record(("a", "int")), x_v2=record(("b", "int", 0))),
            ["x: version 1 can't read 2: /a: it was not written, and has no default"],
        ),
        (texts(x_v1=record(("a", "int")), x_v2=record(("a", "long"))), ["x: version 1 can't read 2: /a: long can't be read as int"]),
        (texts(x_v1=record(("a", "int")), x_v3=record(("a", "int"))), ["x: version 2 is missing"]),
        (texts(x_v2=record(("a", "int"))), ["x: version 1 is missing"]),
        (
            texts(x_v1=record(("a", ["null", "int"], None)), x_v2=record(), x_v3=record(("a", ["null", "string"], None))),
            [
                "x: version 3 can't read 1: /a: no branch of the union takes int",
                "x: version 1 can't read 3: /a: no branch of the union takes string",
            ],
        ),
        (texts(x_v1=record(("a", "int")), x_v2=record(("a", "int"), ("b", "int", 7))), []),
        ({"X.v1": json.dumps(record())}, ["X.v1: call the file <name>.v<version>.avsc"]),
        ({"x.v0": json.dumps(record())}, ["x.v0: call the file <name>.v<version>.avsc"]),
        ({"x.v01": json.dumps(record())}, ["x.v01: call the file <name>.v<version>.avsc"]),
    ],
)
def test_versions_of_one_schema(found, faults):
    """Both ways, against every earlier version and not only the last, and without gaps."""
    assert faults_of_set(found) == faults


def test_siltas_own_schemas_have_unlike_names():
    """Versions beside each other are told apart by their files alone, so no two files may differ in case only."""
    from hub.codec import schema_names

    names = schema_names()
    assert len({name.lower() for name in names}) == len(names)
    assert all(re.fullmatch(r"[a-z_]+\.v[1-9]", name) for name in names)
