"""Reads a PostgreSQL database: what a source and a target have in common."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any

import adbc_driver_manager
import pyarrow as pa
import sqlalchemy as sa
from psycopg import sql

from connectors.datatypes import DataType
from connectors.engines import ABOVE, Checksum, Constraint
from connectors.engines.postgresql.casting import columns_as_arrow, exact_batch
from connectors.engines.postgresql.catalog import read_schema, read_sizes
from connectors.engines.postgresql.connection import driver, libpq, told, unopened
from connectors.engines.postgresql.families import family_rows, fan_out
from connectors.engines.postgresql.planner import explained, statistics
from connectors.engines.postgresql.units import compared, relation
from connectors.errors import ConnectorError, LostConnection
from connectors.invariants import Claim, Tally
from connectors.planner import PlanNode, Query, TableStatistics
from connectors.profile import TableSize
from connectors.schema import Check, ForeignKey, Schema, Table, TableName, Unique

_SAMPLED = 1000


class PostgresqlReader:
    """Answers questions about one database over one session."""

    def __init__(self, url: str, connection: sa.Connection) -> None:
        self.url = url
        self.connection = connection
        self.session = driver(connection)
        self.snapshot: str | None = None
        self._arrow: ArrowSession | None = None

    @property
    def identity(self) -> str:
        """See `Reader`; the server keeps its system identifier for life (pg_control_system)."""
        found = self.one(
            sql.SQL(
                "SELECT system_identifier::text || '/' || (SELECT oid FROM pg_catalog.pg_database"
                " WHERE datname = current_database())::text FROM pg_catalog.pg_control_system()"
            ),
            "reading the server's identity",
        )
        return hashlib.sha256(str(found[0]).encode()).hexdigest()

    def schema(self) -> Schema:
        """See `Reader`."""
        with told("reading the catalog"), self.session.transaction():
            return read_schema(self.connection)

    def sizes(self) -> Mapping[TableName, TableSize]:
        """See `Reader`."""
        with told("reading the planner's estimates"):
            return read_sizes(self.connection)

    def rows(self, table: Table) -> int:
        """See `Reader`."""
        query = sql.SQL("SELECT count(*) FROM {}").format(relation(table))
        return int(self.one(query, f"counting {table.name}")[0])

    def read(self, table: Table, most: int | None = None) -> Iterator[pa.RecordBatch]:
        """See `Reader`."""
        query = sql.SQL("SELECT {} FROM {} AS r0{}").format(
            sql.SQL(", ").join(columns_as_arrow(table)),
            relation(table),
            sql.SQL("") if most is None else self._cut(table, most),
        )
        return self.arrow(query, table) if table.written else iter(())

    def _cut(self, table: Table, most: int) -> sql.Composable:
        """Few rows as they come; many as a sample over the whole table, partitions alike."""
        share = 100.0 * most / max(1, self.rows(table)) if most >= _SAMPLED else 100.0
        if share >= 100:
            return sql.SQL(" LIMIT {}").format(sql.Literal(most))
        return sql.SQL(" TABLESAMPLE BERNOULLI ({}) REPEATABLE (0)").format(sql.Literal(share))

    def violations(self, table: Table, constraint: Constraint) -> int:
        """See `Reader`."""
        return int(self.one(_violating(table, constraint), f"checking {table.name}")[0])

    def tally(self, claim: Claim) -> Tally:
        """See `Reader`."""
        query = sql.SQL(
            "SELECT count(holds), count(*) FILTER (WHERE NOT holds) FROM ({}) AS claim"
        ).format(sql.SQL(claim.sql))
        with self.session.transaction():  # where it fails, a snapshot around it goes on
            spoken, broken = self.one(query, "counting a rule")
        return Tally(int(spoken), int(broken))

    def speaking(self, table: Table, key: ForeignKey) -> int:
        """See `Reader`."""
        query = sql.SQL("SELECT count(*) FROM {} AS c WHERE {}").format(
            relation(table), spoken_of(key, "c")
        )
        return int(self.one(query, f"checking {table.name}")[0])

    def unmatched(self, table: Table, column: str, pattern: str) -> int:
        """See `Reader`."""
        query = sql.SQL("SELECT count(*) FROM {} WHERE {}::text !~ {}").format(
            relation(table), sql.Identifier(column), sql.Literal(pattern)
        )
        return int(self.one(query, f"checking {table.name}")[0])

    def checksum(self, table: Table) -> Checksum:
        """See `Reader`; the digest is the sum of 64-bit hashes of each row's text."""
        query = sql.SQL(
            "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text"
            " FROM {} AS t"
        ).format(relation(table))
        rows, digest = self.one(query, f"summing {table.name}")
        return Checksum(int(rows), str(digest))

    def statistics(self, schema: Schema) -> Mapping[TableName, TableStatistics]:
        """See `Reader`."""
        return statistics(self.session, schema)

    def explained(self, query: Query) -> PlanNode | ConnectorError:
        """See `Reader`."""
        return explained(self.session, query)

    def counterpart(self, table: Table, column: str, value: str, rank: int | None) -> str | None:
        """See `Reader`."""
        query = sql.SQL(
            "WITH f AS (SELECT v, row_number() OVER (ORDER BY count(*) DESC, v) - 1 AS place"
            " FROM (SELECT {}::text AS v FROM {}) AS t WHERE v IS NOT NULL GROUP BY v)"
            " SELECT (SELECT v FROM f WHERE v = {} OR place = least({}, (SELECT max(place) FROM f))"
            " ORDER BY v = {} DESC LIMIT 1)"
        ).format(
            sql.Identifier(column),
            relation(table),
            sql.Literal(value),
            sql.SQL("(SELECT max(place) / 2 FROM f)") if rank is None else sql.Literal(rank),
            sql.Literal(value),
        )
        found = self.one(query, f"looking up values of {table.name}")[0]
        return None if found is None else str(found)

    def families(
        self, table: Table, key: ForeignKey, parent: Table, most: int
    ) -> Iterator[pa.RecordBatch]:
        """See `Reader`."""
        above = {f"{ABOVE}{c.name}": c.datatype for c in parent.written}
        columns = [*columns_as_arrow(table), *columns_as_arrow(parent, "r1", ABOVE)]
        share = min(1.0, most / max(1, self.rows(table)))
        return self.arrow(family_rows(table, key, parent, columns, share), table, above)

    def fan_out(self, table: Table, key: ForeignKey) -> Mapping[int, int]:
        """See `Reader`."""
        with told(f"counting rows of {table.name} by their parents"):
            found = self.session.execute(fan_out(table, key)).fetchall()
        return {int(str(children)): int(str(parents)) for children, parents in found}

    def one(self, query: sql.SQL | sql.Composed, what: str) -> tuple[Any, ...]:
        """The only row of a query."""
        with told(what):
            row = self.session.execute(query).fetchone()
        if row is None:
            raise LookupError(what)
        return tuple(row)

    def arrow(
        self,
        query: sql.SQL | sql.Composed,
        table: Table,
        more: Mapping[str, DataType] = MappingProxyType({}),
    ) -> Iterator[pa.RecordBatch]:
        """Streams a query of `columns_as_arrow`, and more columns after those, as exact Arrow.

        Those whose type is not told come as they are, whatever columns of the table share a name.
        """
        written = [c.datatype for c in table.written]
        with self.arrow_session.cursor() as cursor, told(f"reading {table.name}"):
            cursor.execute(query.as_string(self.session))
            for batch in cursor.fetch_record_batch():
                types = [*written, *map(more.get, batch.schema.names[len(written) :])]
                yield exact_batch(batch, types)

    @property
    def arrow_session(self) -> "ArrowSession":
        """The connection for reading Arrow."""
        if self._arrow is None:
            self._arrow = ArrowSession(self.url, self.snapshot)
        return self._arrow

    def close(self) -> None:
        """Closes the connection for reading Arrow; the other one belongs to the caller."""
        if self._arrow is not None:
            self._arrow.close()


