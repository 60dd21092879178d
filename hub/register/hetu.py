"""The Finnish personal identity code (henkilötunnus, hetu): checked and normalised, never shown.

A hetu is ``ddmmyyCzzzQ``: birth date, separator ``C`` for the century, individual number, check character. The separator is part of the
identity: since 2023 the same date and number may exist under several of them (``-``, ``U``…``Y`` for the 1900s, ``A``…``F`` for the 2000s).
Source: act 661/2009 § 11 and the population information system's published rules; the check itself is python-stdnum's.
"""

from __future__ import annotations

import re
from datetime import date

from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.fi import hetu as standard

from hub.errors import Fault, RecordError

__all__ = ["check_hetu", "looks_like_hetu"]

_FORM = re.compile(r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]")
_WITHIN = re.compile(r"(?<![0-9])[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y](?![0-9A-Z])", re.IGNORECASE)
_CENTURIES = {"+": 1800} | dict.fromkeys("-UVWXY", 1900) | dict.fromkeys("ABCDEF", 2000)
_FIRST_TEST_NUMBER = 900


def check_hetu(value: object, *, pointer: str, today: date, allow_test: bool = True) -> str:
    """Return the hetu in upper case without surrounding white space, or raise `RecordError` with one fault at `pointer`.

    Codes: ``hetu_format``, ``hetu_date`` (no such day), ``hetu_future`` (born after `today`), ``hetu_number`` (individual number 000 or 001),
    ``hetu_test_series`` (900 to 999, unless `allow_test`), ``hetu_checksum``. The value never stands in the error.
    """
    text = value.strip().upper() if isinstance(value, str) else ""
    # Ours before the library's: it would also take other dashes and full-width digits, and so make one person of look-alikes.
    if not _FORM.fullmatch(text):
        raise _refused(pointer, "hetu_format", "Send the hetu as ddmmyyCzzzQ, with the separator - + U…Y or A…F.")
    try:
        born = date(_CENTURIES[text[6]] + int(text[4:6]), int(text[2:4]), int(text[:2]))
    except ValueError:
        raise _refused(pointer, "hetu_date", "The hetu's birth date is not a day of the calendar; check the digits.") from None
    if born > today:
        raise _refused(pointer, "hetu_future", "The hetu's birth date is in the future; check the separator and the digits.")
    if not allow_test and int(text[7:10]) >= _FIRST_TEST_NUMBER:
        raise _refused(pointer, "hetu_test_series", "Individual numbers 900 to 999 are for tests; send the person's real hetu.")
    try:
        return str(standard.validate(text, allow_temporary=True))
    except InvalidChecksum:
        raise _refused(pointer, "hetu_checksum", "The hetu's check character does not match; correct it in the source system.") from None
    except ValidationError:
        raise _refused(pointer, "hetu_number", "A hetu's individual number is 002 or greater; check the digits.") from None


def looks_like_hetu(text: str) -> bool:
    """Whether `text` holds something of a hetu's form, valid or not: such a value is never used as a key or a code."""
    return _WITHIN.search(text) is not None


def _refused(pointer: str, code: str, remedy: str) -> RecordError:
    return RecordError(Fault(pointer, code, remedy))
