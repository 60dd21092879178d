"""The register's own public test documents, where a folder of them is at hand. They are not part of this project."""

import json
import os
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from hub.connectors.education import parse_koski
from tests.unit.connectors.payloads import round_trip

SAMPLES = Path(os.environ.get("SILTA_KOSKI_SAMPLES") or Path(__file__).parents[4] / "shared" / "koski")
FILES = sorted(SAMPLES.glob("*.json")) if SAMPLES.is_dir() else []
TODAY = date(2026, 11, 22)

pytestmark = pytest.mark.skipif(not FILES, reason="no folder of Koski documents: name one in SILTA_KOSKI_SAMPLES")


def strings(value: object) -> set[str]:
    if isinstance(value, dict):
        return {text for member in value.values() for text in strings(member)}
    return {value} if isinstance(value, str) else set()


def test_every_document_is_accepted_or_refused_with_a_pointer():
    outcomes: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    for path in FILES:
        body = path.read_bytes()
        delivery = parse_koski(body, source="samples", partner="samples", today=TODAY)
        assert delivery == parse_koski(body, source="samples", partner="samples", today=TODAY)
        assert delivery.parents or delivery.errors, path.name
        outcomes["refused" if delivery.errors else "accepted"] += 1
        facts.update(f"{draft.type} ({draft.category})" for draft in delivery.drafts)
        outcomes.update(f"{fault.pointer}: {fault.code}" for error in delivery.errors for fault in error.faults)
        for draft in delivery.drafts:
            assert round_trip(draft) == draft.payload
        document = json.loads(body)
        person = strings(document["henkilö"]) - {""}
        shown = repr(delivery) + repr([draft.payload for draft in delivery.drafts])
        assert not [text for text in person if f"'{text}'" in shown or (text[:1].isdigit() and text in shown)], path.name
    print(dict(outcomes), dict(facts))
    assert outcomes["accepted"] > 0
