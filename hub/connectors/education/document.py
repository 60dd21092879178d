"""A Koski document into a delivery: the person once, each study right for itself.

The body is `{henkilö, opiskeluoikeudet[]}` as sent to `PUT /koski/api/oppija`, or an array of such. A person who can't be identified refuses that
document whole; a faulty study right refuses itself alone, and then states nothing, so it retracts nothing either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from hub.connectors.education.names import read_names
from hub.connectors.education.person import read_subject
from hub.connectors.education.reading import Node
from hub.connectors.education.states import is_removed
from hub.connectors.education.study_right import Statement
from hub.connectors.strictjson import DEFAULT_LIMIT, JsonValue, parse_json
from hub.drafts import Delivery, Draft, Identifier, ItemError, Parent
from hub.errors import Fault, RecordError

__all__ = ["parse_koski"]

_MAX_FAULTS = 50


@dataclass(frozen=True, slots=True)
class _Item:
    """What became of one study right, or of a document that has none to speak of."""

    drafts: tuple[Draft, ...] = ()
    parents: tuple[Parent, ...] = ()
    error: ItemError | None = None


def parse_koski(body: bytes, *, source: str, partner: str, today: date, limit: int = DEFAULT_LIMIT, allow_test: bool = True) -> Delivery:
    """Read a Koski document. Never raises: whatever can't be read is an `ItemError` with pointers, also the document as a whole (item 1).

    Items are the study rights, numbered through. The same bytes give an equal delivery; `today` decides only whether a hetu's birth date is in
    the future, and `allow_test` whether individual numbers from 900 pass. Names, free text and `lisätiedot` never reach the delivery.
    """
    try:
        value = parse_json(body, limit=limit)
    except RecordError as error:
        return Delivery(source, partner, errors=(ItemError(1, "", error.faults),), items=1)
    items: list[_Item] = []
    documents = value if isinstance(value, list) else [value]
    for index, document in enumerate(documents):
        pointer = f"/{index}" if isinstance(value, list) else ""
        items.extend(_document(document, pointer, len(items) + 1, today=today, allow_test=allow_test))
    if not documents:
        items.append(_refused(1, "", [Fault("", "no_documents", "Send at least one document.")]))
    return Delivery(
        source,
        partner,
        drafts=tuple(draft for item in items for draft in item.drafts),
        parents=tuple(parent for item in items for parent in item.parents),
        errors=tuple(item.error for item in items if item.error),
        items=len(items),
    )


def _document(value: JsonValue, pointer: str, first: int, *, today: date, allow_test: bool) -> Iterator[_Item]:
    if not isinstance(value, dict):
        yield _refused(first, pointer, [Fault(pointer, "wrong_type", "Send an object with henkilö and opiskeluoikeudet.")])
        return
    faults: list[Fault] = []
    document = Node(value, pointer, faults)
    subject = read_subject(document, today=today, allow_test=allow_test)
    if faults:
        yield _refused(first, f"{pointer}/henkilö", faults)
        return
    study_rights = value.get("opiskeluoikeudet")
    if not isinstance(study_rights, list) or not study_rights:
        code = "no_study_rights" if study_rights == [] else "missing_field" if study_rights is None else "wrong_type"
        document.refuse("opiskeluoikeudet", code, "Send an array of at least one study right.")
        yield _refused(first, f"{pointer}/opiskeluoikeudet", faults)
        return
    keys: set[str] = set()
    items = [
        _study_right(member, f"{pointer}/opiskeluoikeudet/{index}", first + index, subject, keys)
        for index, member in enumerate(study_rights)
    ]
    for item in items:
        # The first parent is the study right's own name; an alias that another of the document's study rights goes by is not this one's.
        others = tuple(parent for parent in item.parents[1:] if not (parent.removed and parent.parent in keys))
        yield replace(item, parents=item.parents[:1] + others)


def _study_right(value: JsonValue, pointer: str, item: int, subject: tuple[Identifier, ...], keys: set[str]) -> _Item:
    faults: list[Fault] = []
    if not isinstance(value, dict):
        return _refused(item, pointer, [Fault(pointer, "wrong_type", "Send an object here.")])
    node = Node(value, pointer, faults)
    removed = is_removed(node)
    names = read_names(node, removed=removed)
    if names is None:
        return _refused(item, pointer, faults)
    if names.key in keys:
        return _refused(item, pointer, [Fault(pointer, "duplicate_study_right", "Send a study right once; tell two apart by their oids.")])
    keys.add(names.key)
    statement = Statement(item, pointer, subject, names)
    if removed:
        return _Item(parents=statement.removal())
    drafts, parents = statement.read(node)
    return _refused(item, pointer, faults) if faults else _Item(tuple(drafts), tuple(parents))


def _refused(item: int, pointer: str, faults: list[Fault]) -> _Item:
    return _Item(error=ItemError(item, pointer, tuple(dict.fromkeys(faults))[:_MAX_FAULTS]))
