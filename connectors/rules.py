"""Declared SQL expressions, computed over Arrow rows by DuckDB as PostgreSQL would."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlglot import exp

from connectors.computing import Trial, query
from connectors.datatypes import DataType, Kind
from connectors.dialect import equations
from connectors.dialect.aggregations import Aggregation, aggregation
from connectors.dialect.bounds import beyond, bound_of
from connectors.dialect.casts import duckdb_type, narrowed, written_name
from connectors.dialect.expressions import Scope, columns_read, parsed
from connectors.dialect.regexes import Untranslatable
from connectors.dialect.translation import writer

__all__ = [
    "Aggregation",
    "Expression",
    "Rule",
    "Scope",
    "Unevaluable",
    "aggregation",
    "agreeing",
    "compiled",
    "evaluate",
    "failing",
    "holding",
    "predicate",
    "solutions",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """A declared check or expression of a table.

    Attributes:
        sql: the expression as the catalog prints it.
        columns: the columns of the table that it reads.
    """

    name: str
    sql: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that can be computed over rows.

    Attributes:
        sql: DuckDB's SQL over the columns by their travelling names (`casts.written_name`).
        columns: the stored columns that it reads; rows must have them, in their Arrow types.
    """

    sql: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unevaluable:
    """An expression that only its own database can compute, and what in it is to blame."""

    why: str


def compiled(sql: str, scope: Scope) -> Expression | Unevaluable:
    """An expression of PostgreSQL's catalog made ready for rows of the scope's table.

    The clock stands still at the scope's day. Texts are compared byte by byte, so that an order
    of texts under a collation of the database is Unevaluable, and so is all that travels as the
    text of a literal, sub-selects, unknown functions, casts whose text would differ, and regular
    expressions that look around (PostgreSQL's manual, chapter 9).
    """
    try:
        tree = parsed(sql, scope)
    except Untranslatable as problem:
        return Unevaluable(f"{problem} cannot be computed outside the database")
    return _compiled(tree, scope)


def predicate(sql: str, scope: Scope) -> Expression | Unevaluable:
    """As `compiled`, of an expression that has to be true, false or null."""
    found = compiled(sql, scope)
    if isinstance(found, Unevaluable):
        return found
    kind = Trial(scope, found.columns).type_of(found.sql)
    if kind != "BOOLEAN":
        return Unevaluable(f"it is of type {kind}, and a condition is true or false")
    return found


def agreeing(condition: Expression, column: str) -> Expression:
    """The check that a condition is true in those rows alone where a column of booleans is."""
    sql = f'(coalesce({condition.sql}, FALSE) = "{written_name(column)}")'
    return Expression(sql, tuple(dict.fromkeys((*condition.columns, column))))


def _compiled(tree: exp.Expression, scope: Scope) -> Expression | Unevaluable:
    columns = columns_read(tree)
    try:
        trial = Trial(scope, columns)
        written = writer(scope, trial.type_of).sql(tree)
        written = _travelling(written, trial.type_of(written))
        trial.run(written)
    except Untranslatable as problem:
        return Unevaluable(f"{problem} cannot be computed outside the database")
    except duckdb.Error as problem:
        return Unevaluable(f"DuckDB says: {str(problem).partition(chr(10))[0]}")
    return Expression(written, columns)


def solutions(sql: str, scope: Scope) -> tuple[tuple[str, Expression], ...]:
    """Columns with what they must hold for a check to be kept, where it asks for an equality.

    What is computed may not fit the column, or break another check; none where it cannot be read.
    """
    try:
        tree = parsed(sql, scope)
    except Untranslatable:
        return ()
    found = [(column, _compiled(side, scope)) for column, side in equations.solved(tree)]
    return tuple(
        (column, _as_stored(side, scope.columns[column]))
        for column, side in found
        if isinstance(side, Expression)
    )


def _as_stored(side: Expression, datatype: DataType) -> Expression:
    """What a column holds once a value is put into it; NULL where that does not fit."""
    kept = "VARCHAR" if datatype.kind is Kind.ENUM else duckdb_type(datatype)
    return Expression(f"TRY_CAST({side.sql} AS {kept})", side.columns)


def evaluate(expressions: Sequence[Expression], rows: pa.Table | pa.RecordBatch) -> list[pa.Array]:
    """The value of each expression for each row, in DuckDB's Arrow types.

    A row on which an expression fails to be computed (a division by zero, a cast of a wrong
    text), and which PostgreSQL therefore refuses, has NULL.
    """
    table = _selected([e.sql for e in expressions], "{}", expressions, rows)
    return [column.combine_chunks() for column in table.columns]


def failing(
    expressions: Sequence[Expression], rows: pa.Table | pa.RecordBatch
) -> npt.NDArray[np.bool_]:
    """Whether each row (first axis) breaks each check (second axis).

    A check that is NULL is kept, as SQL says; one that fails to be computed is broken.
    """
    broken = np.zeros((rows.num_rows, len(expressions)), dtype=np.bool_)
    left: list[tuple[int, Expression]] = []
    for position, expression in enumerate(expressions):
        found = _beyond(expression, rows)
        if found is None:
            left.append((position, expression))
        else:
            broken[:, position] = found
    sqls = [f"NOT coalesce({e.sql}, TRUE)" for _, e in left]
    table = _selected(sqls, "coalesce({}, TRUE)", [e for _, e in left], rows)
    for (position, _), column in zip(left, table.columns, strict=True):
        broken[:, position] = column.to_numpy()
    return broken


def _beyond(
    expression: Expression, rows: pa.Table | pa.RecordBatch
) -> npt.NDArray[np.bool_] | None:
    """Which rows break a check that is a bound of one column; None of any other check."""
    bound = bound_of(expression.sql)
    if bound is None or [written_name(name) for name in expression.columns] != [bound.column]:
        return None
    return beyond(bound, rows.column(expression.columns[0]))


def holding(condition: Expression, rows: pa.Table | pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Whether a condition is true in each row, neither false nor null."""
    [found] = evaluate([condition], rows)
    return np.asarray(found.fill_null(False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _travelling(sql: str, found: str) -> str:
    """A uuid as the bytes in which it travels."""
    return f"unhex(replace(CAST({sql} AS VARCHAR), '-', ''))" if found == "UUID" else sql


def _selected(
    sqls: Sequence[str],
    caught: str,
    expressions: Sequence[Expression],
    rows: pa.Table | pa.RecordBatch,
) -> pa.Table:
    """One column per expression; `caught` wraps its TRY where the plain query fails."""
    if not expressions:
        return pa.table({})
    source = _source(expressions, rows)
    try:
        return query(sqls, source)
    except duckdb.Error:
        return _caught([caught.format(f"TRY({sql})") for sql in sqls], caught, source)


def _caught(sqls: Sequence[str], caught: str, source: pa.Table) -> pa.Table:
    """The same by halves, down to single rows, where TRY lets an error through.

    DuckDB's TRY does so around a conjunction one of whose sides overflows.
    """
    try:
        return query(sqls, source)
    except duckdb.Error:
        if source.num_rows < 2:
            return query([caught.format("NULL")] * len(sqls), source)
        middle = source.num_rows // 2
        halves = (source.slice(0, middle), source.slice(middle))
        found = [_caught(sqls, caught, half) for half in halves]
        return pa.concat_tables(found, promote_options="permissive")


def _source(expressions: Sequence[Expression], rows: pa.Table | pa.RecordBatch) -> pa.Table:
    names = tuple(dict.fromkeys(name for e in expressions for name in e.columns))
    columns = [narrowed(rows.column(name)) for name in names]
    number = pa.nulls(rows.num_rows, pa.bool_())
    return pa.table([*columns, number], [*(written_name(n) for n in names), "x:"])
