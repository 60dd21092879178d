"""A database that has the consent table and nothing else."""

from collections.abc import Iterator
from importlib.resources import files

import psycopg
import pytest

from hub.settings import Settings


@pytest.fixture
def database_url(settings: Settings) -> str:
    url = settings.database_url.get_secret_value()
    with psycopg.connect(url) as connection:
        connection.execute((files("consent") / "store.sql").read_bytes())
    return url


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url) as opened:
        yield opened
