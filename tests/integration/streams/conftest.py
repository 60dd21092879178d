from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.settings import Settings
from tests.integration.streams.site import Site


@pytest.fixture
def site(settings: Settings, environment: dict[str, str], kafka: dict[str, str]) -> Iterator[Site]:
    """A topic and a database that no other test sees."""
    opened = Site(settings, environment, kafka)
    yield opened
    opened.close()
