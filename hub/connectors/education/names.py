"""What a study right is called, so that the same one is known again.

Koski matches a study right by its oid; else by the source system's id and the institution; else by institution and type. So does Silta, and the
name made of these is the parent of all its facts. No oid is ever minted here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hub.connectors.education.reading import Node, slug
from hub.register.hetu import looks_like_hetu

__all__ = ["Names", "read_names"]

_OID = re.compile(r"1\.2\.246\.562\.15\.[0-9]{11}")
_INSTITUTION = re.compile(r"1\.2\.246\.562\.[0-9]{1,4}\.[0-9]{1,30}")


@dataclass(frozen=True, slots=True)
class Names:
    """How a study right is known: `key` now, `alias` in messages that came before its oid was known."""

    key: str
    alias: str | None
    oid: str | None
    type: str
    provider_oid: str | None
    provider_name: str | None


def read_names(node: Node, *, removed: bool) -> Names | None:
    """The study right's names, or None with faults noted. A removed one with an oid needs no type."""
    before = len(node.faults)
    oid = node.matching("oid", _OID, "oid_format", "Send the study right's oid as Koski gave it: 1.2.246.562.15 and eleven digits.")
    if len(node.faults) > before:
        return None
    if removed and oid:
        node = replace(node, faults=[])  # whatever else a voiding message says is ignored
    type_ = node.code("tyyppi", required=True)
    provider_oid, provider_name = _provider(node)
    source_id = _source_id(node)
    if node.faults[before:] and not (removed and oid):
        return None
    kind = type_.value if type_ else ""
    by_source = f"study_right/source/{provider_oid}/{slug(source_id)}" if source_id and provider_oid else None
    if oid:
        return Names(f"study_right/{oid}", by_source, oid, kind, provider_oid, provider_name)
    if provider_oid is None:
        node.refuse("oppilaitos", "no_institution", "Send the institution's oid, or the study right's own.")
        return None
    return Names(by_source or f"study_right/type/{provider_oid}/{slug(kind)}", None, None, kind, provider_oid, provider_name)


def _provider(node: Node) -> tuple[str | None, str | None]:
    """The institution; where it is left out Koski takes the first attainment's site, and so do we; else the education provider."""
    site = next(iter(node.records("suoritukset")), None)
    for organisation in (node.record("oppilaitos"), site.record("toimipiste") if site else None, node.record("koulutustoimija")):
        oid = organisation and organisation.matching("oid", _INSTITUTION, "oid_format", "Send the organisation's oid.")
        if organisation and oid:
            return oid, organisation.label("nimi")
    return None, None


def _source_id(node: Node) -> str | None:
    source = node.record("lähdejärjestelmänId")
    value = source.text("id") if source else None
    if source and value and looks_like_hetu(value):
        source.refuse("id", "personal_identifier", "A source system's id must not be or hold a personal identity code.")
        return None
    return value
