"""Asks a PostgreSQL server what it offers: version, privileges, settings, room."""

import shutil
from pathlib import Path
from typing import Any

from psycopg import sql
from sqlalchemy.engine import URL

from connectors.engines.postgresql.connection import connected, libpq, told
from connectors.engines.postgresql.reader import PostgresqlReader
from connectors.schema import TableName
from connectors.server import ServerFacts

_ASKED = (
    "SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000,"
    " current_user::text, has_database_privilege(current_database(), 'CREATE'),"
    " pg_catalog.to_regclass('provisioner.plan') IS NOT NULL,"
    " pg_catalog.pg_database_size(current_database())"
)
_TABLES = (
    "SELECT n.nspname, c.relname,"
    " has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%'"
    " AND n.nspname NOT IN ('information_schema', 'provisioner')"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d"
    " WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1, 2"
)
_SETTINGS = (
    "SELECT name, current_setting(name), pg_catalog.pg_size_bytes(current_setting(name))"
    " FROM pg_catalog.pg_settings"
    " WHERE name IN ('shared_buffers', 'max_wal_size', 'maintenance_work_mem') ORDER BY name"
)
# Only roles with pg_read_all_settings may see where the data is.
_FOLDER = (
    "SELECT CASE WHEN pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE')"
    " THEN current_setting('data_directory') END"
)
_HERE = frozenset({"", "localhost", "127.0.0.1", "::1"})


def server_facts(url: str) -> ServerFacts:
    """What the server and the database of a URL offer to its role.

    Raises:
        UnreachableServer, RefusedLogin, MissingDatabase: as for opening a source.
    """
    with connected(url) as connection:
        reader = PostgresqlReader(url, connection)
        version, major, role, may_create, holds_load, size = reader.one(
            sql.SQL(_ASKED), "asking the server about itself"
        )
        tables, settings = _all(reader, _TABLES), _all(reader, _SETTINGS)
        (folder,) = reader.one(sql.SQL(_FOLDER), "asking the server for its folder")
    return ServerFacts(
        version=version,
        major=major,
        role=role,
        tables=len(tables),
        unreadable=tuple(TableName(s, t) for s, t, readable in tables if not readable),
        may_create=may_create,
        holds_load=holds_load,
        settings={name: text for name, text, _ in settings},
        settings_in_bytes={name: number for name, _, number in settings},
        size=size,
        free=_free(folder) if folder and _is_here(libpq(url)) else None,
    )


def _all(reader: PostgresqlReader, query: str) -> list[tuple[Any, ...]]:
    with told("asking the server about itself"):
        return [tuple(row) for row in reader.session.execute(query.encode()).fetchall()]


def _is_here(url: URL) -> bool:
    """Whether the address is this machine's; a folder there means nothing elsewhere."""
    host = str(url.host or url.query.get("host", ""))
    return host in _HERE or host.startswith("/")


def _free(folder: str) -> int | None:
    """Room on the disk of a folder; None where it is out of sight, in a container say."""
    try:
        return shutil.disk_usage(Path(folder)).free
    except OSError:
        return None
