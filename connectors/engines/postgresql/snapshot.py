"""Reads a production database in one read-only snapshot that several sessions share."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from psycopg import sql

from connectors.ddl import DdlItem
from connectors.engines.postgresql.arrays import array
from connectors.engines.postgresql.casting import columns_as_arrow
from connectors.engines.postgresql.connection import connected, told
from connectors.engines.postgresql.ddl import read_ddl
from connectors.engines.postgresql.planner import counted_statements
from connectors.engines.postgresql.reader import PostgresqlReader, leads_nowhere, spoken_of
from connectors.engines.postgresql.units import compared, held_out, rows_with_units, training
from connectors.profile import (
    ColumnProfile,
    ForeignKeyProfile,
    Profile,
    Split,
    TableProfile,
)
from connectors.schema import ForeignKey, Schema, Table, TableName

_LIMITS = (
    "SET statement_timeout = '30min'",
    "SET lock_timeout = '10s'",
    "SET idle_in_transaction_session_timeout = 0",
    "SET default_transaction_read_only = on",
)


@contextmanager
def snapshot(url: str) -> Iterator["PostgresqlSource"]:
    """A source; each transaction of its session is read-only by the server's own enforcement."""
    with connected(url) as connection:
        source = PostgresqlSource(url, connection)
        with told("opening a read-only snapshot"):
            for statement in _LIMITS:
                source.session.execute(statement)
            source.session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            source.session.execute("SET LOCAL row_security = off")
            row = source.session.execute("SELECT pg_catalog.pg_export_snapshot()").fetchone()
        source.snapshot = str(row[0]) if row else None
        with closing(source):
            yield source


