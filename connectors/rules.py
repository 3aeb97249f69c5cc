"""Declared SQL expressions, computed over Arrow rows by DuckDB as PostgreSQL would."""

import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlglot import exp

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.dialect import mentions
from connectors.dialect.casts import duckdb_type, narrowed, travelling_type, written_name
from connectors.dialect.expressions import Scope, columns_read, parsed
from connectors.dialect.regexes import Untranslatable
from connectors.dialect.translation import writer

__all__ = [
    "UNLIMITED",
    "Expression",
    "Limits",
    "Literal",
    "Rule",
    "Scope",
    "Unevaluable",
    "compiled",
    "evaluate",
    "failing",
    "lengths",
    "limits",
    "literals",
    "patterns",
]

Literal = bool | int | float | Decimal | str | bytes | date | time | datetime
_MICROSECOND = timedelta(microseconds=1)
_STEPS = {
    Kind.DATE: timedelta(days=1),
    Kind.TIMESTAMP: _MICROSECOND,
    Kind.TIMESTAMPTZ: _MICROSECOND,
}


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


@dataclass(frozen=True, slots=True)
class Limits:
    """What checks leave of a column's values; None where they set no limit.

    Attributes:
        least: the lowest value allowed.
        most: the highest value allowed.
        values: the only values allowed.
        shortest: the fewest characters of a text.
        longest: the most characters of a text.
    """

    least: Any = None
    most: Any = None
    values: tuple[Literal, ...] | None = None
    shortest: int | None = None
    longest: int | None = None

    def within(self, other: "Limits") -> "Limits":
        """What both leave."""
        values = other.values if self.values is None else self.values
        if self.values is not None and other.values is not None:
            values = tuple(v for v in self.values if v in other.values)
        return Limits(
            _extreme(max, self.least, other.least),
            _extreme(min, self.most, other.most),
            values,
            _extreme(max, self.shortest, other.shortest),
            _extreme(min, self.longest, other.longest),
        )


UNLIMITED = Limits()
"""What is left where no check speaks of a column."""


def compiled(sql: str, scope: Scope) -> Expression | Unevaluable:
    """An expression of PostgreSQL's catalog made ready for rows of the scope's table.

    The clock stands still at the scope's day. Texts are compared byte by byte, so that an order
    of texts under a collation of the database is Unevaluable, and so is all that travels as the
    text of a literal, sub-selects, unknown functions, casts whose text would differ, and regular
    expressions that look around (PostgreSQL's manual, chapter 9).
    """
    try:
        tree = parsed(sql, scope)
        columns = columns_read(tree)
        trial = _Trial(scope, columns)
        written = writer(scope, trial.type_of).sql(tree)
        written = _travelling(written, trial.type_of(written))
        trial.run(written)
    except Untranslatable as problem:
        return Unevaluable(f"{problem} cannot be computed outside the database")
    except duckdb.Error as problem:
        return Unevaluable(f"DuckDB says: {str(problem).partition(chr(10))[0]}")
    return Expression(written, columns)


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
    sqls = [f"NOT coalesce({e.sql}, TRUE)" for e in expressions]
    table = _selected(sqls, "coalesce({}, TRUE)", expressions, rows)
    for position, column in enumerate(table.columns):
        broken[:, position] = column.to_numpy()
    return broken


def literals(sql: str, scope: Scope) -> Mapping[str, tuple[Literal, ...]]:
    """For each column the constants that it is compared with, in the column's own type.

    A number, a date or a timestamp brings its two neighbours along, so that some value lies on
    either side of every bound. Empty where the expression cannot be read.
    """
    found: defaultdict[str, dict[Literal, None]] = defaultdict(dict)
    for mention in _readable(sql, scope, mentions.constants):
        datatype = scope.columns[mention.column]
        for value in _values(mention.constant, datatype, scope):
            found[mention.column][value] = None
    return {column: tuple(values) for column, values in found.items()}


