"""How a side of the worker bench tells that it has its first records in hand: from then on it is measured."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass

__all__ = ["Begun"]


@dataclass(slots=True)
class Begun:
    """Writes one line of JSON on standard output, the first time that it is told: the monotonic clock, and the CPU time used so far."""

    noted: bool = False

    def note(self) -> None:
        if not self.noted:
            self.noted = True
            sys.stdout.write(json.dumps({"clock": time.monotonic(), "cpu": time.process_time()}) + "\n")
            sys.stdout.flush()
