"""A real PostgreSQL for the tests, and empty databases on it."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from connectors.embedded import embedded_server

pytest_plugins = ["laboratory", "learning"]

settings.register_profile("any speed", deadline=None)
settings.load_profile("any speed")


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The URL of a server that may be written to: the environment's, or one of our own."""
    given = os.environ.get("PROVISIONER_TEST_POSTGRESQL_URL")
    if given:
        yield given
        return
    with embedded_server() as server:
        yield server.url()


@pytest.fixture
def new_database(server_url: str) -> Iterator[Callable[[], str]]:
    """Makes fresh, empty databases and answers their URLs; they are dropped after the test."""
    with _databases(server_url) as create:
        yield create


@pytest.fixture(scope="module")
def lasting_database(server_url: str) -> Iterator[Callable[[], str]]:
    """As `new_database`, for databases that all tests of a module share."""
    with _databases(server_url) as create:
        yield create


@contextmanager
def _databases(server_url: str) -> Iterator[Callable[[], str]]:
    names: list[str] = []

    def create() -> str:
        names.append(f"test_{os.getpid()}_{secrets.token_hex(4)}")
        order = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'"
        _order(server_url, order, names[-1])
        return urlsplit(server_url)._replace(path=f"/{quote(names[-1])}").geturl()

    try:
        yield create
    finally:
        for name in names:
            _order(server_url, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


@pytest.fixture
def database(new_database: Callable[[], str]) -> str:
    """The URL of a fresh, empty database, dropped after the test."""
    return new_database()


def _order(url: str, order: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(order).format(sql.Identifier(name)))
