"""SQL over the rows that share a parent: all of them beside it, and how many there are."""

from psycopg import sql

from connectors.engines.postgresql.units import compared, relation
from connectors.schema import ForeignKey, Table

_PARTS = 1_000_000


def family_rows(
    table: Table, key: ForeignKey, parent: Table, columns: list[sql.Composable], share: float
) -> sql.Composed:
    """The rows of a share of all families, told by a hash of the key, each beside its parent's.

    Args:
        table: the children's; its rows are `r0`.
        key: that they are siblings by.
        parent: the parents'; their rows are `r1`.
        columns: what to select of both.
        share: of the families to read.
    """
    equal = [
        compared(sql.Identifier("r0", column), operator, sql.Identifier("r1", above))
        for column, operator, above in key.comparisons
    ]
    texts = (sql.SQL("{}::text").format(sql.Identifier("r0", c)) for c in key.columns)
    chosen = sql.SQL("pg_catalog.hashtextextended({}, 0) % {} BETWEEN {} AND {}").format(
        sql.SQL(" || chr(31) || ").join(texts),
        sql.Literal(_PARTS),
        sql.Literal(-round(share * _PARTS)),
        sql.Literal(round(share * _PARTS)),
    )
    return sql.SQL("SELECT {} FROM {} AS r0 LEFT JOIN {} AS r1 ON {} WHERE {} AND {}").format(
        sql.SQL(", ").join(columns),
        relation(table),
        relation(parent),
        sql.SQL(" AND ").join(equal),
        spoken(key),
        chosen,
    )


def fan_out(table: Table, key: ForeignKey) -> sql.Composed:
    """How many parents have so many children, by that number; those without are left out."""
    return sql.SQL(
        "SELECT n, count(*) FROM (SELECT count(*) AS n FROM {} AS r0 WHERE {} GROUP BY {}) AS g"
        " GROUP BY n"
    ).format(
        relation(table),
        spoken(key),
        sql.SQL(", ").join(sql.Identifier("r0", c) for c in key.columns),
    )


def spoken(key: ForeignKey) -> sql.Composable:
    """Condition on `r0`: no column of the key is null."""
    columns = (sql.SQL("{} IS NOT NULL").format(sql.Identifier("r0", c)) for c in key.columns)
    return sql.SQL(" AND ").join(columns)
