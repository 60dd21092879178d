"""The run that nobody disturbs, and hubs of the tests' own under the same keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.vault import create_keyring
from ops.stack import Endpoints
from tests.crash import deliveries
from tests.crash.table import Undisturbed, finish
from tests.figures import HEADER, envelopes, figures
from tests.sites import Site, opened_site


@pytest.fixture(scope="session")
def undisturbed(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The run that nobody disturbs, and the keys that all runs share."""
    folder = tmp_path_factory.mktemp("undisturbed")
    keys = folder / "keys.json"
    create_keyring(keys)
    with opened_site(stack, folder, keys=keys) as site:
        deliveries.ask(site)
        deliveries.drop(site)
        finish(site)
        found = figures(site)
        assert len(envelopes(site)) == found.events
    print(f"{HEADER}\n{found.row()}  undisturbed")
    return Undisturbed(keys, found)


@pytest.fixture
def site(stack: Endpoints, tmp_path: Path, undisturbed: Undisturbed) -> Iterator[Site]:
    """Files dropped, consents given, nothing taken in."""
    with opened_site(stack, tmp_path, keys=undisturbed.keys) as opened:
        deliveries.ask(opened)
        deliveries.drop(opened)
        yield opened
