"""Statements that set a column once all rows are there, and break nothing that is declared."""

from dataclasses import dataclass

from connectors.datatypes import DataType, Kind
from connectors.invariants import quoted, relation
from connectors.schema import Table

_OLD, _NEW = "provisioner_old", "provisioner_new"


@dataclass(frozen=True, slots=True)
class Values:
    """What a column is set to, in SQL.

    Attributes:
        value: the expression of a row's new value.
        source: what stands behind FROM, the table's rows among it.
        alias: that these have there.
        kept: the condition that a row gets the value.
    """

    value: str
    source: str
    alias: str
    kept: str = "true"


def updated(table: Table, column: str, values: Values) -> str | None:
    """A statement that sets a column of a table; None where it could break what is declared.

    A row whose new value its type, a check or its having to be filled forbids stays as it is.
    """
    identity = identity_of(table)
    if identity is None or not _is_free(table, column):
        return None
    own, checks = table.column(column), [c for c in table.checks if column in c.columns]
    plain = sorted({*identity}.union(*(c.columns for c in checks)) - {column})
    listed = [quoted(name) for name in plain]
    drawn = f"{values.alias}.{quoted(column)} AS {_OLD}, {values.value} AS {_NEW}"
    rows = ", ".join([*(f"{values.alias}.{name}" for name in listed), drawn])
    typed = ", ".join([*listed, f"{_NEW}::{own.datatype.sql} AS {quoted(column)}"])
    fits = [*_fits(own.datatype), *([] if own.nullable else [f"{_NEW} IS NOT NULL"])]
    kept = [f"({check.sql}) IS NOT FALSE" for check in checks] or ["true"]
    same = " AND ".join(f"t.{quoted(name)} = n.{quoted(name)}" for name in identity)
    # OFFSET 0 keeps the server from casting a value, or judging it, before it is known to fit.
    return (
        f"UPDATE {relation(table.name)} AS t SET {quoted(column)} = n.{quoted(column)} "  # noqa: S608 # all quoted
        f"FROM (SELECT * FROM (SELECT {typed} FROM (SELECT {rows} FROM {values.source} "
        f"WHERE {values.kept} OFFSET 0) AS s WHERE "
        f"{' AND '.join([*fits, f'{_NEW} IS DISTINCT FROM {_OLD}'])} OFFSET 0) AS s "
        f"WHERE {' AND '.join(kept)}) AS n WHERE {same};"
    )


def identity_of(table: Table) -> tuple[str, ...] | None:
    """The columns of a key that tells each row from all others; None where there is none."""
    for unique in sorted(table.uniques, key=lambda one: not one.primary):
        if unique.whole and not any(table.column(c).nullable for c in unique.columns):
            return unique.columns
    return None


def _is_free(table: Table, column: str) -> bool:
    """Whether nothing is declared that a value of a column may break, but for checks."""
    own = table.column(column)
    unique = any(column in u.columns or not u.whole for u in table.uniques)
    apart = bool(table.exclusions or table.partitions or table.computed_keys)
    led = any(column in key.columns for key in table.foreign_keys) or column in table.typed_columns
    unread = any(not check.columns for check in table.checks)
    typed = own.datatype.domain is not None or own.identity is not None
    return not (unique or apart or led or unread or typed or _is_computed_from(table, column))


def _is_computed_from(table: Table, column: str) -> bool:
    """Whether a generated column or an index may compute something from a column."""
    made = [c.generated for c in table.columns if c.generated is not None]
    made += [i.sql for i in table.indexes if i.sql.count("(") > 1 or " WHERE " in i.sql]
    return any(column in sql for sql in made)


def _fits(datatype: DataType) -> list[str]:
    """The condition that a new value lies within its type, where that has ends."""
    if datatype.kind is Kind.INTEGER:
        most = 2 ** ((datatype.bits or 64) - 1)
        return [f"({_NEW} IS NULL OR {_NEW} BETWEEN {-most} AND {most - 1})"]
    if datatype.kind is Kind.DECIMAL and datatype.precision is not None:
        places = datatype.scale or 0
        most = f"1e{datatype.precision - places}::numeric"
        return [f"({_NEW} IS NULL OR abs(round({_NEW}::numeric, {places})) < {most})"]
    return []
