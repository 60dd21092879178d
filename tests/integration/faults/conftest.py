from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import stack as servers
from tests.integration.faults.own import OwnStack


@pytest.fixture
def own(stack_home: Path, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OwnStack]:
    """Servers of this test's own, which it may stop."""
    home = Path(f"{stack_home}-faults-{abs(hash(request.node.nodeid)) % 10**6}")
    home.mkdir(mode=0o700)
    opened = OwnStack(home, servers.up(home, print), tmp_path)
    yield opened
    opened.close()
    servers.down(home, erase=True)
    shutil.rmtree(home)
