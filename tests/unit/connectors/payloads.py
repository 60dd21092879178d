"""A payload through its Avro schema and back."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import fastavro

from hub.drafts import Draft

SCHEMAS = Path(__file__).parents[3] / "schemas"


@cache
def schema(type_: str) -> Any:
    return fastavro.parse_schema(json.loads((SCHEMAS / f"{type_}.v1.avsc").read_text("utf-8")))


def round_trip(draft: Draft) -> dict[str, Any]:
    """Write with every key required to be a field, and read back."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema(draft.type), dict(draft.payload), strict_allow_default=True)
    buffer.seek(0)
    return fastavro.schemaless_reader(buffer, schema(draft.type), None)  # type: ignore[return-value]
