"""Equalities that checks demand set columns to what keeps the check."""

import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind
from connectors.limits import orders
from connectors.rules import Expression as Known
from connectors.rules import Scope, compiled, evaluate, failing, solutions
from connectors.schema import Column, Table, TableName

WHOLE = DataType(Kind.INTEGER, "integer", bits=32)
SMALL = DataType(Kind.INTEGER, "smallint", bits=16)
TEXT = DataType(Kind.TEXT, "text")
TYPES = {"a": WHOLE, "b": WHOLE, "c": WHOLE, "small": SMALL, "x": TEXT, "y": TEXT}
SCOPE = Scope(Table(TableName("s", "t"), tuple(Column(n, t) for n, t in TYPES.items())))
ROWS = {
    "a": pa.array([1, 2, 300], pa.int32()),
    "b": pa.array([4, 5, 6], pa.int32()),
    "c": pa.array([7, -8, 90000], pa.int32()),
    "small": pa.array([1, 2, 3], pa.int16()),
    "x": pa.array(["p", "q", "r"]),
    "y": pa.array(["k", "l", "m"]),
}


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("(a = (b + c))", {"a", "b", "c"}),
        ("((a + b) = 100)", {"a", "b"}),
        ("((a - (b - c)) = 5)", {"a", "b", "c"}),
        ("((a IS NULL) OR (a = 7))", {"a"}),
        ("((a)::numeric = round((b * 1.5), 0))", {"a"}),
        ("(NOT (b IS DISTINCT FROM (a * 3)))", {"b"}),
        ("(x = upper(y))", {"x"}),
        ("(((a > -100) AND (c = (a + 1))))", {"a", "c"}),
        ("(a < b)", set()),
        ("((a = b) OR (a = c))", set()),
        ("(a = (a * 2))", set()),
    ],
)
def test_a_column_set_to_its_solution_keeps_the_check(sql: str, columns: set[str]) -> None:
    known = compiled(sql, SCOPE)
    assert isinstance(known, Known)
    found = solutions(sql, SCOPE)
    assert {column for column, _ in found} >= columns
    for column, side in found:
        [values] = evaluate([side], pa.table(ROWS))
        kept = pa.table({**ROWS, column: values.cast(ROWS[column].type)})
        assert not failing([known], kept).any()


def test_a_solution_that_does_not_fit_its_column_is_null() -> None:
    [values] = evaluate([dict(solutions("(small = c)", SCOPE))["small"]], pa.table(ROWS))
    assert values.to_pylist() == [7, -8, None]


@pytest.mark.parametrize(
    ("sql", "pairs"),
    [
        ("((a < b) AND (c >= b))", {("a", "b"), ("b", "c")}),
        ("((a)::bigint <= b)", {("a", "b")}),
        ("((a < b) OR (b < c))", set()),
        ("(a < 7)", set()),
        ("(a <> b)", set()),
    ],
)
def test_an_order_of_two_columns_is_told_where_it_is_demanded(
    sql: str, pairs: set[tuple[str, str]]
) -> None:
    assert set(orders(sql, SCOPE)) == pairs
