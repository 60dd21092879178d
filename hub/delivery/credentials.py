"""Partners' credentials: bearer secrets of 256 random bits, of which only the SHA-256 is kept (a secret this long needs no slow hash)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hub.database import Connection

__all__ = ["Asker", "authenticate", "create_credential", "revoke_credentials"]

_PREFIX = "silta_"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is asking: an organisation, as a partner or as its auditor."""

    organisation: str
    role: Literal["partner", "auditor"]


def create_credential(connection: Connection, organisation: str, role: str, now: datetime) -> str:
    """Make a secret for an organisation; it is returned once and never stored. Earlier ones stay valid."""
    secret = _PREFIX + secrets.token_urlsafe(32)
    connection.execute(
        "INSERT INTO partner_credential (secret_sha256, partner, role, created_at) VALUES (%s, %s, %s, %s)",
        (_digest(secret), organisation, role, now),
    )
    return secret


def revoke_credentials(connection: Connection, organisation: str, now: datetime) -> int:
    """End every credential of an organisation. Returns how many."""
    found = connection.execute(
        "UPDATE partner_credential SET revoked_at = %s WHERE partner = %s AND revoked_at IS NULL", (now, organisation)
    )
    return found.rowcount


def authenticate(connection: Connection, secret: str) -> Asker | None:
    """Whose secret it is; None for an unknown or revoked one."""
    row = connection.execute(
        "SELECT partner, role FROM partner_credential WHERE secret_sha256 = %s AND revoked_at IS NULL", (_digest(secret),)
    ).fetchone()
    return None if row is None else Asker(row[0], row[1])


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
