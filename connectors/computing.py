"""DuckDB as a calculator of each thread's own: SQL over Arrow rows, and the types it gives."""

import os
import threading
from collections.abc import Sequence

import duckdb
import pyarrow as pa

from connectors.datatypes import arrow_type
from connectors.dialect.casts import narrowed, travelling_type, written_name
from connectors.dialect.expressions import Scope


class Trial:
    """One row of nulls with a table's columns, on which expressions are bound and tried."""

    def __init__(self, scope: Scope, columns: Sequence[str]) -> None:
        nulls = [narrowed(pa.nulls(1, arrow_type(scope.columns[name]))) for name in columns]
        names = [written_name(name) for name in columns]
        self._row = pa.table([*nulls, pa.nulls(1, pa.bool_())], [*names, "x:"])
        typed = (
            f'CAST(NULL AS {travelling_type(scope.columns[c])}) AS "{written_name(c)}"'
            for c in columns
        )
        self._source = f"(SELECT {', '.join(typed) or 'NULL AS nothing'})"
        self._types: dict[str, str] = {}

    def type_of(self, sql: str) -> str:
        """DuckDB's name for the type of an expression."""
        if sql not in self._types:
            found = _connection().sql(_select(sql, self._source))
            self._types[sql] = str(found.types[0])
        return self._types[sql]

    def run(self, sql: str) -> pa.Scalar:
        """The value of an expression on the row of nulls."""
        return query([sql], self._row).column(0)[0]


def query(sqls: Sequence[str], source: pa.Table) -> pa.Table:
    """One column per expression over the rows of `source`.

    Raises:
        duckdb.Error: one of them cannot be bound, or not be computed on a row.
    """
    connection = _connection()
    connection.register("source", source)
    selected = ", ".join(f"{sql} AS e{number}" for number, sql in enumerate(sqls))
    try:
        return connection.sql(_select(selected, "source")).to_arrow_table()
    finally:
        connection.unregister("source")


def _select(expressions: str, source: str) -> str:
    return f"SELECT {expressions} FROM {source}"  # noqa: S608 - declared SQL, written anew by us


_OPEN = threading.local()


def _connection() -> duckdb.DuckDBPyConnection:
    """The thread's own DuckDB, without threads, files or downloads; a fork opens its own."""
    if getattr(_OPEN, "process", None) != os.getpid():
        _OPEN.connection, _OPEN.process = _opened(), os.getpid()
    found: duckdb.DuckDBPyConnection = _OPEN.connection
    return found


def _opened() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "enable_external_access": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "temp_directory": "",  # or rows that do not fit would lie in the current folder
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection
