"""Which columns a query wants to equal constants, and the query with other constants."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sqlglot import exp, parse_one

from connectors.dialect.expressions import PlainCalls
from connectors.planner import Query
from connectors.schema import Schema, Table, TableName


@dataclass(frozen=True, slots=True)
class Equality:
    """A column that shall equal a constant.

    Attributes:
        value: the constant's text; a value of production, perhaps.
    """

    table: TableName
    column: str
    value: str


def equalities(query: Query, schema: Schema) -> tuple[Equality, ...]:
    """The equalities of a query in the order of its text, of columns whose table is certain."""
    return tuple(equality for equality, _ in _found(_tree(query), schema))


def with_values(query: Query, schema: Schema, values: Sequence[str | None]) -> Query:
    """The query with other constants in its equalities; None leaves one as it is."""
    tree = _tree(query)
    for (_, literal), value in zip(_found(tree, schema), values, strict=True):
        if value is not None:
            literal.set("this", value)
    return replace(query, sql=str(tree.sql(dialect=PlainCalls, comments=False)))


def _tree(query: Query) -> exp.Expression:
    """`read_queries` has read the text before."""
    return cast("exp.Expression", parse_one(query.sql, read=PlainCalls))


def _found(tree: exp.Expression, schema: Schema) -> list[tuple[Equality, exp.Literal]]:
    found = []
    for node in tree.find_all(exp.EQ, exp.In, bfs=False):
        for column, literal in _sides(cast("exp.Expression", node)):
            table = _table(column, schema)
            if table is not None:
                found.append((Equality(table.name, column.name, literal.name), literal))
    return found


def _sides(node: exp.Expression) -> Iterator[tuple[exp.Column, exp.Literal]]:
    """Columns with the constants beside them; a cast of a constant is looked into."""
    others = node.expressions if isinstance(node, exp.In) else [node.expression]
    for one, other in ((node.this, o) for o in others):
        for column, constant in ((one, other), (other, one)):
            plain = constant.this if isinstance(constant, exp.Cast) else constant
            if isinstance(column, exp.Column) and isinstance(plain, exp.Literal):
                yield column, plain


def _table(column: exp.Column, schema: Schema) -> Table | None:
    """The table of a column, from the innermost SELECT whose FROM has it; None for no table."""
    select = column.find_ancestor(exp.Select)
    while select is not None:
        here = [_named(source, schema) for source in _sources(select)]
        known = [
            table
            for source, table in zip(_sources(select), here, strict=True)
            if table is not None
            and (not column.table or source.alias_or_name == column.table)
            and any(c.name == column.name for c in table.columns)
        ]
        if known:
            return known[0] if len(known) == 1 else None
        select = select.parent_select
    return None


def _sources(select: exp.Select) -> list[exp.Table]:
    """The tables that stand in a SELECT's own FROM and joins."""
    return [t for t in select.find_all(exp.Table) if t.parent_select is select]


def _named(source: exp.Table, schema: Schema) -> Table | None:
    """The table that a name stands for; the first by its schema, where that is not written."""
    found = [
        t for t in schema.tables if t.name.name == source.name and source.db in {"", t.name.schema}
    ]
    return min(found, key=lambda t: (t.name.schema != "public", t.name), default=None)
