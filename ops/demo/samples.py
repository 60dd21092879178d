"""Documents of the user's own for the education connector (``--koski DIR``), as OSAO's. What is in them is counted, never shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from uuid import UUID

from hub.connectors.education import parse_koski
from hub.drafts import Identifier
from hub.errors import FatalError
from ops.simulate import Sending
from ops.simulate.koski import SOURCE

__all__ = ["consent_ids", "read_documents", "subjects"]


def read_documents(folder: Path) -> list[Sending]:
    """The folder's JSON files; `errors` is what the connector's own parser finds in them."""
    if not folder.is_dir():
        raise FatalError(f"--koski {folder}: there is no such folder")
    paths = sorted(path for path in folder.glob("*.json") if path.is_file())
    if not paths:
        raise FatalError(f"--koski {folder}: there is no file *.json in it")
    return [_sending(f"aineisto-{number:04}.json", path.read_bytes()) for number, path in enumerate(paths, 1)]


def subjects(sendings: Sequence[Sending]) -> list[Identifier]:
    """Everybody in the documents who can be identified, by the strongest identifier, in order."""
    found: dict[Identifier, None] = {}
    for sending in sendings:
        delivery = parse_koski(sending.body, source=SOURCE, partner="osao", today=_today())
        people = [draft.subject for draft in delivery.drafts] + [parent.subject for parent in delivery.parents]
        found |= {subject[0]: None for subject in people}
    return list(found)


def consent_ids(count: int, seed: int) -> list[UUID]:
    """Ids for these persons' consents."""
    dice = Random(f"{seed}/documents")  # noqa: S311 - repeatable on purpose
    return [UUID(int=dice.getrandbits(128), version=4) for _ in range(count)]


def _sending(name: str, body: bytes) -> Sending:
    delivery = parse_koski(body, source=SOURCE, partner="osao", today=_today())
    faults = tuple((fault.pointer, fault.code) for error in delivery.errors for fault in error.faults)
    return Sending(SOURCE, "osao", name, "JSON, Koski (given)", body, delivery.items, (), faults)


def _today() -> date:
    return datetime.now(UTC).date()
