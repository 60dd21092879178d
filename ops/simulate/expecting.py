"""What should become of a scenario, worked out from its facts, consents and the network's agreements: an oracle for whoever runs it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from consent.model import Network
from ops.simulate.consents import Answer, allows
from ops.simulate.sendings import Expected, Sending

__all__ = ["Expecting"]


@dataclass(slots=True)
class Expecting:
    """Follows the files in the order sent. A fact is let in when any agreement lets it through to anybody."""

    network: Network
    answers: Mapping[int, Answer]
    live: dict[tuple[str, int, str], tuple[str, str]] = field(default_factory=dict)
    """By sender, client and key: category and content of what was admitted."""
    _complete: dict[tuple[str, str], tuple[bytes, Expected]] = field(default_factory=dict)

    def take(self, sending: Sending) -> Expected:
        """The outcome of one file."""
        before = self._complete.get((sending.source, sending.name))
        if before is not None and before[0] == sending.body:
            first = before[1]
            return Expected(first.admitted, first.unchanged, first.denied, first.errors, repeat=True)
        counts = Counter(self._fact(sending, number) for number in range(len(sending.facts)))
        outcome = Expected(counts["admitted"], counts["unchanged"], counts["denied"], Counter(sending.errors))
        self._complete.pop((sending.source, sending.name), None)
        if not outcome.denied and not outcome.errors:
            self._complete[sending.source, sending.name] = (sending.body, outcome)
        return outcome

    def visible(self, client: int, recipient: str, purpose: str, answer: Answer | None) -> dict[tuple[str, str, str], int]:
        """How many of the client's live facts the recipient sees for the purpose under the answer, by (sender, category, basis)."""
        found: Counter[tuple[str, str, str]] = Counter()
        for (sender, number, _), (category, _) in self.live.items():
            basis = allows(self.network, answer, sender, category, recipient, purpose) if number == client else None
            if basis:
                found[sender, category, basis] += 1
        return dict(found)

    def _fact(self, sending: Sending, index: int) -> str:
        fact = sending.facts[index]
        key = (sending.partner, fact.client, fact.key)
        if fact.content is None:
            return "admitted" if self.live.pop(key, None) else "nothing"
        if not self._admissible(sending.partner, fact.category, self.answers.get(fact.client)):
            return "denied"
        if self.live.get(key) == (fact.category, fact.content):
            return "unchanged"
        self.live[key] = (fact.category, fact.content)
        return "admitted"

    def _admissible(self, sender: str, category: str, answer: Answer | None) -> bool:
        pairs: Iterable[tuple[str, str]] = self.network.pairs.get((sender, category), ())
        return any(allows(self.network, answer, sender, category, recipient, purpose) for recipient, purpose in pairs)
