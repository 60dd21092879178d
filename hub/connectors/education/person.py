"""Who a Koski document is about. Names, birth date, nationality and mother tongue are not even read."""

from __future__ import annotations

import re
from datetime import date

from hub.connectors.education.reading import Node
from hub.drafts import Identifier, Scheme
from hub.errors import RecordError
from hub.register.hetu import check_hetu

__all__ = ["read_subject"]

_LEARNER_NUMBER = re.compile(r"1\.2\.246\.562\.(24|98|198)\.[0-9]{11}")


def read_subject(document: Node, *, today: date, allow_test: bool) -> tuple[Identifier, ...]:
    """The identifiers in `henkilö`, hetu before learner number (oppijanumero); empty with faults noted if there is no sound one.

    A wrong hetu beside a sound learner number refuses the person too: the sender's record is in doubt.
    """
    person = document.record("henkilö", required=True)
    if person is None:
        return ()
    before = len(document.faults)
    found: list[Identifier] = []
    if person.has("hetu"):
        try:
            value = check_hetu(person.members["hetu"], pointer=f"{person.pointer}/hetu", today=today, allow_test=allow_test)
        except RecordError as error:
            document.faults.extend(error.faults)
        else:
            found.append(Identifier(Scheme.HETU, value))
    number = person.matching("oid", _LEARNER_NUMBER, "oid_format", "Send the learner number as 1.2.246.562.24 and eleven digits.")
    if number is not None:
        found.append(Identifier(Scheme.LEARNER_NUMBER, number))
    if len(document.faults) > before:
        return ()
    if not found:
        person.refuse("", "no_identifier", "Send the person's hetu or learner number; a name and a birth date do not identify.")
    return tuple(found)
