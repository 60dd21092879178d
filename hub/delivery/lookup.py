"""Whom a partner means by an identifier. A look-up creates nothing, and takes the same steps whether it finds anybody or not."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from consent.model import Network
from hub.database import Connection
from hub.drafts import Identifier, Scheme
from hub.errors import Fault, RecordError, RequestError
from hub.register.hetu import check_hetu, looks_like_hetu
from hub.register.store import Register

__all__ = ["AUTHORITIES", "find_client", "parse_identifier"]

AUTHORITIES = frozenset({"municipality", "employment_authority", "kela", "wellbeing_area", "keha", "migri", "elinvoimakeskus"})
"""Roles that may name anybody by hetu; the others only their own clients (1050/2018 § 29)."""
_EDUCATION_PURPOSES = frozenset({"study_guidance"})
"""Purposes for which a learner number may be used (884/2017 § 3)."""
_LONGEST = 200


def parse_identifier(scheme: str, value: str, today: date, issuer: str = "") -> Identifier:
    """An identifier as a partner gives it. Raises `RequestError` with pointers into the request's body; the value is in none of them."""
    if scheme == Scheme.HETU:
        try:
            return Identifier(Scheme.HETU, check_hetu(value, pointer="/identifier/value", today=today))
        except RecordError as error:
            raise RequestError(*error.faults) from None
    if not value.strip() or len(value) > _LONGEST:
        raise RequestError(Fault("/identifier/value", "identifier_length", f"give 1 to {_LONGEST} characters"))
    if looks_like_hetu(issuer):
        raise RequestError(Fault("/identifier/issuer", "personal_identifier", "name the id space, not a person"))
    return Identifier(Scheme(scheme), value.strip(), issuer if scheme == Scheme.PARTNER else "")


def find_client(
    connection: Connection, register: Register, network: Network, partner: str, identifier: Identifier, purpose: str
) -> UUID | None:
    """The client, if the partner may name them so for this purpose."""
    own = register.find(connection, partner, [(identifier,)]).get((identifier,))
    anchored = register.clients_by_anchor(connection, [(identifier,)]).get((identifier,))
    roles = network.organisations[partner].roles
    by_hetu = identifier.scheme is Scheme.HETU and roles & AUTHORITIES
    by_number = identifier.scheme is Scheme.LEARNER_NUMBER and purpose in _EDUCATION_PURPOSES
    if identifier.scheme is Scheme.LEARNER_NUMBER and not by_number:
        return None
    if own is not None:
        return own.client
    return anchored if by_hetu or by_number else None