class ArrowSession:
    """An ADBC connection of its own, opened when first needed, since opening one takes long.

    Within a snapshot one transaction lasts; without, each use ends its own.
    """

    def __init__(self, url: str, snapshot: str | None) -> None:
        self._url = libpq(url)
        self._snapshot = snapshot
        self._connection: Any = None

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """A cursor in a read-only transaction."""
        if self._connection is None:
            self._open()
        cursor = self._connection.cursor()
        try:
            if self._snapshot is None:
                self._begin(cursor)
            yield cursor
        finally:
            with suppress(adbc_driver_manager.Error):  # what was lost has nothing to roll back
                cursor.close()
                if self._snapshot is None:
                    self._connection.rollback()

    def close(self) -> None:
        """Closes the connection, where one was opened."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> None:
        # This brings pandas, which nothing else in a load needs.
        import adbc_driver_postgresql.dbapi as adbc  # noqa: PLC0415

        try:
            self._connection = adbc.connect(self._url.render_as_string(hide_password=False))
        except adbc_driver_manager.Error as error:
            raise unopened(str(error), self._url) from None
        if self._snapshot is not None:
            try:
                with self._connection.cursor() as cursor:
                    self._begin(cursor)
            except adbc_driver_manager.Error:
                self.close()
                raise LostConnection(
                    "the snapshot ended with the session that held it; run again"
                ) from None

    def _begin(self, cursor: Any) -> None:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if self._snapshot is not None:
            literal = sql.Literal(self._snapshot).as_string(None)
            cursor.execute(f"SET TRANSACTION SNAPSHOT {literal}")
            cursor.execute("SET LOCAL row_security = off")
        cursor.execute("SET LOCAL search_path = ''")


def _violating(table: Table, constraint: Constraint) -> sql.Composed:
    if isinstance(constraint, ForeignKey):
        return _orphans(table, constraint)
    return (
        _broken(table, constraint)
        if isinstance(constraint, Check)
        else _duplicates(table, constraint)
    )


def _names(columns: tuple[str, ...], alias: str) -> list[sql.Composable]:
    return [sql.Identifier(alias, c) for c in columns]


def _orphans(table: Table, key: ForeignKey) -> sql.Composed:
    return sql.SQL("SELECT count(*) FROM {} AS c WHERE {} AND {}").format(
        relation(table), spoken_of(key, "c"), leads_nowhere(key, "c")
    )


def spoken_of(key: ForeignKey, alias: str) -> sql.Composable:
    """Condition on a child's row: no column of the key is null, and it is of the key's type."""
    wanted = [sql.SQL("{} IS NOT NULL").format(c) for c in _names(key.columns, alias)]
    if key.only is not None:
        column, value = key.only
        wanted.append(
            sql.SQL("{}::text = {}").format(sql.Identifier(alias, column), sql.Literal(value))
        )
    return sql.SQL(" AND ").join(wanted)


def leads_nowhere(key: ForeignKey, alias: str) -> sql.Composable:
    """Condition on a child's row: the parent has no row with these values."""
    equal = [
        compared(sql.Identifier(alias, column), operator, sql.Identifier("p", parent))
        for column, operator, parent in key.comparisons
    ]
    return sql.SQL("NOT EXISTS (SELECT FROM {} AS p WHERE {})").format(
        sql.Identifier(key.parent.schema, key.parent.name), sql.SQL(" AND ").join(equal)
    )


