"""Invented clients of the Oulu network and what each partner would send about them, in its own format: the same seed gives the same bytes.

Test persons only: every identity code is of the 900-series, which is never given to anybody. Nothing here reads, writes or asks the time.
"""

from ops.simulate.consents import Answer, Item
from ops.simulate.people import Person, clients
from ops.simulate.scenario import Scenario, scenario
from ops.simulate.sendings import Expected, Fact, Sending

__all__ = ["Answer", "Expected", "Fact", "Item", "Person", "Scenario", "Sending", "clients", "scenario"]
