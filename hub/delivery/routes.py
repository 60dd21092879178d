"""The routes: read, call one function, render."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool

from consent.choices import Act
from consent.model import ConsentItem, ConsentRecord, Notice
from consent.notices import notice_text
from consent.records import record_hash
from hub import consents
from hub.deliveries import list_errors
from hub.delivery import models
from hub.delivery.context import Auditing, Context, Partner, Shared
from hub.delivery.gate import Answer, Entry
from hub.delivery.locked import answer_under_lock
from hub.delivery.lookup import parse_identifier
from hub.delivery.problems import Problem
from hub.delivery.strict import DOCUMENT_LIMIT, StrictRoute, read_body
from hub.drafts import Identifier
from hub.errors import Fault
from hub.register.hetu import looks_like_hetu
from hub.register.store import Register
from hub.timeline.store import reads_of

__all__ = ["router"]

router = APIRouter(prefix="/v1", route_class=StrictRoute)
RequestId = Annotated[str | None, Header(max_length=200, description="a retry with the same id and outcome, that day, is the same read")]
Key = Annotated[str | None, Header(max_length=200, description="the same key again answers with the first outcome")]


@router.post("/timeline/query", response_model=models.AnswerBody, tags=["timeline"])
async def query_timeline(body: models.TimelineQuery, context: Shared, partner: Partner, x_request_id: RequestId = None) -> Response:
    """What this partner may see of a client's shared timeline, for a purpose. The read is on record before the answer leaves."""
    if body.purpose not in context.hub.network.purposes:
        known = ", ".join(sorted(context.hub.network.purposes))
        raise Problem(422, Fault("/purpose", "unknown_purpose", f"name a purpose of the network: {known}"))
    identifier = _identifier(context, body.identifier)
    request_id = x_request_id or uuid4().hex

    def render(answer: Answer) -> models.AnswerBody:
        return models.AnswerBody(record=answer.read_id, purpose=body.purpose, entries=[_entry(context, entry) for entry in answer.entries])

    return await run_in_threadpool(answer_under_lock, context, partner, identifier, body.purpose, request_id, render)


@router.post("/consents", response_model=models.ConsentBody, status_code=201, tags=["consents"])
def record_consent(body: models.ConsentAnswer, context: Shared, partner: Partner) -> models.ConsentBody:
    """Record what a client answered to a consent notice: given, refused, or asked and not answered yet."""
    act = _act(context, partner, body.occurred_at, body.channel, body.actor)
    wish = consents.Wish(
        Notice(body.notice.id, body.notice.version, body.notice.language, bytes.fromhex(body.notice.sha256)),
        tuple(
            ConsentItem(item.purpose, frozenset(item.categories), frozenset(item.recipients), item.permit, frozenset(item.codes))
            for item in body.items
        ),
        body.valid_from or act.occurred_at,
        body.valid_until,
    )
    identifier = _identifier(context, body.identifier)
    with context.transaction() as connection:
        dated = body.occurred_at is not None
        record = consents.record_answer(context.hub, connection, partner, identifier, body.consent_id, body.answer, wish, act, dated=dated)
    return _consent(record)


@router.post("/consents/{consent_id}/withdraw", tags=["consents"])
def withdraw_consent(consent_id: UUID, body: models.Withdrawal, context: Shared, partner: Partner) -> models.ConsentBody:
    """Take a consent back. Once this has answered, nothing is delivered that rests on it."""
    act = _act(context, partner, body.occurred_at, body.channel, body.actor)
    with context.transaction() as connection:
        record = consents.withdraw(context.hub, connection, partner, consent_id, act)
    return _consent(record)


@router.post("/consents/query", tags=["consents"])
def query_consents(body: models.ConsentQuery, context: Shared, partner: Partner) -> models.ConsentsBody:
    """The consents of a client of this partner's; none for an unknown client."""
    identifier = _identifier(context, body.identifier)
    with context.transaction() as connection:
        records = consents.consents_of(context.hub, connection, partner, identifier)
    return models.ConsentsBody(consents=[_consent(record) for record in records])


@router.get("/notices", tags=["consents"])
def list_notices(context: Shared, partner: Partner) -> models.NoticesBody:
    """The consent notices of the network, with their exact texts."""
    del partner
    return models.NoticesBody(
        notices=[
            models.NoticeText(id=one.id, version=one.version, language=one.language, sha256=one.sha256.hex(), text=notice_text(one))
            for one in context.hub.network.notices
        ]
    )


