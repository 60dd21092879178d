"""Identifiers as partners give them."""

from datetime import date

import pytest

from hub.delivery.lookup import parse_identifier
from hub.errors import RequestError

TODAY = date(2026, 1, 1)


def test_identifiers_are_normalised():
    """A hetu in upper case without spaces, a strong identifier without an issuer of the sender's own making."""
    hetu = parse_identifier("hetu", " 131052-308t ", TODAY, "anything")
    number = parse_identifier("learner_number", " 1.2.246.562.24.00000000001 ", TODAY, "anything")
    own = parse_identifier("partner", " A1 ", TODAY, "city-csv")
    assert (hetu.value, hetu.issuer) == ("131052-308T", "")
    assert (number.value, number.issuer) == ("1.2.246.562.24.00000000001", "")
    assert (own.value, own.issuer) == ("A1", "city-csv")
    assert "131052" not in repr(hetu)


@pytest.mark.parametrize(
    "scheme, value, issuer, place",
    [
        ("hetu", "131052-308X", "", ("/identifier/value", "hetu_checksum")),
        ("hetu", "１３１０５２-３０８T", "", ("/identifier/value", "hetu_format")),
        ("hetu", "131052–308T", "", ("/identifier/value", "hetu_format")),
        ("hetu", "131052A308T", "", ("/identifier/value", "hetu_future")),
        ("partner", "", "", ("/identifier/value", "identifier_length")),
        ("partner", "\u00a0", "", ("/identifier/value", "identifier_length")),
        ("partner", "x" * 201, "", ("/identifier/value", "identifier_length")),
        ("partner", "A1", "131052-308T", ("/identifier/issuer", "personal_identifier")),
    ],
)
def test_faults_have_places_and_no_values(scheme, value, issuer, place):
    """Pointer and code; the value is in neither."""
    with pytest.raises(RequestError) as raised:
        parse_identifier(scheme, value, TODAY, issuer)
    (fault,) = raised.value.faults
    assert (fault.pointer, fault.code) == place
    assert "131052" not in str(raised.value)