def patterns(sql: str, scope: Scope) -> Mapping[str, tuple[str, ...]]:
    """For each column the regular expressions it is said to match, for Python's `re.search`.

    Patterns joined by OR are listed like those joined by AND; denied ones are left out.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for column, pattern in _readable(sql, scope, mentions.patterns):
        found[column].append(pattern)
    return {column: tuple(dict.fromkeys(texts)) for column, texts in found.items()}


def lengths(sql: str, scope: Scope) -> Mapping[str, tuple[int | None, int | None]]:
    """For each column the least and the most characters that the expression leaves it."""
    found: dict[str, tuple[int | None, int | None]] = {}
    for column, least, most in _readable(sql, scope, mentions.lengths):
        before = found.get(column, (None, None))
        found[column] = (_extreme(max, before[0], least), _extreme(min, before[1], most))
    return {column: both for column, both in found.items() if both != (None, None)}


def limits(sql: str, scope: Scope) -> Mapping[str, Limits]:
    """What an expression leaves of each column's values, in the column's own type.

    Only what every row must keep counts, so that an OR limits nothing, but for `x IS NULL OR`.
    A strict bound brings the neighbour inside it.
    """
    found: defaultdict[str, Limits] = defaultdict(Limits)
    for node in _readable(sql, scope, mentions.demands):
        for column, limit in _limits(node, scope):
            found[column] = found[column].within(limit)
    return dict(found)


class _Trial:
    """One row of nulls with a table's columns, on which expressions are bound and tried."""

    def __init__(self, scope: Scope, columns: Sequence[str]) -> None:
        nulls = [narrowed(pa.nulls(1, arrow_type(scope.columns[name]))) for name in columns]
        names = [written_name(name) for name in columns]
        self._row = pa.table([*nulls, pa.nulls(1, pa.bool_())], [*names, "x:"])
        typed = (
            f'CAST(NULL AS {travelling_type(scope.columns[c])}) AS "{written_name(c)}"'
            for c in columns
        )
        self._source = f"(SELECT {', '.join(typed) or 'NULL AS nothing'})"
        self._types: dict[str, str] = {}

    def type_of(self, sql: str) -> str:
        """DuckDB's name for the type of an expression."""
        if sql not in self._types:
            found = _connection().sql(_select(sql, self._source))
            self._types[sql] = str(found.types[0])
        return self._types[sql]

    def run(self, sql: str) -> pa.Scalar:
        """The value of an expression on the row of nulls."""
        return _query([sql], self._row).column(0)[0]


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
        return _query(sqls, source)
    except duckdb.Error:
        return _caught([caught.format(f"TRY({sql})") for sql in sqls], caught, source)


def _caught(sqls: Sequence[str], caught: str, source: pa.Table) -> pa.Table:
    """The same by halves, down to single rows, where TRY lets an error through.

    DuckDB's TRY does so around a conjunction one of whose sides overflows.
    """
    try:
        return _query(sqls, source)
    except duckdb.Error:
        if source.num_rows < 2:
            return _query([caught.format("NULL")] * len(sqls), source)
        middle = source.num_rows // 2
        halves = (source.slice(0, middle), source.slice(middle))
        found = [_caught(sqls, caught, half) for half in halves]
        return pa.concat_tables(found, promote_options="permissive")


def _source(expressions: Sequence[Expression], rows: pa.Table | pa.RecordBatch) -> pa.Table:
    names = tuple(dict.fromkeys(name for e in expressions for name in e.columns))
    columns = [narrowed(rows.column(name)) for name in names]
    number = pa.nulls(rows.num_rows, pa.bool_())
    return pa.table([*columns, number], [*(written_name(n) for n in names), "x:"])


def _query(sqls: Sequence[str], source: pa.Table) -> pa.Table:
    connection = _connection()
    connection.register("source", source)
    selected = ", ".join(f"{sql} AS e{number}" for number, sql in enumerate(sqls))
    try:
        return connection.sql(_select(selected, "source")).to_arrow_table()
    finally:
        connection.unregister("source")


def _select(expressions: str, source: str) -> str:
    return f"SELECT {expressions} FROM {source}"  # noqa: S608 - declared SQL, written anew by us


