"""Fills an empty database with rows made elsewhere, in one transaction; serves the demo."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from connectors.engines.postgresql.connection import connected, driver, told
from connectors.schema import TableName

_BLOCK = 1 << 18


class Seed:
    """One open transaction that takes scripts and rows."""

    __slots__ = ("_connection",)

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._connection = connection

    def run(self, script: str) -> None:
        """Runs the statements of a script that ships with the product.

        Raises:
            RefusedRow: rows that are there already break a constraint of the script.
            RefusedStatement: anything else, such as a schema that exists already.
        """
        with told("run a script of the seed"):
            self._connection.execute(script.encode())

    def copy_csv(self, table: TableName, columns: Sequence[str], data: memoryview) -> None:
        """Appends rows given as CSV without a header: UTF-8, an empty unquoted field is NULL.

        The table must be one that this transaction created, since its rows are written frozen.

        Raises:
            RefusedRow: a row breaks a constraint or does not fit its column.
        """
        order = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, FREEZE true)").format(
            sql.Identifier(table.schema, table.name),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
        )
        cursor = self._connection.cursor()
        with told(f"copy seed rows into {table}"), cursor, cursor.copy(order) as copy:
            for start in range(0, len(data), _BLOCK):
                copy.write(data[start : start + _BLOCK])


@contextmanager
def seed(url: str) -> Iterator[Seed]:
    """Opens one transaction on a database; it commits at the end, or leaves nothing behind.

    Raises:
        UnreachableServer: nobody answers at the address.
        RefusedLogin: the server refuses user or password.
        MissingDatabase: the server has no such database.
    """
    with connected(url) as connection:
        session = driver(connection)
        with session.transaction():
            yield Seed(session)


def create_database(url: str, name: str) -> None:
    """Creates an empty database in UTF-8 on the server of a URL.

    Raises:
        RefusedStatement: the server has a database of that name already.
        MissingPrivilege: the role may not create databases.
    """
    order = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'"
    with connected(url) as connection, told("creating a database"):
        driver(connection).execute(sql.SQL(order).format(sql.Identifier(name)))
