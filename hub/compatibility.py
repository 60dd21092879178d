"""What a schema must be like to be published: readable by every version and by old readers, and harmless to whoever decodes it.

Compatibility is Avro's schema resolution (Avro 1.12, "Schema Resolution"), held both ways against every earlier version: FULL_TRANSITIVE.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from hub.codec import is_schema

__all__ = ["faults_of_schema", "faults_of_set", "incompatibilities"]

_NAME = re.compile(r"(?P<name>[a-z_]+)\.v(?P<version>[1-9][0-9]*)")
_PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}
"""What a writer's type may be read as, besides itself."""
_NAMED = {"record", "enum", "fixed"}


def faults_of_set(texts: Mapping[str, str]) -> list[str]:
    """Every fault of a folder of schemas, by name: ``<name>.v<version>``, versions from 1 without gaps."""
    faults = [f"{name}: {fault}" for name, text in texts.items() for fault in faults_of_schema(text)]
    versions: dict[str, dict[int, str]] = {}
    for name, text in texts.items():
        match = _NAME.fullmatch(name)
        if match is None:
            faults.append(f"{name}: call the file <name>.v<version>.avsc")
        else:
            versions.setdefault(match["name"], {})[int(match["version"])] = text
    for base, found in versions.items():
        faults += [f"{base}: version {number} is missing" for number in range(1, max(found)) if number not in found]
    if faults:
        return faults
    for base, found in versions.items():
        for older, newer in combinations(sorted(found), 2):
            one, other = json.loads(found[older]), json.loads(found[newer])
            faults += [f"{base}: version {newer} can't read {older}: {fault}" for fault in incompatibilities(one, other)]
            faults += [f"{base}: version {older} can't read {newer}: {fault}" for fault in incompatibilities(other, one)]
    return faults


def faults_of_schema(text: str) -> list[str]:
    """What is wrong with one schema by itself."""
    try:
        raw = json.loads(text)
    except ValueError:
        return ["it is no JSON"]
    if not is_schema(raw):
        return ["it is no Avro schema"]
    if not isinstance(raw, dict) or raw.get("type") != "record":
        return ["it must be a record"]
    return list(_harms(raw, "", "", (), _named(raw)))


def incompatibilities(writer: Any, reader: Any) -> list[str]:
    """Why data of `writer` can't be read with `reader`; empty if it can."""
    return list(_Resolution(_named(writer), _named(reader)).faults(writer, reader, ""))


def _harms(node: Any, path: str, namespace: str, inside: tuple[str, ...], named: Mapping[str, Any]) -> Iterator[str]:
    """What could harm whoever decodes it, here and further in. `inside` has the full names of all enclosing records."""
    for branch in _branches(node):
        if isinstance(branch, str):
            if branch in inside or f"{namespace}.{branch}" in inside:
                # A decoder that recurses is brought down by a record of 5 kB.
                yield f"{path}: {branch} contains itself"
            continue
        if branch["type"] == "array" and _is_empty(branch["items"], named):
            yield f"{path}: an array of null could be of any length in no bytes"
        if branch["type"] == "enum" and "default" not in branch:
            yield f"{path}: give the enum a default symbol, for readers that do not know a new one"
        name = _full_name(branch, namespace)
        within = (*inside, name) if branch["type"] == "record" else inside
        for step, child in _children(branch):
            yield from _harms(child, path + step, name.rpartition(".")[0], within, named)


def _branches(node: Any) -> list[Any]:
    """The types that a value may have, out of unions and of types within types."""
    if isinstance(node, list):
        return [inner for branch in node for inner in _branches(branch)]
    if isinstance(node, dict) and isinstance(node["type"], dict | list):
        return _branches(node["type"])
    return [node]


