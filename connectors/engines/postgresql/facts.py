"""Asks a PostgreSQL server what it offers: version, privileges, settings, room."""

import shutil
from pathlib import Path
from typing import Any

from psycopg import sql
from sqlalchemy.engine import URL

from connectors.engines.postgresql.connection import connected, libpq, told
from connectors.engines.postgresql.reader import PostgresqlReader
from connectors.schema import TableName
from connectors.server import ServerFacts, Setting

_ASKED = (
    "SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000,"
    " current_user::text, has_database_privilege(current_database(), 'CREATE'),"
    " pg_catalog.to_regclass('provisioner.plan') IS NOT NULL,"
    " pg_catalog.pg_database_size(current_database()),"
    " (SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)"
)
_TABLES = (
    "SELECT n.nspname, c.relname,"
    " has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),"
    " pg_has_role(c.relowner, 'USAGE')"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%'"
    " AND n.nspname NOT IN ('information_schema', 'provisioner')"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d"
    " WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1, 2"
)
_SETTINGS = (
    "SELECT name, current_setting(name), CASE"
    " WHEN unit = '8kB' THEN setting::float8 * 8192 WHEN unit = 'kB' THEN setting::float8 * 1024"
    " WHEN unit = 'MB' THEN setting::float8 * 1048576 WHEN unit = 'ms' THEN setting::float8 / 1000"
    " WHEN unit = 'min' THEN setting::float8 * 60 WHEN vartype = 'bool'"
    " THEN (setting = 'on')::int WHEN vartype IN ('integer', 'real') THEN setting::float8 END,"
    " context FROM pg_catalog.pg_settings"
    " WHERE name IN ('autovacuum', 'archive_mode', 'checkpoint_timeout',"
    " 'default_transaction_read_only', 'maintenance_work_mem', 'max_connections',"
    " 'max_locks_per_transaction', 'max_wal_size',"
    " 'shared_buffers', 'statement_timeout', 'synchronous_commit', 'synchronous_standby_names')"
    " ORDER BY name"
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
        version, major, role, may_create, holds_load, size, aside = reader.one(
            sql.SQL(_ASKED), "asking the server about itself"
        )
        tables, settings = _all(reader, _TABLES), _all(reader, _SETTINGS)
        (folder,) = reader.one(sql.SQL(_FOLDER), "asking the server for its folder")
    return ServerFacts(
        version=version,
        major=major,
        role=role,
        tables=len(tables),
        unreadable=tuple(TableName(s, t) for s, t, readable, _ in tables if not readable),
        may_create=may_create,
        holds_load=holds_load,
        settings={name: Setting(*found) for name, *found in settings},
        size=size,
        free=_free(folder) if folder and _is_here(libpq(url)) else None,
        foreign=sum(not ours for *_, ours in tables),
        may_create_databases=aside,
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
