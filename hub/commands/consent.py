"""``silta consent``: consents recorded and taken back at a desk.

Identifiers are read from standard input: arguments stand in process lists and shell histories.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from getpass import getpass
from typing import Annotated, Literal, TypeVar
from uuid import UUID, uuid4

import typer

from consent.choices import Act
from consent.model import ConsentCode, ConsentItem, ConsentRecord, Network, Notice
from consent.notices import notice_text
from hub import consents, settings
from hub.database import connect, reaching_database
from hub.delivery.lookup import parse_identifier
from hub.drafts import Identifier
from hub.errors import FatalError, RequestError
from hub.start import Hub, start

__all__ = ["consent"]

consent = typer.Typer(no_args_is_help=True)
_T = TypeVar("_T")

Partner = Annotated[str, typer.Option(help="organisation at whose desk the client answers")]
Scheme = Annotated[str, typer.Option(help="kind of identifier on standard input: hetu, learner_number or partner")]
Issuer = Annotated[str, typer.Option(help="for --scheme partner: the source that the id comes from")]
Channel = Annotated[str, typer.Option(help="face_to_face, phone, online or paper")]
Actor = Annotated[str, typer.Option(help="pseudonym of who chose, never a name")]
Purpose = Annotated[str, typer.Option(help="purpose of the network")]
Categories = Annotated[list[str], typer.Option("--category", help="data category; may be repeated")]
Recipients = Annotated[list[str], typer.Option("--recipient", help="organisation; may be repeated")]
Language = Annotated[str, typer.Option(help="language of the notice that was shown")]
NoticeId = Annotated[str | None, typer.Option("--notice", help="id of the notice that was shown, by default the network's only one")]
Key = Annotated[UUID | None, typer.Option("--id", help="the consent's id, chosen by you: the same command again then changes nothing")]
Days = Annotated[int, typer.Option(min=1, help="how long it holds, in days")]


@consent.command("notices")
def notices() -> None:
    """Show the texts that a client is shown."""
    for notice in _start().network.notices:
        typer.secho(f"{notice.id} version {notice.version}, {notice.language}, SHA-256 {notice.sha256.hex()}", bold=True)
        typer.echo(notice_text(notice))


def _answering(answer: Literal["give", "refuse"]) -> Callable[..., None]:
    """The command that records one kind of answer; both take the same options."""

    def command(
        *,
        partner: Partner,
        purpose: Purpose,
        category: Categories,
        recipient: Recipients,
        days: Days = 365,
        language: Language = "fi",
        notice: NoticeId = None,
        channel: Channel = "face_to_face",
        actor: Actor = "client",
        scheme: Scheme = "hetu",
        issuer: Issuer = "",
        key: Key = None,
    ) -> None:
        hub = _start()
        permit = answer == "give"
        codes = _codes(hub.network, purpose, category, recipient) if permit else frozenset()
        item = ConsentItem(purpose, frozenset(category), frozenset(recipient), permit=permit, codes=codes)
        act = _act(hub, partner, channel, actor)
        wish = consents.Wish(_notice(hub.network, notice, language), (item,), act.occurred_at, act.occurred_at + timedelta(days=days))
        identifier = _identifier(hub, scheme, issuer)
        with reaching_database(), connect(hub.settings) as connection:
            record = _told(lambda: consents.record_answer(hub, connection, partner, identifier, key or uuid4(), answer, wish, act))
        _show(record)

    return command


consent.command("give", help="Record that the client permits sharing. The consent codes are those that the agreements ask for.")(
    _answering("give")
)
consent.command("refuse", help="Record that the client says no. Service goes on unchanged, and so does what a statute carries.")(
    _answering("refuse")
)


@consent.command("withdraw")
def withdraw(
    consent_id: Annotated[UUID, typer.Argument(help="the consent's id, from `silta consent list`")],
    partner: Partner,
    channel: Channel = "face_to_face",
    actor: Actor = "client",
) -> None:
    """Take a consent back. Once this has returned, nothing is delivered that rests on it."""
    hub = _start()
    with reaching_database(), connect(hub.settings) as connection:
        record = _told(lambda: consents.withdraw(hub, connection, partner, consent_id, _act(hub, partner, channel, actor)))
    _show(record)


@consent.command("list")
def list_consents(partner: Partner, scheme: Scheme = "hetu", issuer: Issuer = "") -> None:
    """Show the consents of a client of the partner's."""
    hub = _start()
    identifier = _identifier(hub, scheme, issuer)
    with reaching_database(), connect(hub.settings) as connection:
        found = consents.consents_of(hub, connection, partner, identifier)
    for record in found:
        _show(record)
    typer.echo(f"{len(found)} consents")


def _start() -> Hub:
    return start(settings.load(), patience=5)


def _identifier(hub: Hub, scheme: str, issuer: str) -> Identifier:
    value = getpass(f"{scheme} (not shown): ") if sys.stdin.isatty() else sys.stdin.readline()
    if scheme not in {"hetu", "learner_number", "partner"}:
        raise FatalError("--scheme is hetu, learner_number or partner")
    return _told(lambda: parse_identifier(scheme, value.strip(), hub.now().date(), issuer))


def _act(hub: Hub, partner: str, channel: str, actor: str) -> Act:
    if partner not in hub.network.organisations:
        raise FatalError(f"{partner} is no organisation of {hub.network.id}: name one of {', '.join(sorted(hub.network.organisations))}")
    if channel not in {"face_to_face", "phone", "online", "paper"}:
        raise FatalError("--channel is face_to_face, phone, online or paper")
    return Act(hub.now(), channel, partner, actor)


def _notice(network: Network, name: str | None, language: str) -> Notice:
    fitting = [notice for notice in network.notices if notice.language == language and name in {None, notice.id}]
    if not fitting:
        known = ", ".join(sorted({f"{notice.id} ({notice.language})" for notice in network.notices}))
        raise FatalError(f"there is no such notice: the network has {known}")
    return max(fitting, key=lambda notice: notice.version)


def _codes(network: Network, purpose: str, categories: Iterable[str], recipients: Iterable[str]) -> frozenset[ConsentCode]:
    """The codes that agreements resting on consent ask for, of any sender. Raises `FatalError` where no agreement rests on consent."""
    wanted = {(recipient, category) for recipient in recipients for category in categories}
    rows = [row for key, found in network.rows.items() if key[1:3] in wanted and key[3] == purpose for row in found]
    codes = frozenset(code for row in rows for code in row.codes)
    if not codes:
        raise FatalError(f"no agreement of {network.id} rests on consent for this: see its file for purposes, categories and recipients")
    return codes


def _show(record: ConsentRecord) -> None:
    said = "; ".join(
        f"{'permits' if item.permit else 'refuses'} {', '.join(sorted(item.categories))} to {', '.join(sorted(item.recipients))} for {item.purpose}"
        for item in record.items
    )
    typer.echo(f"{record.consent_id} version {record.version} {record.state.value} until {record.valid_until:%Y-%m-%d}: {said}")


def _told(act: Callable[[], _T]) -> _T:
    """A request's faults, as the one message of a command."""
    try:
        return act()
    except RequestError as error:
        raise FatalError(str(error)) from None