@router.post(
    "/sources/{source}/documents",
    response_model=models.OutcomeBody,
    tags=["sources"],
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {}, "text/csv": {}}}},
)
async def push_document(
    source: str, request: Request, context: Shared, partner: Partner, idempotency_key: Key = None
) -> models.OutcomeBody:
    """Send one document or file in the source's format. Items that are wrong are listed; the others are taken in."""
    configured = context.sources.get(source)
    if configured is None or configured.partner != partner:
        raise Problem(404, detail="this partner has no source of that name")
    body = await read_body(request, DOCUMENT_LIMIT)
    outcome, repeat = await run_in_threadpool(context.pushes.push, configured, body, idempotency_key)
    if outcome.errors and not (outcome.admitted or outcome.unchanged or outcome.denied):
        raise Problem(422, *outcome.errors)
    return models.OutcomeBody.model_validate({**outcome.as_json(), "repeat": repeat})


@router.get("/errors", tags=["sources"])
def query_errors(context: Shared, partner: Partner) -> models.ErrorsBody:
    """The partner's error list. A fault leaves it with the next good sending under the same name."""
    own = [source.id for source in context.sources.values() if source.partner == partner]
    with context.transaction() as connection:
        listed = list_errors(connection, own)
    return models.ErrorsBody(errors=[models.ErrorBody.model_validate(one, from_attributes=True) for one in listed])


@router.post("/reads/query", tags=["audit"])
def query_reads(body: models.ReadsQuery, context: Shared, auditor: Auditing) -> models.ReadsBody:
    """Who was shown something of a client, for what, on which basis. None for an unknown client."""
    del auditor
    if body.partner not in context.hub.network.organisations:
        raise Problem(422, Fault("/partner", "unknown_organisation", "name an organisation of the network"))
    identifier = _identifier(context, body.identifier)
    register = Register(context.hub.keyring, context.hub.wire, context.hub.now)
    with context.transaction() as connection:
        known = register.find(connection, body.partner, [(identifier,)]).get((identifier,))
        seen = [] if known is None else reads_of(connection, known.client)
    return models.ReadsBody(reads=[models.ReadBody.model_validate(one, from_attributes=True) for one in seen])


def _identifier(context: Context, body: models.IdentifierBody) -> Identifier:
    return parse_identifier(body.scheme, body.value, context.hub.now().date(), body.issuer)


def _act(context: Context, partner: str, occurred_at: datetime | None, channel: str, actor: str) -> Act:
    if looks_like_hetu(actor):
        raise Problem(422, Fault("/actor", "personal_identifier", "give a pseudonym of your own, never an identifier or a name"))
    return Act(occurred_at or context.hub.now(), channel, partner, actor)


def _entry(context: Context, entry: Entry) -> models.EntryBody:
    decision = entry.decision
    statute = context.hub.network.statutes.get(decision.statute or "")
    basis = models.BasisBody(
        kind="consent" if statute is None else "statute",
        agreement=decision.agreement or "",
        statute=None if statute is None else f"{statute.act} {statute.section}",
        consents=[digest.hex() for digest in decision.consents],
    )
    return models.EntryBody.model_validate(
        {
            "entry": entry.event_id.hex(),
            **{name: getattr(entry, name) for name in models.EntryBody.model_fields if name not in {"entry", "basis"}},
            "basis": basis,
        }
    )


def _consent(record: ConsentRecord) -> models.ConsentBody:
    notice = record.notice
    return models.ConsentBody(
        consent_id=record.consent_id,
        version=record.version,
        state=record.state.value,
        notice=models.NoticeBody(id=notice.id, version=notice.version, language=notice.language, sha256=notice.sha256.hex()),
        items=[
            models.ItemBody(
                purpose=item.purpose,
                categories=sorted(item.categories),
                recipients=sorted(item.recipients),
                permit=item.permit,
                codes=sorted(item.codes),
            )
            for item in record.items
        ],
        valid_from=record.valid_from,
        valid_until=record.valid_until,
        occurred_at=record.occurred_at,
        channel=record.channel,
        hash=record_hash(record).hex(),
    )
