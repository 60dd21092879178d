"""The partners' own systems, as far as the demo plays them: each calls the API with its own credential, and drops files into its own folder."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import httpx

from hub.database import connect, reaching_database
from hub.delivery.credentials import create_credential
from hub.errors import FatalError
from hub.settings import Settings
from ops.simulate import Answer, Sending

__all__ = ["AUDITOR", "PARTNERS", "Api", "drop", "make_credentials", "outcomes"]

PARTNERS = ("oulu-city", "te-pohjois-pohjanmaa", "osao", "kela", "business-oulu")
AUDITOR = "auditor"
_PATIENCE_SECONDS = 20.0
Json = dict[str, Any]


def make_credentials(settings: Settings) -> dict[str, str]:
    """A secret for each partner, and one for the city's auditor."""
    now = datetime.now(UTC)
    with reaching_database(), connect(settings) as connection:
        secrets = {partner: create_credential(connection, partner, "partner", now) for partner in PARTNERS}
        secrets[AUDITOR] = create_credential(connection, "oulu-city", "auditor", now)
    return secrets


@dataclass(slots=True)
class Api:
    """The API as each partner calls it."""

    address: str
    secrets: Mapping[str, str] = field(repr=False)
    _http: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._http = httpx.Client(base_url=self.address, timeout=30, trust_env=False)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def call(self, who: str, method: str, path: str, body: Json | None = None) -> Json:
        """The answer's body. 503 is waited out for a while; anything else but success is a `FatalError` without a person's data."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            answer = self._http.request(method, path, json=body, headers={"Authorization": f"Bearer {self.secrets[who]}"})
            if answer.is_success:
                found: Json = answer.json()
                return found
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                raise FatalError(f"{method} {path} was answered {answer.status_code} for {who}: {answer.text[:300]}")
            Event().wait(min(1.0, float(answer.headers.get("Retry-After", "1"))))

    def timeline(self, who: str, scheme: str, value: str, purpose: str) -> list[Json]:
        """The entries that a partner is shown of a client."""
        asked = {"identifier": {"scheme": scheme, "value": value}, "purpose": purpose}
        entries: list[Json] = self.call(who, "POST", "/v1/timeline/query", asked)["entries"]
        return entries

    def record_answer(self, answer: Answer, scheme: str, value: str, notice: Json) -> None:
        """What a client answered, valid for a year."""
        until = (datetime.now(UTC) + timedelta(days=365)).replace(hour=0, minute=0, second=0, microsecond=0)
        body = {
            "consent_id": str(answer.consent_id),
            "identifier": {"scheme": scheme, "value": value},
            "answer": answer.answer,
            "notice": {name: notice[name] for name in ("id", "version", "language", "sha256")},
            "items": [
                {
                    "purpose": item.purpose,
                    "categories": list(item.categories),
                    "recipients": list(item.recipients),
                    "permit": item.permit,
                    "codes": list(item.codes),
                }
                for item in answer.items
            ],
            "valid_until": until.isoformat(),
            "channel": answer.channel,
        }
        self.call(answer.asked_by, "POST", "/v1/consents", body)

    def withdraw(self, who: str, consent_id: str) -> Json:
        """A consent taken back."""
        return self.call(who, "POST", f"/v1/consents/{consent_id}/withdraw", {"channel": "online"})


def drop(drops: Path, sendings: Iterable[Sending]) -> None:
    """Write files as partners should: under another name first, renamed when whole."""
    for sending in sendings:
        folder = drops / sending.source
        part = folder / f"{sending.name}.tmp"
        part.write_bytes(sending.body)
        part.replace(folder / sending.name)


def outcomes(drops: Path, waiting: dict[tuple[str, str], Sending]) -> dict[tuple[str, str], Json]:
    """Outcomes that have come of the files in `waiting`, by source and name; both the outcome and the wait are taken away."""
    found = {}
    for source, name in list(waiting):
        path = drops / source / "outcome" / f"{name}.json"
        if path.exists() and not (drops / source / name).exists():
            found[source, name] = json.loads(path.read_text("utf-8"))
            path.unlink()
            del waiting[source, name]
    return found
