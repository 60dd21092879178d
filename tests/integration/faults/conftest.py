from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import stack as servers
from tests.integration.faults.own import OwnStack


@pytest.fixture
def own(stack_home: Path, tmp_path: Path) -> Iterator[OwnStack]:
    """Servers of this test's own, which it may stop."""
    home = stack_home.parent / f"silta-faults-{os.getpid()}"
    home.mkdir(mode=0o700)
    opened = OwnStack(home, servers.up(home, print), tmp_path)
    yield opened
    opened.close()
    servers.down(home, erase=True)
    shutil.rmtree(home)
