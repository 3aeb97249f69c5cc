"""Asks a database what its rows are, or orders it to change them."""

from typing import Any

import psycopg
from psycopg import sql


def query(url: str, order: str | sql.Composed) -> list[tuple[Any, ...]]:
    """The rows that an order of SQL answers with; none where it answers with none."""
    text = order.encode() if isinstance(order, str) else order
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(text)
        return cursor.fetchall() if cursor.description else []
