"""The formats shown in the documentation are read by the very parsers that partners' files meet."""

import json
from datetime import date

import pytest

from hub.connectors.city import parse_city_csv
from hub.connectors.education import parse_koski
from tests.unit.docs.pages import ROOT, blocks

GUIDE = ROOT / "docs" / "guides" / "partners.md"
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    "number, type_, drafts, errors",
    [
        (0, "service_need", 1, []),
        (1, "skills_mapping", 2, []),
        (2, "integration_plan", 1, []),
        (3, "service_period", 1, ["duplicate_row"]),
    ],
)
def test_the_tables_are_read(number: int, type_: str, drafts: int, errors: list[str]) -> None:
    """Each kind of the city's files, and the one row that is said to be refused."""
    delivery = parse_city_csv(blocks(GUIDE, "csv")[number].encode(), source="city-csv", partner="oulu-city", today=TODAY)
    assert [draft.type for draft in delivery.drafts] == [type_] * drafts
    assert [fault.code for error in delivery.errors for fault in error.faults] == errors


def test_the_koski_document_is_read() -> None:
    """A study right, its state, its attainment."""
    (example,) = blocks(GUIDE, "json")
    json.loads(example)
    delivery = parse_koski(example.encode(), source="osao-koski", partner="osao", today=TODAY)
    assert delivery.errors == ()
    assert [draft.type for draft in delivery.drafts] == ["study_right", "state_period", "attainment"]
