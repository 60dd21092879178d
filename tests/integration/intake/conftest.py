from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.stack import Endpoints
from tests.sites import Site, opened_site


@pytest.fixture
def site(stack: Endpoints, tmp_path: Path) -> Iterator[Site]:
    """A hub with a database, topics and keys that no other test sees."""
    with opened_site(stack, tmp_path) as opened:
        yield opened