_OPEN = threading.local()


def _connection() -> duckdb.DuckDBPyConnection:
    """The thread's own DuckDB, without threads, files or downloads; a fork opens its own."""
    if getattr(_OPEN, "process", None) != os.getpid():
        _OPEN.connection, _OPEN.process = _opened(), os.getpid()
    found: duckdb.DuckDBPyConnection = _OPEN.connection
    return found


def _opened() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "enable_external_access": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _readable(sql: str, scope: Scope, reading: Any) -> Iterator[Any]:
    try:
        tree = parsed(sql, scope)
    except Untranslatable:
        return iter(())
    found: Iterator[Any] = reading(tree)
    return found


def _limits(node: exp.Expression, scope: Scope) -> Iterator[tuple[str, Limits]]:
    for mention in mentions.ends(node):
        value = _value(mention.constant, scope.columns[mention.column], scope)
        step = _fine_step(scope.columns[mention.column])
        if value is not None and step is not None:
            if mention.strict:
                value = value + step if mention.from_below else value - step
            limit = Limits(least=value) if mention.from_below else Limits(most=value)
            yield mention.column, limit
    if (equal := mentions.equals(node)) is not None:
        column, items = equal
        values = [_value(item, scope.columns[column], scope) for item in items]
        yield column, Limits(values=tuple(v for v in values if v is not None))
    for column, shortest, longest in mentions.lengths(node):
        yield column, Limits(shortest=shortest, longest=longest)


def _values(constant: exp.Expression, datatype: DataType, scope: Scope) -> Iterator[Literal]:
    """A constant as a value of a column, and its neighbours; nothing where it has no such value."""
    value = _value(constant, datatype, scope)
    if value is not None:
        yield from _with_neighbours(value, datatype)


def _value(constant: exp.Expression, datatype: DataType, scope: Scope) -> Any:
    """A constant as a value of a column; None where it has no such value."""
    if datatype.kind in {Kind.INTERVAL, Kind.ARRAY, Kind.JSON}:
        return None
    try:
        trial = _Trial(scope, ())
        written = writer(scope, trial.type_of).sql(constant)
        return trial.run(f"CAST({written} AS {_literal_type(datatype)})").as_py()
    except (Untranslatable, duckdb.Error, OverflowError, ValueError):
        return None


def _literal_type(datatype: DataType) -> str:
    return "VARCHAR" if datatype.kind is Kind.ENUM else duckdb_type(datatype)


def _with_neighbours(value: Any, datatype: DataType) -> Iterator[Literal]:
    if datatype.kind is Kind.UUID:
        yield value.bytes if hasattr(value, "bytes") else bytes.fromhex(value.replace("-", ""))
        return
    yield value
    step = _step(datatype)
    if step is not None:
        for neighbour in (value - step, value + step):
            if _fits(neighbour, datatype):
                yield neighbour


def _step(datatype: DataType) -> Any:
    if datatype.kind is Kind.DECIMAL:
        return Decimal(1).scaleb(-(datatype.scale or 0))
    if datatype.kind in {Kind.INTEGER, Kind.FLOAT}:
        return 1
    return _STEPS.get(datatype.kind)


def _fine_step(datatype: DataType) -> Any:
    """How far inside a strict bound a value lies; a thousandth where a type knows no step."""
    if datatype.kind is Kind.FLOAT:
        return 0.001
    if datatype.kind is Kind.DECIMAL and datatype.precision is None:
        return Decimal("0.001")
    return _step(datatype)


def _fits(value: Any, datatype: DataType) -> bool:
    if datatype.kind is Kind.INTEGER:
        limit = 1 << ((datatype.bits or 64) - 1)
        return bool(-limit <= value < limit)
    if datatype.kind is Kind.DECIMAL and datatype.precision is not None:
        return bool(abs(value) < Decimal(10) ** (datatype.precision - (datatype.scale or 0)))
    return True


def _extreme(choose: Any, one: Any, other: Any) -> Any:
    known = [number for number in (one, other) if number is not None]
    return choose(known) if known else None
