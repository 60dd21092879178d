"""Consent records in PostgreSQL, table `consent_record` (`store.sql`). Every row read is checked against its hash before anything is decided on it.

The caller owns the transaction. Two writers of one version can't both win: the primary key lets the first in, and the other gets a conflict.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import tuple_row

from consent.errors import ConsentConflictError, InvalidConsentError, Problem, TamperedRecordError
from consent.model import ConsentRecord
from consent.records import check_chain, check_record, check_successor, from_text, record_hash, to_text

__all__ = ["history", "latest", "save"]

_parsed = lru_cache(maxsize=4096)(from_text)
"""Intake reads the same clients' records batch after batch; the text is the whole record, so remembering what it means is safe."""

_COLUMNS = "consent_id, version, subject, state, hash, record, recorded_at"


def save(connection: Connection[Any], record: ConsentRecord) -> None:
    """Add a version. The very same record again changes nothing; another under its number, or one that can't follow, is a ConsentConflictError."""
    check_record(record)
    earlier = {stored.version: stored for stored in history(connection, record.consent_id)}
    if record_hash(record) in map(record_hash, earlier.values()):
        return
    if record.version in earlier:
        raise ConsentConflictError(_taken())
    check_successor(earlier.get(record.version - 1), record)
    row = (record.consent_id, record.version, record.subject, record.state.value, record_hash(record), to_text(record), record.recorded_at)
    added = connection.execute(
        f"INSERT INTO consent_record ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (consent_id, version) DO NOTHING",  # noqa: S608
        row,
    )
    if added.rowcount == 0:
        raise ConsentConflictError(_taken())


def latest(connection: Connection[Any], subjects: Sequence[UUID]) -> dict[UUID, list[ConsentRecord]]:
    """The newest version of each consent of these identities, in one query; an identity without any has an empty list.

    TamperedRecordError if a row doesn't match its hash; psycopg's errors pass: without consents nothing is decided.
    """
    found: dict[UUID, list[ConsentRecord]] = {subject: [] for subject in subjects}
    if not found:
        return found
    query = (
        f"SELECT DISTINCT ON (subject, consent_id) {_COLUMNS} FROM consent_record WHERE subject = ANY(%s)"  # noqa: S608
        " ORDER BY subject, consent_id, version DESC"
    )
    for row in _rows(connection, query, [list(found)]):
        record = _verified(row)
        found[record.subject].append(record)
    return found


def history(connection: Connection[Any], consent_id: UUID) -> list[ConsentRecord]:
    """All versions of one consent from the first on, their chain verified; empty if there is no such consent."""
    query = f"SELECT {_COLUMNS} FROM consent_record WHERE consent_id = %s ORDER BY version"  # noqa: S608
    versions = [_verified(row) for row in _rows(connection, query, [consent_id])]
    check_chain(versions)
    return versions


def _rows(connection: Connection[Any], query: str, arguments: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query.encode(), arguments).fetchall()


def _verified(row: tuple[Any, ...]) -> ConsentRecord:
    """The record of a row, if text, hash and columns agree: a row moved to another person, or edited, is found out."""
    consent_id, version, subject, state, digest, text, recorded_at = row
    wrong = Problem(f"/{consent_id}/{version}", "tampered", "the stored record is not what its hash says: stop and compare with the log")
    if sha256(text.encode()).digest() != bytes(digest):
        raise TamperedRecordError(wrong)
    try:
        record = _parsed(text)
    except InvalidConsentError as error:
        raise TamperedRecordError(wrong) from error
    said = (record.consent_id, record.version, record.subject, record.state.value, record.recorded_at)
    if said != (consent_id, version, subject, state, recorded_at):
        raise TamperedRecordError(wrong)
    return record


def _taken() -> Problem:
    return Problem("/version", "version_taken", "somebody else changed this consent first: read it again")
