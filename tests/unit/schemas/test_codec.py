"""Avro as it comes from outside: whatever the bytes are, a `RecordError` and nothing else."""

import struct
import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import codec
from hub.codec import Wire, schema, schema_names
from hub.errors import FatalError, RecordError

WIRE = Wire({name: number for number, name in enumerate(schema_names(), 1)})
FORM = schema("register_change.v1")
VALUE = {
    "change_id": UUID(int=1),
    "kind": "joined",
    "identity_id": UUID(int=2),
    "client_id": UUID(int=3),
    "version": 1,
    "recorded_at": datetime(2026, 1, 1, tzinfo=UTC),
}
WHOLE = WIRE.encode(FORM, VALUE)


def code_of(act):
    with pytest.raises(RecordError) as raised:
        act()
    return raised.value.faults[0].code


def test_a_value_comes_back():
    """The reference for all that follows."""
    assert WIRE.decode(FORM, WHOLE) == VALUE


@pytest.mark.parametrize(
    "data, code",
    [
        (None, "no_wire_format"),
        (b"", "no_wire_format"),
        (WHOLE[:5], "no_wire_format"),
        (b"\x01" + WHOLE[1:], "other_schema"),
        (struct.pack(">bI", 0, 4_000_000) + WHOLE[5:], "other_schema"),
        (struct.pack(">bI", 0, WIRE.ids["read.v1"]) + WHOLE[5:], "other_schema"),
        (WHOLE + b"\x00", "trailing_bytes"),
        (WHOLE + WHOLE, "trailing_bytes"),
        (WHOLE[:-1], "unreadable_avro"),
        (WHOLE[:6], "unreadable_avro"),
        (WHOLE[:5] + b"\xff" * 40, "unreadable_avro"),
    ],
)
def test_bytes_that_are_no_record(data, code):
    """Nothing, another magic byte, an unknown id, another topic's id, trailing bytes, cut short, garbage."""
    assert code_of(lambda: WIRE.decode(FORM, data)) == code


@pytest.mark.parametrize("cut", range(5, len(WHOLE)))
def test_every_truncation(cut):
    """Cut at any byte."""
    with pytest.raises(RecordError):
        WIRE.decode(FORM, WHOLE[:cut])


def _answer(decode):
    """The value, or the RecordError; anything else that is raised fails the test."""
    try:
        return decode()
    except RecordError as error:
        return error


@given(st.sampled_from(schema_names()), st.binary(max_size=400))
def test_random_bytes_under_every_schema(name, body):
    """Either the bytes are a value, or a RecordError: nothing else, whatever they lead the decoder to."""
    with suppress(RecordError):
        assert isinstance(codec.decode(schema(name), body), dict)


@given(st.data())
def test_random_changes_of_a_good_record(data):
    """A byte changed somewhere."""
    place = data.draw(st.integers(0, len(WHOLE) - 1))
    changed = WHOLE[:place] + bytes([data.draw(st.integers(0, 255))]) + WHOLE[place + 1 :]
    with suppress(RecordError):
        assert set(WIRE.decode(FORM, changed)) == set(VALUE)


def test_a_length_of_exabytes_takes_no_memory():
    """A text that says it has 2^60 bytes, in ten bytes."""
    long = bytes([0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01])
    tracemalloc.start()
    try:
        for name in schema_names():
            with pytest.raises(RecordError):
                codec.decode(schema(name), long * 3)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("change", [{"version": "131052-308T"}, {"recorded_at": "131052-308T"}, {"kind": 7}, {"surname": "131052-308T"}])
def test_a_value_that_does_not_fit_is_not_quoted(change):
    """fastavro's own message would."""
    with pytest.raises(RecordError) as raised:
        WIRE.encode(FORM, VALUE | change)
    shown = f"{raised.value!r} {raised.value} {raised.value.faults} {raised.value.__cause__}"
    assert "131052" not in shown
    assert raised.value.__suppress_context__


def test_names_and_fingerprints_that_do_not_exist():
    """A schema's name is ours, a fingerprint may be anybody's."""
    with pytest.raises(FatalError, match=r"there is no schema nothing\.v9"):
        codec.schema_text("nothing.v9")
    assert code_of(lambda: codec.by_fingerprint(b"\0" * 32)) == "unknown_schema"
