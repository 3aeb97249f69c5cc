"""Values of one column as an array literal of its type."""

import uuid
from typing import Any

import pyarrow as pa
from psycopg import sql

from connectors.datatypes import DataType, Kind


def array(datatype: DataType, values: pa.ChunkedArray) -> sql.Composable:
    """SQL of an array of the column's plain type; `values` holds no null.

    Each value is the text of its literal, so that the server alone reads it (PostgreSQL's manual,
    8.15.2 and 4.2.9).
    """
    texts = [_text(value, datatype) for value in values.to_pylist()]
    return sql.SQL("{}::pg_catalog.text[]::{}[]").format(
        sql.Literal(texts), sql.SQL(datatype.plain)
    )


def _text(value: Any, datatype: DataType) -> str:
    if datatype.kind is Kind.UUID:
        return str(uuid.UUID(bytes=value))
    if datatype.kind is Kind.BYTES:
        return f"\\x{value.hex()}"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