def _children(node: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The types inside a type, each with its step in a path."""
    fields = [(f"/{field['name']}", field["type"]) for field in node.get("fields", ())]
    return fields + [("", node[part]) for part in ("items", "values") if part in node]


def _is_empty(node: Any, named: Mapping[str, Any], inside: tuple[str, ...] = ()) -> bool:
    """Whether a value of the type takes no bytes."""
    if isinstance(node, list):
        return len(node) == 1 and _is_empty(node[0], named, inside)
    if isinstance(node, str):
        name = node.rsplit(".", 1)[-1]
        return node == "null" or (name in named and name not in inside and _is_empty(named[name], named, (*inside, name)))
    if node["type"] == "record":
        return all(_is_empty(field["type"], named, inside) for field in node["fields"])
    return bool(node["type"] == "null" or (node["type"] == "fixed" and node["size"] == 0))


def _full_name(node: Mapping[str, Any], namespace: str) -> str:
    """A named type's full name; of any other type only the namespace that it passes on."""
    name = str(node.get("name", ""))
    return name if "." in name else f"{node.get('namespace', namespace)}.{name}".removeprefix(".")


def _named(node: Any) -> dict[str, Any]:
    """Every named type of a schema, by its name without namespace."""
    found: dict[str, Any] = {}
    for branch in _branches(node):
        if isinstance(branch, dict):
            if "name" in branch:
                found[str(branch["name"]).rsplit(".", 1)[-1]] = branch
            for _, child in _children(branch):
                found |= _named(child)
    return found


class _Resolution:
    """Avro's rules for reading what one schema wrote with another."""

    def __init__(self, writers: Mapping[str, Any], readers: Mapping[str, Any]) -> None:
        self._writers = writers
        self._readers = readers

    def faults(self, writer: Any, reader: Any, path: str) -> Iterator[str]:
        writer, reader = _resolve(writer, self._writers), _resolve(reader, self._readers)
        if isinstance(writer, list):
            for branch in writer:
                yield from self.faults(branch, reader, path)
        elif isinstance(reader, list):
            if all(list(self.faults(writer, branch, path)) for branch in reader):
                yield f"{path}: no branch of the union takes {_kind(writer)}"
        else:
            yield from self._same(writer, reader, path)

    def _same(self, writer: Any, reader: Any, path: str) -> Iterator[str]:
        kind, wanted = _kind(writer), _kind(reader)
        if kind != wanted:
            if wanted not in _PROMOTIONS.get(kind, ()):
                yield f"{path}: {kind} can't be read as {wanted}"
        elif _logical(writer) != _logical(reader):
            yield f"{path}: the logical type changed"
        elif kind in _NAMED and not _names(writer) & _names(reader):
            yield f"{path}: the {kind}'s name changed"
        elif kind == "record":
            yield from self._records(writer, reader, path)
        elif kind in {"array", "map"}:
            part = "items" if kind == "array" else "values"
            yield from self.faults(writer[part], reader[part], path)
        elif kind == "fixed" and writer["size"] != reader["size"]:
            yield f"{path}: the fixed type changed"
        elif kind == "enum" and "default" not in reader and set(writer["symbols"]) - set(reader["symbols"]):
            yield f"{path}: symbols are not known, and there is no default"

    def _records(self, writer: Mapping[str, Any], reader: Mapping[str, Any], path: str) -> Iterator[str]:
        written = {field["name"]: field["type"] for field in writer["fields"]}
        for field in reader["fields"]:
            names = [name for name in (field["name"], *field.get("aliases", ())) if name in written]
            if names:
                yield from self.faults(written[names[0]], field["type"], f"{path}/{field['name']}")
            elif "default" not in field:
                yield f"{path}/{field['name']}: it was not written, and has no default"


def _names(node: Mapping[str, Any]) -> set[str]:
    """A named type's name and aliases, without namespace: as Avro matches them."""
    return {str(name).rsplit(".", 1)[-1] for name in (node["name"], *node.get("aliases", ()))}


def _resolve(node: Any, named: Mapping[str, Any]) -> Any:
    if isinstance(node, str):
        return named.get(node.rsplit(".", 1)[-1], node)
    if isinstance(node, dict) and isinstance(node["type"], dict | list):
        return _resolve(node["type"], named)
    return node


def _kind(node: Any) -> str:
    return node if isinstance(node, str) else str(node["type"])


def _logical(node: Any) -> str | None:
    return node.get("logicalType") if isinstance(node, dict) else None
