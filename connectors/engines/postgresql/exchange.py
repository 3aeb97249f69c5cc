"""Builds a database beside another one, and puts it in that one's place."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

from connectors.engines.postgresql.connection import connected, driver, libpq, told
from connectors.errors import BusyTarget, MissingDatabase, MissingPrivilege, NotEmptyTarget

Session = psycopg.Connection[tuple[object, ...]]

_NEXT, _BEFORE = "_next", "_before"
_LONGEST = 63 - len(_BEFORE)
_MAINTENANCE = "postgres"
_ATTEMPTS = 20
_PAUSE = 0.1
_MAY = (
    "SELECT r.rolsuper OR r.rolcreatedb,"
    " pg_catalog.pg_has_role(d.datdba, 'USAGE')"
    " FROM pg_catalog.pg_roles r, pg_catalog.pg_database d"
    " WHERE r.rolname = current_user AND d.datname = %s"
)
_THERE = "SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %s)"
_OTHERS = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = %s"
_CREATE = "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {} OWNER {}"
_LIKE = (
    "SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype,"
    " pg_catalog.pg_get_userbyid(datdba)"
    " FROM pg_catalog.pg_database WHERE datname = %s"
)


def beside(url: str) -> str:
    """URL of a database beside one, created with its owner and locale if it is not there yet.

    Raises:
        MissingDatabase: there is no database to replace.
        MissingPrivilege: the role may not create a database, or not rename that one.
        NotEmptyTarget: what an earlier exchange put aside is still there.
    """
    name = _name(url)
    with _maintenance(url) as session:
        _check(session, name)
        if not _one(session, _THERE, name + _NEXT)[0]:
            like = [sql.Literal(text) for text in _one(session, _LIKE, name)]
            with told("creating the next database"):
                session.execute(sql.SQL(_CREATE).format(sql.Identifier(name + _NEXT), *like))
    return _at(url, name + _NEXT)


def exchange(url: str) -> str:
    """Puts the database beside one in its place; the name of the one before, which stays.

    Both renamings are one transaction, so that the name leads to one of the two at any time.

    Raises:
        BusyTarget: sessions are connected to either database, which PostgreSQL does not rename.
    """
    name = _name(url)
    with _maintenance(url) as session:
        _check(session, name)
        for one in (name, name + _NEXT):
            _check_idle(session, one)
        with told("exchanging the databases"), session.transaction():
            for old, new in ((name, name + _BEFORE), (name + _NEXT, name)):
                rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
                session.execute(rename.format(sql.Identifier(old), sql.Identifier(new)))
    return name + _BEFORE


def _check(session: Session, name: str) -> None:
    with told("asking for the role's privileges"):
        found = session.execute(_MAY, (name,)).fetchone()
    if found is None:
        raise MissingDatabase(f"found no database {name!r} to replace; leave out --swap")
    creates, owns = found
    if not (creates and owns):
        raise MissingPrivilege(
            f"the role may not replace {name!r}: expected its owner, with the right to create "
            "databases (ALTER ROLE ... CREATEDB); use such a role, or leave out --swap"
        )
    if _one(session, _THERE, name + _BEFORE)[0]:
        raise NotEmptyTarget(
            f"the database {name + _BEFORE!r} is still there from an earlier exchange; drop it"
        )


def _check_idle(session: Session, name: str) -> None:
    """Makes sure that nobody is connected to a database; our own sessions may take a moment."""
    for _ in range(_ATTEMPTS):
        count = _one(session, _OTHERS, name)[0]
        if count == 0:
            return
        time.sleep(_PAUSE)
    raise BusyTarget(
        f"{count} sessions are connected to {name!r}, which cannot be renamed before they end; "
        "then run the same command again: the next database is complete"
    )


def _one(session: Session, query: str, name: str) -> tuple[object, ...]:
    with told("asking the server for its databases"):
        found = session.execute(query.encode(), (name,)).fetchone()
    return found or (None,)


@contextmanager
def _maintenance(url: str) -> Iterator[Session]:
    """A session in the database that every cluster has for such work."""
    with connected(_at(url, _MAINTENANCE)) as connection:
        yield driver(connection)


def _name(url: str) -> str:
    parsed: URL = libpq(url)
    name = parsed.database or parsed.username or ""
    if not name or len(name.encode()) > _LONGEST:
        raise MissingDatabase(f"--swap needs a name of 1 to {_LONGEST} bytes in the URL")
    return name


def _at(url: str, name: str) -> str:
    return libpq(url).set(database=name).render_as_string(hide_password=False)
