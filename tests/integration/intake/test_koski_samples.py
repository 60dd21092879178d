"""The 190 published sample documents of the national register Koski, dropped at OSAO's source with everybody's consent given before."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.figures import envelopes
from tests.processes import running
from tests.sites import Site
from tests.waiting import until

pytestmark = pytest.mark.slow

SAMPLES = Path(os.environ.get("SILTA_KOSKI_SAMPLES") or Path(__file__).parents[4] / "shared" / "koski")
SOURCE = "osao-koski"
SAMPLE = "ammatillinen-perustutkinto_2020-07-13.json"


@pytest.fixture(scope="module")
def samples() -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in sorted(SAMPLES.glob("*.json"))}
    if not found:
        pytest.skip(f"there are no sample documents in {SAMPLES}: set SILTA_KOSKI_SAMPLES")
    return found


def take_in(site: Site, documents: dict[str, bytes]) -> Counter[str]:
    """Drop the documents and let the connectors take them in. Returns the sums of their outcomes."""
    for name, content in documents.items():
        site.drop(SOURCE, name, content)
    with running(site.environment(), "connectors") as child:
        child.ready()
        until(lambda: not site.waiting_files(), 120, child.log, every=0.5)
        assert child.stop() == 0, child.log()
    total: Counter[str] = Counter()
    for name in documents:
        outcome = json.loads(site.outcome_of(SOURCE, name).read_text("utf-8"))
        total.update({key: outcome[key] for key in ("items", "admitted", "unchanged", "denied")})
        total.update(errors=len(outcome["errors"]), repeats=int(outcome["repeat"]))
        total.update({f"code {fault['code']}": 1 for fault in outcome["errors"]})
    return total


def persons(samples: dict[str, bytes]) -> set[str]:
    return {hetu for content in samples.values() if (hetu := json.loads(content)["henkilö"].get("hetu"))}


def changed(content: bytes) -> bytes:
    """One grade of the document, and no more, is another one."""
    document = json.loads(content)
    part = document["opiskeluoikeudet"][0]["suoritukset"][0]["osasuoritukset"][0]
    part["arviointi"][-1]["arvosana"]["koodiarvo"] = "5" if part["arviointi"][-1]["arvosana"]["koodiarvo"] != "5" else "4"
    return json.dumps(document).encode()


def test_all_samples(site: Site, samples: dict[str, bytes]):
    """All are taken in; sent again they publish nothing; of a changed one only the difference is published."""
    asked = persons(samples)
    for hetu in sorted(asked):
        site.allow(hetu)
    first = take_in(site, samples)
    published = len(envelopes(site))
    print(f"{len(samples)} documents of {len(asked)} persons: {dict(first)}; {published} events")
    again = take_in(site, samples)
    print(f"sent again: {dict(again)}; {len(envelopes(site)) - published} events")
    assert (len(samples), first["items"], first["admitted"], first["errors"]) == (190, 190, published, 4)
    assert (len(envelopes(site)), again["denied"], again["errors"]) == (published, first["denied"], 4)
    # Under a name of its own, so that what is admitted is what it says, whatever other samples say of its study right.
    before = take_in(site, {"own.json": samples[SAMPLE]})
    outcome = take_in(site, {"own.json": changed(samples[SAMPLE])})
    print(f"one more time under another name: {dict(before)}; with another grade: {dict(outcome)}")
    assert (outcome["admitted"], outcome["denied"]) == (1, 0)
    assert len(envelopes(site)) == published + before["admitted"] + 1
