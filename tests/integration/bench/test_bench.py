"""`silta bench` in small: its sides end in the same state, and its JSON says what it measured. No test depends on speed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_sides_end_alike_and_the_figures_are_whole(environment: dict[str, str]):
    """Intake and worker beside their rivals: figures of every side, ratios against every rival, one checksum a round."""
    command = [sys.executable, "-c", "from hub.cli import main; main()", "bench", "--events", "2000", "--rounds", "1", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["events"], found["rounds"]) == (2000, 1)
    assert {"cores", "python", "faust-streaming", "confluent-kafka"} <= found["machine"].keys()
    assert {"silta", "producer", "transactional"} == found["intake"]["sides"].keys()
    assert {"silta", "bare", "faust"} == found["worker"]["sides"].keys()
    for part, rivals in (("intake", {"producer", "transactional"}), ("worker", {"bare", "faust"})):
        sides = found[part]["sides"]
        assert rivals == found[part]["silta_against"].keys()
        assert len({checksum for side in sides.values() for checksum in side["checksums"]}) == 1
        assert all(side["events_per_second"]["median"] > 0 for side in sides.values())
        assert all(side["cpu_seconds"]["median"] > 0 for side in sides.values())
