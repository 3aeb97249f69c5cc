"""Sends rows into a table by COPY, in the faster of the forms that its columns have."""

from collections.abc import Iterator

import psycopg
import pyarrow as pa
from psycopg import sql

from connectors.engines.postgresql.copy import (
    BINARY_HEADER,
    BINARY_TRAILER,
    binary_copy,
    has_binary_form,
    text_copy,
)
from connectors.prefetch import ahead
from connectors.schema import Table

_AHEAD = 8


def send(
    session: psycopg.Connection[tuple[object, ...]], table: Table, rows: pa.RecordBatch
) -> None:
    """Appends rows to a table; they are encoded while the server takes those before them.

    Raises:
        WrongArrowType: a column of `rows` cannot become the exact Arrow type of its column.
    """
    binary = bool(table.written) and all(has_binary_form(c.datatype) for c in table.written)
    blocks = _binary(rows, table) if binary else text_copy(rows, table.written)
    names = sql.SQL(", ").join(sql.Identifier(c.name) for c in table.written)
    statement = sql.SQL("COPY {} {} FROM STDIN (FORMAT {})").format(
        sql.Identifier(table.name.schema, table.name.name),
        sql.SQL("({})").format(names) if table.written else sql.SQL(""),
        sql.SQL("binary" if binary else "text"),
    )
    with session.cursor() as cursor, cursor.copy(statement) as copy:
        for block in ahead(iter(blocks), _AHEAD):
            copy.write(block)


def _binary(rows: pa.RecordBatch, table: Table) -> Iterator[bytes]:
    yield BINARY_HEADER
    yield from binary_copy(rows, table.written)
    yield BINARY_TRAILER
