"""The city's events, as CSV files that its systems export: one file, one kind of event, named by its header.

Every kind has ``id``, ``henkilötunnus``, ``asiakasnumero`` and ``tila`` beside its own columns (`hub.connectors.city_kinds`):

===================== ===============================================================================================================
service need          ``arviointipäivä;palvelutarve;vastuutaho``
skills mapping        ``kartoituspäivä;osa-alue;asteikko;taso`` (a row for each of the seven areas)
integration plan      ``laadittu;suunnitelma;voimassa alkaen;voimassa päättyen;tarkistettu;päättynyt;kielikoulutus;``
                      ``kotoutumiskoulutus;työnhaku;muu``
service period        ``palvelu;järjestäjä;alkoi;päättyi;päättymissyy``
===================== ===============================================================================================================

Days are ``2026-03-31`` or ``31.3.2026``, truth ``kyllä`` or ``ei``, codes as listed. Columns may stand in any order. Free text has no column; others
are ignored. A row needs a henkilötunnus or an asiakasnumero; an id of the sender's own (``id``) keeps its fact the same when its days are corrected.
``tila`` is empty or ``voimassa``, or retracts: ``poistettu``, ``mitätöity``. A row that is missing from a later file retracts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from hub.connectors.city_kinds import COLUMNS, KINDS, Kind
from hub.connectors.city_values import Cells
from hub.connectors.tables import Row, read_table
from hub.drafts import Delivery, Draft, Identifier, ItemError, Scheme
from hub.errors import Fault, RecordError
from hub.register.hetu import check_hetu, looks_like_hetu

__all__ = ["parse_city_csv"]

_OWN_ID = re.compile(r"[0-9A-Za-zÀ-ÿ][0-9A-Za-zÀ-ÿ._:/-]{0,63}")
_STATUS: Mapping[str, bool] = {"": False, "voimassa": False, "poistettu": True, "mitätöity": True}


@dataclass(frozen=True, slots=True)
class _Sender:
    source: str
    today: date
    allow_test: bool


def parse_city_csv(
    body: bytes,
    *,
    source: str,
    partner: str,
    today: date,
    limit: int = 20_000_000,
    row_limit: int = 100_000,
    allow_test: bool = True,
) -> Delivery:
    """Read one file. Never raises: a file that can't be read is one `ItemError` (item 1), a faulty row one of its own.

    Items are numbered as the file's rows, the header being row 1. A file still being written has the one fault
    `hub.connectors.tables.INCOMPLETE_FILE`. Of two rows with one key the second is an error, whatever it says.
    """
    try:
        table = read_table(body, known=COLUMNS, limit=limit, row_limit=row_limit)
        kind = _kind(table.columns)
    except RecordError as error:
        return Delivery(source, partner, errors=(ItemError(1, error.faults[0].pointer, error.faults),), items=1)
    sender = _Sender(source, today, allow_test)
    drafts: list[Draft] = []
    errors: list[ItemError] = []
    seen: set[object] = set()
    for row in table.rows:
        pointer = f"/rows/{row.number}"
        try:
            draft = _draft(row, kind, sender)
        except RecordError as error:
            errors.append(ItemError(row.number, pointer, error.faults))
            continue
        key = draft.fact if "/id/" in draft.fact else (draft.subject, draft.fact)
        if key in seen:
            fault = Fault(pointer, "duplicate_row", "Send one row for each event; tell two apart by their ids.")
            errors.append(ItemError(row.number, pointer, (fault,)))
        else:
            seen.add(key)
            drafts.append(draft)
    return Delivery(source, partner, drafts=tuple(drafts), errors=tuple(errors), items=len(table.rows))


def _kind(columns: tuple[str, ...]) -> Kind:
    """The kind that most of the columns belong to. Raises for a file of no kind, or one that lacks a column."""
    kind = max(KINDS, key=lambda kind: len(kind.own.intersection(columns)))
    if not kind.own.intersection(columns):
        raise RecordError(Fault("/rows/1", "unknown_kind", "Begin the file with the header row of one of the agreed kinds."))
    missing = sorted(kind.needed.difference(columns))
    if not {"henkilötunnus", "asiakasnumero"}.intersection(columns):
        missing.append("henkilötunnus")
    if missing:
        raise RecordError(*(Fault("/rows/1", "missing_column", f"Add the column {column} to the file.") for column in missing))
    return kind


def _draft(row: Row, kind: Kind, sender: _Sender) -> Draft:
    """The row's fact; raises `RecordError` with all of its faults."""
    if row.faults:
        raise RecordError(*row.faults)
    cells = Cells(row, sender.today, [])
    subject = _subject(cells, sender)
    own_id = _own_id(cells, "id")
    retract = cells.choice("tila", _STATUS)
    facts = kind.read(cells, bool(retract))
    if own_id is None and not facts.key:
        cells.refuse("id", "no_key", "Give the row an id, or the day and the other columns that tell its event apart.")
    if cells.faults:
        raise RecordError(*cells.faults)
    return Draft(
        item=row.number,
        pointer=f"/rows/{row.number}",
        subject=subject,
        fact=f"{kind.type}/id/{own_id}" if own_id else f"{kind.type}/{facts.key}",
        type=kind.type,
        category=kind.category,
        payload={} if retract else facts.payload,
        occurred_from=facts.occurred_from,
        occurred_until=facts.occurred_until,
        retract=bool(retract),
    )


def _subject(cells: Cells, sender: _Sender) -> tuple[Identifier, ...]:
    found: list[Identifier] = []
    hetu = cells.text("henkilötunnus")
    if hetu:
        try:
            pointer = cells.pointer("henkilötunnus")
            found.append(Identifier(Scheme.HETU, check_hetu(hetu, pointer=pointer, today=sender.today, allow_test=sender.allow_test)))
        except RecordError as error:
            cells.faults.extend(error.faults)
    number = _own_id(cells, "asiakasnumero")
    if number:
        found.append(Identifier(Scheme.PARTNER, number.upper(), issuer=sender.source))
    if not found and not cells.faults:
        cells.refuse("henkilötunnus", "no_identifier", "Give the row a henkilötunnus or an asiakasnumero.")
    return tuple(found)


def _own_id(cells: Cells, column: str) -> str | None:
    value = cells.text(column)
    if value is None:
        return None
    if looks_like_hetu(value):
        cells.refuse(column, "personal_identifier", "An id of your own must not be or hold a personal identity code.")
        return None
    if not _OWN_ID.fullmatch(value):
        cells.refuse(column, "bad_id", "Use at most 64 letters, digits and . _ : / - in an id.")
        return None
    return value
