"""What the bench's city states."""

from __future__ import annotations

from collections import Counter

from hub import codec
from ops.bench.population import deliveries
from ops.simulate import clients


def test_ten_facts_a_client_and_none_twice():
    """Seven areas of a skills mapping, a service need, a plan, a service period; every fact of a round and of two rounds is another."""
    people = clients(100)
    drafts = [draft for round_ in ("0", "1") for delivery in deliveries(people, 1000, round_) for draft in delivery.drafts]
    assert Counter(draft.category for draft in drafts) == {"skills": 1400, "service_need": 200, "plan": 200, "service": 200}
    assert len({(draft.subject, draft.fact) for draft in drafts}) == 2000
    assert {20} == set(Counter(draft.subject for draft in drafts).values())


def test_payloads_fit_their_schemas():
    """The bench's own facts are never what intake refuses."""
    for delivery in deliveries(clients(50), 500, "0"):
        for draft in delivery.drafts:
            codec.encode(codec.schema(f"{draft.type}.v1"), draft.payload)
