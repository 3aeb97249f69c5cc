"""Puts tables that no database holds into an empty one, so that it can be read like any other."""

from collections.abc import Iterable, Iterator, Sequence

import psycopg
from psycopg import sql

from connectors.batch import Batch
from connectors.engines.postgresql.connection import connected, driver, told
from connectors.engines.postgresql.sending import send
from connectors.schema import Column, ForeignKey, Table, Unique

Session = psycopg.Connection[tuple[object, ...]]


def stage(url: str, tables: Sequence[Table], batches: Iterable[Batch]) -> None:
    """Creates tables with their columns alone and fills them, in one transaction.

    Raises:
        RefusedStatement: a name or a type is none that the server takes.
        RefusedRow: a value does not fit its column.
    """
    by_name = {table.name: table for table in tables}
    with connected(url) as connection:
        session = driver(connection)
        with told("staging tables"), session.transaction():
            for table in tables:
                with told(f"creating {table.name}"):
                    session.execute(_created(table))
            for batch in batches:
                with told(f"loading {batch.table}"):
                    send(session, by_name[batch.table], batch.rows)


def constrain(url: str, tables: Sequence[Table]) -> None:
    """Declares the keys of staged tables, in one transaction, and collects statistics.

    Unique keys come before the foreign keys that lead to them. The server chooses their names.

    Raises:
        RefusedRow: the rows break a key.
        RefusedStatement: a key is none that the server takes.
    """
    with connected(url) as connection:
        session = driver(connection)
        with told("declaring keys"), session.transaction():
            for table, declared in _declarations(tables):
                with told(f"declaring a key of {table.name}"):
                    session.execute(
                        sql.SQL("ALTER TABLE {} ADD {}").format(_relation(table), declared)
                    )
        with told("collecting statistics"):
            session.execute("ANALYZE")


def _created(table: Table) -> sql.Composed:
    columns = sql.SQL(", ").join(_column(column) for column in table.columns)
    return sql.SQL("CREATE TABLE {} ({})").format(_relation(table), columns)


def _column(column: Column) -> sql.Composed:
    null = sql.SQL("" if column.nullable else " NOT NULL")
    return sql.SQL("{} {}{}").format(
        sql.Identifier(column.name), sql.SQL(column.datatype.sql), null
    )


def _relation(table: Table) -> sql.Identifier:
    return sql.Identifier(table.name.schema, table.name.name)


def _declarations(tables: Sequence[Table]) -> Iterator[tuple[Table, sql.Composed]]:
    for table in tables:
        yield from ((table, _unique(unique)) for unique in table.uniques)
    for table in tables:
        yield from ((table, _foreign_key(key)) for key in table.foreign_keys)


def _unique(unique: Unique) -> sql.Composed:
    kind = sql.SQL("PRIMARY KEY" if unique.primary else "UNIQUE")
    return sql.SQL("{} ({})").format(kind, _listed(unique.columns))


def _foreign_key(key: ForeignKey) -> sql.Composed:
    parent = sql.Identifier(key.parent.schema, key.parent.name)
    return sql.SQL("FOREIGN KEY ({}) REFERENCES {} ({})").format(
        _listed(key.columns), parent, _listed(key.parent_columns)
    )


def _listed(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
