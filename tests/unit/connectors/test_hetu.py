from datetime import date

import pytest

from hub.errors import RecordError
from hub.register.hetu import check_hetu, looks_like_hetu

TODAY = date(2026, 11, 22)


def code_of(value: object, **options: bool) -> str:
    with pytest.raises(RecordError) as raised:
        check_hetu(value, pointer="/hetu", today=TODAY, **options)
    (fault,) = raised.value.faults
    assert fault.pointer == "/hetu"
    assert str(value).strip() not in str(raised.value) or not str(value).strip()
    return fault.code


@pytest.mark.parametrize("separator", list("+-UVWXY"))
def test_every_separator_before_2000_is_taken_and_kept(separator):
    assert check_hetu(f"131052{separator}308T", pointer="", today=TODAY) == f"131052{separator}308T"


@pytest.mark.parametrize("separator", list("ABCDEF"))
def test_every_separator_of_the_2000s_is_taken_and_kept(separator):
    assert check_hetu(f"010203{separator}1230", pointer="", today=TODAY) == f"010203{separator}1230"


def test_lower_case_and_surrounding_blanks_are_normalised():
    assert check_hetu(" 010203a1230 ", pointer="", today=TODAY) == "010203A1230"


@pytest.mark.parametrize(
    "value, code",
    [
        ("131052-308U", "hetu_checksum"),
        ("290200-123X", "hetu_date"),
        ("320152-308T", "hetu_date"),
        ("131052A308T", "hetu_future"),
        ("131052G308T", "hetu_format"),
        ("131052–308T", "hetu_format"),
        ("１３１０５２-308T", "hetu_format"),
        ("131052308T", "hetu_format"),
        ("131052-308T\n131052-308T", "hetu_format"),
        ("", "hetu_format"),
        (None, "hetu_format"),
        (131052, "hetu_format"),
        (["131052-308T"], "hetu_format"),
    ],
)
def test_what_is_wrong_is_named_and_not_shown(value, code):
    assert code_of(value) == code


def test_29_february_exists_in_leap_years_only():
    assert check_hetu("290200A1239", pointer="", today=TODAY) == "290200A1239"
    assert code_of("290201A1239") == "hetu_date"


def test_individual_numbers_below_002_are_not_given():
    assert code_of("010100-001F") == "hetu_number"


def test_the_test_series_passes_unless_forbidden():
    assert check_hetu("010100-900F", pointer="", today=TODAY) == "010100-900F"
    assert code_of("010100-900F", allow_test=False) == "hetu_test_series"


def test_a_birth_date_is_in_the_future_only_as_seen_from_the_given_day():
    value = "231126A123C"
    assert code_of(value) == "hetu_future"


def test_a_hetu_within_other_text_is_noticed():
    assert looks_like_hetu("opiskelija 131052-308T, sama")
    assert looks_like_hetu("131052a308t")
    assert not looks_like_hetu("1.2.246.562.24.00000000001")