class PostgresqlSource(PostgresqlReader):
    """See `connectors.engines.Source`; it has no method that writes."""

    def __init__(self, url: str, connection: sa.Connection) -> None:
        super().__init__(url, connection)
        self._schema: Schema | None = None

    def schema(self) -> Schema:
        """See `Reader`; read once, since a snapshot does not change."""
        if self._schema is None:
            self._schema = super().schema()
        return self._schema

    def unreadable(self, schema: Schema) -> Mapping[TableName, str]:
        """See `Source`."""
        found = ((table.name, self._obstacle(table)) for table in schema.tables)
        return {name: why for name, why in found if why}

    def counted_statements(self, most: int) -> tuple[str, ...]:
        """See `Source`."""
        return counted_statements(self.session, most)

    def _obstacle(self, table: Table) -> str:
        """Why the role cannot read all rows of a table; empty where it can."""
        query = sql.SQL(
            "SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),"
            " row_security_active(c.oid)"
            " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = {} AND c.relname = {}"
        ).format(sql.Literal(table.name.schema), sql.Literal(table.name.name))
        granted, hidden = self.one(query, f"asking for privileges on {table.name}")
        if not granted:
            return "no SELECT is granted"
        return "row security hides rows of it" if hidden else ""

    def ddl(self, without: frozenset[TableName] = frozenset()) -> tuple[DdlItem, ...]:
        """See `Source`."""
        return read_ddl(self.url, self.session.info.server_version, self.snapshot, without)

    def profile(self, schema: Schema, split: Split, distinct: bool = False) -> Profile:
        """See `Source`."""
        return Profile(
            {t.name: self._table_profile(schema, t, split, distinct) for t in schema.tables},
            {
                (f.table, f.name): self._fan_out(schema, f, split)
                for f in dict.fromkeys((*schema.foreign_keys, *schema.undeclared))
            },
        )

    def training(self, table: Table, split: Split) -> Iterator[pa.RecordBatch]:
        """See `Source`."""
        return self._rows_of(table, split, training(table, split))

    def held_out(self, table: Table, split: Split) -> Iterator[pa.RecordBatch]:
        """See `Source`."""
        return self._rows_of(table, split, held_out(table, split))

    def _rows_of(
        self, table: Table, split: Split, units: sql.Composable
    ) -> Iterator[pa.RecordBatch]:
        query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
            sql.SQL(", ").join([*columns_as_arrow(table), sql.SQL("u.unit AS unit")]),
            rows_with_units(self.schema(), table, split),
            units,
        )
        return self.arrow(query, table)

    def matching(
        self, table: Table, split: Split, columns: Sequence[str], keys: pa.Table
    ) -> Iterator[pa.RecordBatch]:
        """See `Source`."""
        names = [sql.Identifier("k", f"c{place}") for place in range(len(columns))]
        pairs = zip(columns, names, strict=True)
        query = sql.SQL("SELECT {} FROM {}, unnest({}) AS k({}) WHERE {} AND {}").format(
            sql.SQL(", ").join([*columns_as_arrow(table), sql.SQL("u.unit AS unit")]),
            rows_with_units(self.schema(), table, split),
            sql.SQL(", ").join(
                array(table.column(name).datatype, keys.column(place))
                for place, name in enumerate(columns)
            ),
            sql.SQL(", ").join(sql.Identifier(f"c{place}") for place in range(len(columns))),
            sql.SQL(" AND ").join(compared(sql.Identifier("r0", c), "=", n) for c, n in pairs),
            training(table, split),
        )
        return self.arrow(query, table)

    def _table_profile(
        self, schema: Schema, table: Table, split: Split, distinct: bool
    ) -> TableProfile:
        names = [c.name for c in table.written]
        parts: list[sql.Composable] = [
            sql.SQL("count({})").format(sql.Identifier("r0", n)) for n in names
        ]
        if distinct:
            parts += [_distinct(c.name) for c in table.written]
        query = sql.SQL("SELECT (SELECT count(*) FROM {}), count(*){} FROM {} WHERE {}").format(
            rows_with_units(schema, table, split),
            sql.SQL("").join(sql.SQL(", {}").format(p) for p in parts),
            rows_with_units(schema, table, split),
            training(table, split),
        )
        return _as_profile(names, self.one(query, f"measuring {table.name}"))

    def _fan_out(self, schema: Schema, key: ForeignKey, split: Split) -> ForeignKeyProfile:
        child, parent = schema.table(key.table), schema.table(key.parent)
        columns = [sql.Identifier("r0", c) for c in key.columns]
        query = sql.SQL(
            "SELECT (SELECT count(*) FROM {} WHERE {}), count(*), coalesce(sum(n), 0),"
            " coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM {} WHERE {} AND {}"
            " GROUP BY {}) AS g"
        ).format(
            rows_with_units(schema, parent, split),
            training(parent, split),
            rows_with_units(schema, child, split),
            training(child, split),
            spoken_of(key, "r0"),
            sql.SQL(", ").join(columns),
        )
        found = self.one(query, f"measuring {key.table}")
        lost = (0, 0, 0) if key.declared else self._dangling(schema, key, split)
        return ForeignKeyProfile(*(int(v) for v in (*found, *lost)))

    def _dangling(self, schema: Schema, key: ForeignKey, split: Split) -> tuple[Any, ...]:
        """Children that lead nowhere, the units of those, and the units of all others."""
        child = schema.table(key.table)
        query = sql.SQL(
            "SELECT count(*) FILTER (WHERE l.lost), count(DISTINCT u.unit) FILTER (WHERE l.lost),"
            " count(DISTINCT u.unit) FILTER (WHERE NOT l.lost)"
            " FROM {}, LATERAL (SELECT {} AS lost) AS l WHERE {} AND {}"
        ).format(
            rows_with_units(schema, child, split),
            leads_nowhere(key, "r0"),
            training(child, split),
            spoken_of(key, "r0"),
        )
        return self.one(query, f"measuring {key.table}")


def _distinct(name: str) -> sql.Composable:
    """Distinct values by their text, since not every type can be compared."""
    return sql.SQL("count(DISTINCT {}::text)").format(sql.Identifier("r0", name))


def _as_profile(names: list[str], found: tuple[Any, ...]) -> TableProfile:
    rows, training_rows, *rest = (int(v) for v in found)
    present, distinct = rest[: len(names)], rest[len(names) :]
    columns = {
        name: ColumnProfile(
            1 - present[i] / training_rows if training_rows else 0.0,
            distinct[i] if distinct else None,
        )
        for i, name in enumerate(names)
    }
    return TableProfile(rows, training_rows, columns)
