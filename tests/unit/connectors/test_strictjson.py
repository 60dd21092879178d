from decimal import Decimal

import pytest

from hub.connectors.strictjson import parse_json
from hub.errors import RecordError


def faults_of(body: bytes, **options: int) -> set[tuple[str, str]]:
    with pytest.raises(RecordError) as raised:
        parse_json(body, **options)
    return {(fault.pointer, fault.code) for fault in raised.value.faults}


def test_numbers_are_exact():
    assert parse_json(b'{"a": [1, -7, 2.50, 1E3]}') == {"a": [1, -7, Decimal("2.50"), Decimal(1000)]}


def test_a_byte_order_mark_is_dropped():
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_strings_and_keys_come_composed():
    assert parse_json('{"henkilo\u0308": "a\u0308"}'.encode()) == {"henkilö": "ä"}


@pytest.mark.parametrize(
    "body, fault",
    [
        (b'{"a": {"b": 1, "c": 2, "b": 3}}', ("/a", "duplicate_key")),
        ('{"a/b": {"\u00f6": 1, "o\u0308": 2}}'.encode(), ("/a~1b", "duplicate_key")),
        (b'{"a": [NaN]}', ("/a/0", "not_a_number")),
        (b'{"a": -Infinity}', ("/a", "not_a_number")),
        (b'{"a": 1234567890123456789}', ("/a", "number_too_large")),
        (b'{"a": 1e999999999}', ("/a", "number_too_large")),
        (b'{"a": 0.' + b"1" * 5000 + b"}", ("/a", "number_too_large")),
        (b'{"a": "\\ud800"}', ("/a", "lone_surrogate")),
        (b'{"\\udfff": 1}', ("", "lone_surrogate")),
        (b'{"a": "\\u0000"}', ("/a", "nul_character")),
        (b"", ("", "not_json")),
        (b"{} {}", ("", "not_json")),
        (b'{"a": 1', ("", "not_json")),
        (b"\xff\xfe{\x00}\x00", ("", "not_utf8")),
        (b'"\xed\xa0\x80"', ("", "not_utf8")),
        (b"[" * 65 + b"]" * 65, ("", "too_deep")),
        (b"[" * 1_000_000, ("", "too_deep")),
        (b'{"a":' * 500_000, ("", "too_deep")),
    ],
)
def test_what_is_refused_has_its_place_and_its_reason(body, fault):
    assert faults_of(body) == {fault}


def test_64_levels_pass():
    assert parse_json(b"[" * 64 + b"]" * 64)


def test_brackets_in_strings_are_no_levels():
    assert parse_json(b'["' + b"[" * 1000 + b'\\"[["]') == ["[" * 1000 + '"[[']


def test_a_document_of_ten_megabytes_is_refused_unread():
    assert faults_of(b" " * 10_000_000) == {("", "too_large")}


def test_every_fault_is_named_at_once():
    assert faults_of(b'{"a": NaN, "b": "\\ud800", "c": {"d": 1, "d": 1}}') == {
        ("/a", "not_a_number"),
        ("/b", "lone_surrogate"),
        ("/c", "duplicate_key"),
    }


def test_the_error_quotes_nothing_of_the_document():
    with pytest.raises(RecordError) as raised:
        parse_json(b'{"hetu": "131052-308T", oops}')
    assert "131052" not in str(raised.value)
    assert raised.value.__suppress_context__
