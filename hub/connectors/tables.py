"""Tables as partners' systems and spreadsheets export them (CSV, TSV), into rows of named cells, or one fault that says why not.

Encoding: UTF-8 with or without a byte order mark, UTF-16 with one, else Windows-1252 (of which ISO-8859-1 and -15 differ only in signs that no
column of ours holds). Separators: semicolon, comma or tab, whichever splits the header into most of the known columns. Quotes after RFC 4180.
Rows count from 1, the header; blank lines count but are no rows. Columns that nobody knows are never looked at.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from unicodedata import normalize

from hub.errors import Fault, RecordError

__all__ = ["INCOMPLETE_FILE", "Row", "Table", "read_table"]

INCOMPLETE_FILE = "incomplete_file"
"""The file ends in the middle: it is still being written. Nothing of it is read; come back for it later."""

_FORMULA = tuple("=+-@\t\r")
_BINARY = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_PLAIN = str.maketrans({"ä": "a", "ö": "o", "å": "a", " ": None, "_": None})


@dataclass(frozen=True, slots=True)
class Row:
    """Cells by known column, without surrounding white space, in NFC. `faults` says what keeps the row from being read at all."""

    number: int
    cells: Mapping[str, str] = field(repr=False)
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """The known columns that the header has, in its order, and the rows."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(body: bytes, *, known: Collection[str], limit: int = 20_000_000, row_limit: int = 100_000) -> Table:
    """Read a table whose columns have the names `known` (case, blanks and the dots of ä and ö don't matter).

    Raises `RecordError` with one fault for the file as a whole: ``incomplete_file`` (empty, an open quote, or a last line without an end that is
    the header or not as long as it), ``too_large``, ``too_many_rows``, ``not_text``, ``bad_encoding``, ``bad_quotes``, ``no_known_column``,
    ``duplicate_column``. A row with too many or too few cells, or with a formula in a known column, has faults of its own:
    ``wrong_column_count``, ``formula``.
    """
    if len(body) > limit:
        raise _refused(1, "too_large", f"Send at most {limit} bytes in one file.")
    text = _decode(body)
    if not text.strip():
        raise _refused(1, INCOMPLETE_FILE, "Write the file under another name and rename it when it is whole.")
    if _BINARY.search(text):
        raise _refused(1, "not_text", "Send a table as text: CSV in UTF-8, UTF-16 with a byte order mark, or Windows-1252.")
    names = {_plain(name): name for name in known}
    separator = max(";,\t", key=lambda separator: sum(_plain(cell) in names for cell in _first_line(text, separator)))
    records = _records(text, separator, row_limit)
    _, header = next(records, (1, []))
    columns = [names.get(_plain(cell)) for cell in header]
    found = tuple(column for column in columns if column)
    rows = tuple(_row(number, record, columns) for number, record in records)
    if not text.endswith(("\n", "\r")):
        last = rows[-1] if rows else None
        if last is None or any(fault.code == "wrong_column_count" for fault in last.faults):
            raise _refused(last.number if last else 1, INCOMPLETE_FILE, "Write the file under another name and rename it when it is whole.")
    if not found:
        raise _refused(1, "no_known_column", "Begin the file with a header row of the agreed column names.")
    if len(set(found)) < len(found):
        twice = next(column for column in found if found.count(column) > 1)
        raise RecordError(Fault(f"/rows/1/{twice}", "duplicate_column", "Name each column once."))
    return Table(found, rows)


def _decode(body: bytes) -> str:
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return body.decode("utf-16")
        except UnicodeDecodeError:
            raise _refused(1, "bad_encoding", "The file has the byte order mark of UTF-16 but is not UTF-16 throughout.") from None
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return body.decode("windows-1252")
    except UnicodeDecodeError:
        raise _refused(1, "bad_encoding", "Send the file in UTF-8.") from None


def _first_line(text: str, separator: str) -> list[str]:
    line = text.lstrip().splitlines()[0]
    return [cell.strip('"') for cell in line.split(separator)]


def _records(text: str, separator: str, row_limit: int) -> Iterator[tuple[int, list[str]]]:
    """Numbered records, blank ones left out but counted."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            if "end of data" in str(error):
                raise _refused(
                    number + 1, INCOMPLETE_FILE, "A quote is open at the end of the file; send the file when it is whole."
                ) from None
            raise _refused(
                number + 1, "bad_quotes", "Double a quote within quotes, close every quote, and keep cells under 131,072 characters."
            ) from None
        if record is None:
            return
        number += 1
        if number > row_limit + 1:
            raise _refused(number, "too_many_rows", f"Send at most {row_limit} rows in one file.")
        if any(cell.strip() for cell in record):
            yield number, record


def _row(number: int, record: list[str], columns: list[str | None]) -> Row:
    if len(record) != len(columns):
        return Row(number, {}, (Fault(f"/rows/{number}", "wrong_column_count", "Give the row as many cells as the header has."),))
    cells: dict[str, str] = {}
    faults: list[Fault] = []
    for column, cell in zip(columns, record, strict=True):
        if column is None:
            continue
        if cell.startswith(_FORMULA) or cell.strip().startswith(_FORMULA):
            faults.append(Fault(f"/rows/{number}/{column}", "formula", "A cell must not begin with = + - @, a tab or a carriage return."))
        cells[column] = normalize("NFC", cell.strip())
    return Row(number, cells, tuple(faults))


def _plain(name: str) -> str:
    return normalize("NFC", name).strip().casefold().translate(_PLAIN)


def _refused(row: int, code: str, remedy: str) -> RecordError:
    return RecordError(Fault(f"/rows/{row}", code, remedy))
