import json
import re
import signal
import subprocess
import sysconfig
from pathlib import Path

import psutil
import pytest

from hub.timeline.digest import digest
from ops.simulate import clients
from tests.waiting import until

SILTA = str(Path(sysconfig.get_path("scripts"), "silta"))
HETU = re.compile(r"(?<!\d)\d{6}[-+A-FU-Y]9\d\d[0-9A-FHJ-NPR-Y](?![0-9A-Za-z])")


@pytest.mark.slow
def test_the_demo_on_given_servers_is_as_expected_and_names_nobody(environment, settings):
    done = subprocess.run(
        [SILTA, "demo", "--clients", "12", "--json"], env=environment, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)

    assert told["topic_prefix"] == settings.topic_prefix
    assert told["answers"] == {"give": 9, "refuse": 1, "request": 1, "never asked": 1}
    assert told["waves"] == {
        "1": {"admitted": 160, "unchanged": 0, "denied": 15},
        "2": {"admitted": 25, "unchanged": 13, "denied": 5},
        "3": {"admitted": 0, "unchanged": 15, "denied": 12},
    }
    assert told["repeats"] == 3
    assert told["events"] == 185
    assert told["views"] == {
        "oulu-city": {"purpose": "integration_services", "before": 19, "after": 0},
        "te-pohjois-pohjanmaa": {"purpose": "employment_services", "before": 29, "after": 3},
        "osao": {"purpose": "study_guidance", "before": 8, "after": 0},
    }
    assert {partner: len(errors) for partner, errors in told["errors"].items()} == {"oulu-city": 6, "osao": 6}
    (home,) = settings.home.glob("demo-on-*")
    assert told["digest"] == digest(settings.model_copy(update={"home": home}))

    said = done.stdout + done.stderr + "".join(path.read_text() for path in (home / "log").iterdir())
    assert not HETU.search(said)
    assert not [person.number for person in clients(12) if person.family_name in said or person.learner_number in said]
    assert not [path for path in (home / "drop").rglob("*") if path.is_file()]

    again = subprocess.run(
        [SILTA, "demo", "--clients", "1", "--json"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (again.returncode, again.stdout) == (2, "")
    assert "holds a hub already" in again.stderr


@pytest.mark.slow
def test_a_demo_that_is_ended_leaves_no_process_behind(environment, settings):
    started = subprocess.Popen(
        [SILTA, "demo", "--clients", "3", "--json"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        noted = until(lambda: _noted(settings.home), 60)
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 128 + signal.SIGTERM
    finally:
        started.kill()
        started.wait()
    assert not [pid for pid in noted if psutil.pid_exists(pid)]
    assert not list(settings.home.glob("demo-on-*/processes.json"))


def _noted(home: Path) -> list[int]:
    """Pids of all four processes, once they are started."""
    for path in home.glob("demo-on-*/processes.json"):
        pids = [one["pid"] for one in json.loads(path.read_text())["processes"]]
        return pids if len(pids) == 4 else []
    return []
