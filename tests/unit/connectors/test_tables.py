import pytest

from hub.connectors.tables import INCOMPLETE_FILE, read_table
from hub.errors import RecordError

KNOWN = {"id", "päivä", "osa-alue", "voimassa alkaen"}


def fault_of(body: bytes, **options: int) -> tuple[str, str]:
    with pytest.raises(RecordError) as raised:
        read_table(body, known=KNOWN, **options)
    (fault,) = raised.value.faults
    return fault.pointer, fault.code


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252", "iso-8859-15"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_separators_and_line_ends_are_recognised(encoding, separator, end):
    text = end.join((separator.join(("id", "päivä")), separator.join(("1", "tänään")), ""))
    (row,) = read_table(text.encode(encoding), known=KNOWN).rows
    assert row.cells == {"id": "1", "päivä": "tänään"}


def test_a_header_may_be_written_otherwise_and_in_any_order():
    (row,) = read_table(b'PAIVA;vieras;Voimassa_alkaen;"ID"\nx;y;z;1\n', known=KNOWN).rows
    assert row.cells == {"päivä": "x", "voimassa alkaen": "z", "id": "1"}


def test_cells_may_hold_separators_and_line_ends_within_quotes():
    (row,) = read_table(b'id;osa-alue\n1;"a;""b""\nc"\n', known=KNOWN).rows
    assert row.cells["osa-alue"] == 'a;"b"\nc'


def test_blank_lines_count_but_are_no_rows():
    assert [row.number for row in read_table(b"id;osa-alue\n\n1;2\n;\n3;4\n", known=KNOWN).rows] == [3, 5]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@a", '"\t=1"', " =1"])
def test_a_cell_that_a_spreadsheet_would_run_is_a_fault_of_its_row(cell):
    first, second = read_table(f"id;osa-alue\n{cell};x\n2;y\n".encode(), known=KNOWN).rows
    assert [(fault.pointer, fault.code) for fault in first.faults] == [("/rows/2/id", "formula")]
    assert second.faults == ()


def test_a_row_of_another_length_is_a_fault_of_its_own():
    rows = read_table(b"id;osa-alue\n1\n1;2;3\n1;2\n", known=KNOWN).rows
    assert [[fault.code for fault in row.faults] for row in rows] == [["wrong_column_count"], ["wrong_column_count"], []]


@pytest.mark.parametrize(
    "body, fault",
    [
        (b"", ("/rows/1", INCOMPLETE_FILE)),
        (b"\xef\xbb\xbf", ("/rows/1", INCOMPLETE_FILE)),
        (b"id;osa-al", ("/rows/1", INCOMPLETE_FILE)),
        (b"id;osa-alue", ("/rows/1", INCOMPLETE_FILE)),
        (b"id;osa-alue\n1;2\n3", ("/rows/3", INCOMPLETE_FILE)),
        (b'id;osa-alue\n1;"2\n3;4\n', ("/rows/2", INCOMPLETE_FILE)),
        (b'id;osa-alue\n1;"2"3\n', ("/rows/2", "bad_quotes")),
        (b"id;osa-alue\n1;" + b"x" * 200_000 + b"\n", ("/rows/2", "bad_quotes")),
        (b"a;b\n1;2\n", ("/rows/1", "no_known_column")),
        (b'"";""\n', ("/rows/1", "no_known_column")),
        (b"id;ID\n1;2\n", ("/rows/1/id", "duplicate_column")),
        (b"id\n1\x00\n", ("/rows/1", "not_text")),
        ("id\n1\n".encode("utf-16-le"), ("/rows/1", "not_text")),
        (b"\xff\xfei", ("/rows/1", "bad_encoding")),
        (b"id\n\x81\n", ("/rows/1", "bad_encoding")),
    ],
)
def test_a_file_that_is_no_table_is_refused_as_a_whole(body, fault):
    assert fault_of(body) == fault


def test_a_last_line_that_is_whole_needs_no_line_end():
    assert len(read_table(b"id;osa-alue\n1;2\n3;4", known=KNOWN).rows) == 2


def test_size_and_rows_are_bounded():
    assert fault_of(b"id\n1\n", limit=3) == ("/rows/1", "too_large")
    assert fault_of(b"id\n1\n2\n3\n", row_limit=2) == ("/rows/4", "too_many_rows")
