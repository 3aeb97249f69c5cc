"""Opens a PostgreSQL database, and turns what its drivers raise into our own errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import adbc_driver_manager
import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from connectors import errors

SESSION = "SET search_path = ''; SET timezone = 'UTC'; SET datestyle = 'ISO, MDY';"
"""Makes what a session reads and prints independent of the role's own settings."""


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """A connection in autocommit mode, with the settings of `SESSION`, closed at the end."""
    parsed = libpq(url)
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: _connect(parsed),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
    )
    connection = engine.connect()
    session = driver(connection)
    try:
        yield connection
    finally:
        # SQLAlchemy would roll back first, and hide an error behind that of a lost session.
        session.close()
        connection.invalidate()
        connection.close()


def libpq(url: str) -> URL:
    """The URL as libpq reads it."""
    try:
        return make_url(url).set(drivername="postgresql")
    except (ArgumentError, ValueError) as error:
        raise errors.UnreachableServer(
            "the database URL cannot be read; expected postgresql://user@host:port/database"
        ) from error


def driver(connection: sa.Connection) -> psycopg.Connection[tuple[object, ...]]:
    """The psycopg connection below an SQLAlchemy one."""
    below = connection.connection.driver_connection
    if not isinstance(below, psycopg.Connection):
        raise TypeError("expected a psycopg connection")
    return below


def _connect(url: URL) -> psycopg.Connection[tuple[object, ...]]:
    try:
        connection = psycopg.connect(
            url.render_as_string(hide_password=False),
            autocommit=True,
            application_name="provisioner",
            connect_timeout=20,
        )
        connection.execute(SESSION)
    except psycopg.Error as error:
        raise unopened(str(error), url) from None
    return connection


def unopened(message: str, url: URL) -> errors.ConnectorError:
    """The error for a connection that was not made, told from libpq's message."""
    place = f"{url.username or 'default user'} at {url.host or url.query.get('host', 'localhost')}"
    if "password" in message or "authentication" in message or "role" in message:
        return errors.RefusedLogin(
            f"the server refused {place}; check the user and the password "
            "(PGPASSWORD, ~/.pgpass or the URL)"
        )
    if "does not exist" in message and "database" in message:
        return errors.MissingDatabase(
            f"found no database {url.database!r} for {place}; create it or correct the URL"
        )
    return errors.UnreachableServer(
        f"no PostgreSQL server answers for {place}, port {url.port or 5432}; "
        "check host, port and network, and that the server runs"
    )


_CANCELLED = "canceling statement due to user request"


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turns any driver's error into ours; `what` says what was being done, without values.

    Raises:
        KeyboardInterrupt: ADBC has cancelled the statement, which is how it answers Ctrl-C.
    """
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise refused(error.orig, what) from None
        raise errors.RefusedStatement(f"{what}: {type(error).__name__}") from None
    except psycopg.Error as error:
        raise refused(error, what) from None
    except adbc_driver_manager.Error as error:
        if _CANCELLED in str(error):  # Python has not heard of the signal
            raise KeyboardInterrupt from None
        raise _by_state(error.sqlstate or "08000", what, "") from None


def refused(error: psycopg.Error, what: str) -> errors.ConnectorError:
    """Our error for one of psycopg's; server messages that may quote a value are left out."""
    spot = [
        f"{label} {value!r}"
        for label, value in (
            ("constraint", error.diag.constraint_name),
            ("table", error.diag.table_name),
            ("column", error.diag.column_name),
        )
        if value
    ]
    state = error.sqlstate or ("08006" if isinstance(error, psycopg.OperationalError) else "XX000")
    # A refused value is quoted by the server, and by what a function of the user raises.
    said = "" if state[:2] in {"22", "23", "P0"} else (error.diag.message_primary or "")
    return _by_state(state, what, " ".join([*spot, said]).strip())


_ERRORS: dict[str, tuple[type[errors.ConnectorError], str]] = {
    "22": (errors.RefusedRow, "the server refused a value"),
    "23": (errors.RefusedRow, "the server refused a row"),
    "25006": (errors.MissingPrivilege, "the session is read-only"),
    "42501": (errors.MissingPrivilege, "the role lacks a privilege; grant it or use another role"),
    "53100": (errors.FullDisk, "the server's disk is full; free space and run again to resume"),
    "53": (errors.FullDisk, "the server is out of resources; free some and run again to resume"),
    "40P01": (errors.Deadlock, "sessions waited for each other's locks; run again to resume"),
    "55P03": (errors.CutShort, "a lock was not granted in time; try when it is quieter"),
    "57014": (errors.CutShort, "the statement ran into a timeout or was cancelled"),
    "57": (errors.LostConnection, "the server ended the session; run again to resume"),
    "08": (errors.LostConnection, "the connection broke; run again to resume"),
}


def _by_state(state: str, what: str, detail: str) -> errors.ConnectorError:
    """Our error for an SQLSTATE (PostgreSQL manual, appendix A), its class where unknown."""
    kind, advice = (
        _ERRORS.get(state)
        or _ERRORS.get(state[:2])
        or (
            errors.RefusedStatement,
            "the server refused the statement",
        )
    )
    return kind(f"{what}: {advice} (SQLSTATE {state}{'; ' + detail if detail else ''})")