def _duplicates(table: Table, unique: Unique) -> sql.Composed:
    parts: list[sql.Composable] = [
        *_names(unique.columns, "t"),
        *(sql.SQL(f"({e})") for e in unique.expressions),
    ]
    wanted: list[sql.Composable] = [
        sql.SQL("{} IS NOT NULL").format(p) for p in parts if unique.nulls_distinct
    ]
    if unique.predicate:
        wanted.append(sql.SQL(f"({unique.predicate})"))
    return sql.SQL(
        "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {} AS t WHERE {}"
        " GROUP BY {} HAVING count(*) > 1) AS d"
    ).format(
        relation(table),
        sql.SQL(" AND ").join(wanted or [sql.SQL("true")]),
        sql.SQL(", ").join(parts),
    )


def _broken(table: Table, check: Check) -> sql.Composed:
    """A domain's check speaks of VALUE, so its column is given that name."""
    if "VALUE" in check.sql and len(check.columns) == 1:
        rows: sql.Composable = sql.SQL("(SELECT {} AS value FROM {}) AS t").format(
            sql.Identifier(check.columns[0]), relation(table)
        )
    else:
        rows = sql.SQL("{} AS t").format(relation(table))
    return sql.SQL("SELECT count(*) FROM {} WHERE NOT ({})").format(rows, sql.SQL(check.sql))
