"""A server to measure on, and fresh databases in it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from connectors.embedded import embedded_server

SERVER = "PROVISIONER_TEST_POSTGRESQL_URL"


@contextmanager
def server() -> Iterator[str]:
    """URL of the server named in the environment, else of an embedded one."""
    if SERVER in os.environ:
        yield os.environ[SERVER]
        return
    with embedded_server() as embedded:
        yield embedded.url()


@contextmanager
def database(url: str) -> Iterator[str]:
    """URL of a new empty database on a server, dropped at the end."""
    name = f"bench_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(drop)
