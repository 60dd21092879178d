"""Bodies of requests and answers, as the OpenAPI document shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from consent.model import ConsentCode

__all__ = [
    "AnswerBody",
    "BasisBody",
    "ConsentAnswer",
    "ConsentBody",
    "ConsentQuery",
    "ConsentsBody",
    "EntryBody",
    "ErrorBody",
    "ErrorsBody",
    "IdentifierBody",
    "ItemBody",
    "NoticeBody",
    "NoticesBody",
    "OutcomeBody",
    "ReadBody",
    "ReadsBody",
    "ReadsQuery",
    "TimelineQuery",
    "Withdrawal",
]

Id = Field(min_length=1, max_length=100)
Channel = Literal["face_to_face", "phone", "online", "paper"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class IdentifierBody(_Body):
    """A person as the partner knows them. Identifiers travel in bodies only, never in addresses."""

    scheme: Literal["hetu", "learner_number", "partner"]
    value: str = Field(repr=False, max_length=200, examples=["131052-308T"])
    issuer: str = Field("", max_length=100, description="the partner's own id space: for `partner`, the source that the id comes from")


class TimelineQuery(_Body):
    """A question about one client for one purpose."""

    identifier: IdentifierBody
    purpose: str = Field(min_length=1, max_length=100, examples=["integration_services"])


class BasisBody(BaseModel):
    """What lets this partner see the entry."""

    kind: Literal["statute", "consent"]
    agreement: str
    statute: str | None = Field(None, description="act and section")
    consents: list[str] = Field(default_factory=list, description="SHA-256 (hex) of the consent records")


class EntryBody(BaseModel):
    """One entry of the shared timeline."""

    entry: str = Field(description="the event's id")
    partner: str
    source: str
    type: str
    category: str
    action: Literal["assert", "correct"]
    occurred_from: datetime | None
    occurred_until: datetime | None
    recorded_at: datetime
    payload: dict[str, Any]
    basis: BasisBody


class AnswerBody(BaseModel):
    """The entries that may be seen, oldest first. An unknown client and one without a basis are answered alike: no entries."""

    record: UUID = Field(description="the read on record; client and auditor find it there")
    purpose: str
    entries: list[EntryBody]


class NoticeBody(_Body):
    """A consent notice by version and language; a consent names the exact text by its SHA-256 (hex)."""

    id: str = Id
    version: int = Field(ge=1)
    language: str = Field(min_length=2, max_length=16)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class NoticeText(NoticeBody):
    """A notice with its text."""

    text: str


class NoticesBody(BaseModel):
    """The notices of the network."""

    notices: list[NoticeText]


class ItemBody(_Body):
    """One permission or refusal."""

    purpose: str = Id
    categories: list[str] = Field(min_length=1, max_length=50)
    recipients: list[str] = Field(min_length=1, max_length=50)
    permit: bool = True
    codes: list[ConsentCode] = Field(default_factory=list, max_length=3)


class ConsentAnswer(_Body):
    """What a client answered to a notice. The same body again changes nothing."""

    consent_id: UUID = Field(description="chosen by the partner; also the key that makes a repeat harmless")
    identifier: IdentifierBody
    answer: Literal["give", "refuse", "request"]
    notice: NoticeBody
    items: list[ItemBody] = Field(min_length=1, max_length=50)
    valid_from: AwareDatetime | None = Field(None, description="by default when it happened")
    valid_until: AwareDatetime
    occurred_at: AwareDatetime | None = Field(None, description="by default now")
    channel: Channel
    actor: str = Field("client", max_length=100, description="pseudonym of who chose, never a name")


class Withdrawal(_Body):
    """A consent taken back."""

    occurred_at: AwareDatetime | None = Field(None, description="by default now")
    channel: Channel
    actor: str = Field("client", max_length=100, description="pseudonym of who chose, never a name")


class ConsentQuery(_Body):
    """Whose consents."""

    identifier: IdentifierBody


class ConsentBody(BaseModel):
    """A version of a consent record."""

    consent_id: UUID
    version: int
    state: str
    notice: NoticeBody
    items: list[ItemBody]
    valid_from: datetime
    valid_until: datetime
    occurred_at: datetime
    channel: str
    hash: str = Field(description="SHA-256 (hex) of the record's canonical form")


class ConsentsBody(BaseModel):
    """The newest version of every consent of a client."""

    consents: list[ConsentBody]


class ReadsQuery(_Body):
    """An auditor's question: who was shown something of this client, named as a partner knows them."""

    identifier: IdentifierBody
    partner: str = Id


class ReadBody(BaseModel):
    """One read on record."""

    read_id: UUID
    partner: str
    purpose: str
    at: datetime
    outcome: str
    entries: int
    withheld: int
    bases: list[dict[str, Any]]


class ReadsBody(BaseModel):
    """Newest first."""

    reads: list[ReadBody]


class FaultBody(BaseModel):
    """A fault in a document: a JSON pointer or row, a reason code, what to do. Never the value."""

    pointer: str
    code: str
    remedy: str


class OutcomeBody(BaseModel):
    """What became of a document."""

    delivery_id: UUID
    items: int
    admitted: int
    unchanged: int
    denied: int
    errors: list[FaultBody]
    repeat: bool = Field(description="it was taken in before; this is its outcome then")


class ErrorBody(FaultBody):
    """A fault that the sender has not mended yet."""

    source: str
    delivery_id: UUID
    first_at: datetime
    last_at: datetime


class ErrorsBody(BaseModel):
    """The partner's error list, newest first."""

    errors: list[ErrorBody]
