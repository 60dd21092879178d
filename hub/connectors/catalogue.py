"""The sources of a network: which partner sends what, in which format. Read from ``[[sources]]`` in the network's file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from consent.model import Network
from hub.connectors.base import Parser, Source
from hub.connectors.city import parse_city_csv
from hub.connectors.education import parse_koski
from hub.errors import FatalError
from hub.intake import Origin

__all__ = ["FORMATS", "read_sources"]

FORMATS: Mapping[str, tuple[Parser, str]] = {"koski": (parse_koski, ".json"), "city-csv": (parse_city_csv, ".csv")}
"""Format: its parser, and how its files' names end."""

_KEYS = {"id": str, "partner": str, "format": str, "purpose": str, "basis": str, "keep_processed": bool, "assumed": bool}
_OPTIONAL = {"keep_processed", "assumed"}


def read_sources(path: Path, network: Network) -> dict[str, Source]:
    """The sources by id. Raises `FatalError` that names every fault of the file's ``[[sources]]``."""
    with path.open("rb") as file:
        tables = tomllib.load(file).get("sources", [])
    faults = [f"sources[{number}]: {fault}" for number, table in enumerate(tables) for fault in _faults(table, network)]
    ids = [table.get("id") for table in tables]
    faults += [f"sources: {name} stands there twice" for name in sorted({str(name) for name in ids if ids.count(name) > 1})]
    if faults:
        raise FatalError(f"the network's file {path.name} has faults:\n  " + "\n  ".join(faults))
    return {table["id"]: _source(table) for table in tables}


def _faults(table: Mapping[str, Any], network: Network) -> list[str]:
    faults = [f"{key} is missing" for key in _KEYS if key not in table and key not in _OPTIONAL]
    faults += [f"{key} is not known" for key in table if key not in _KEYS]
    faults += [f"{key} must be a {kind.__name__}" for key, kind in _KEYS.items() if key in table and not isinstance(table[key], kind)]
    if not faults:
        if table["partner"] not in network.organisations:
            faults.append(f"partner {table['partner']} is no organisation of the network")
        if table["format"] not in FORMATS:
            faults.append(f"format {table['format']} is not known: use one of {', '.join(FORMATS)}")
        if table["purpose"] not in network.purposes:
            faults.append(f"purpose {table['purpose']} is no purpose of the network")
        if not all(part.isascii() and part.isalnum() for part in table["id"].split("-")):
            faults.append("id takes letters, digits and single hyphens")
    return faults


def _source(table: Mapping[str, Any]) -> Source:
    parse, suffix = FORMATS[table["format"]]
    origin = Origin(table["purpose"], table["basis"])
    return Source(table["id"], table["partner"], table["format"], parse, suffix, origin, table.get("keep_processed", False))
