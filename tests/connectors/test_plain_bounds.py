"""A check that is a bound of one column means to Arrow what it means to DuckDB."""

import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.dialect.bounds import beyond, bound_of
from connectors.dialect.casts import written_name
from connectors.rules import Expression, Scope, compiled, failing
from connectors.schema import Column, Table, TableName

TYPES = [
    DataType(Kind.INTEGER, "smallint", bits=16),
    DataType(Kind.INTEGER, "bigint", bits=64),
    DataType(Kind.DECIMAL, "numeric(10,2)", precision=10, scale=2),
    DataType(Kind.DECIMAL, "numeric(30,2)", precision=30, scale=2),
]


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "=", "<>"])
@pytest.mark.parametrize("number", ["0", "2", "(-3)", "2.50", "'-3'::integer", "46116860184273879"])
@pytest.mark.parametrize("datatype", TYPES, ids=lambda found: found.sql)
def test_a_bound_is_computed_by_arrow_as_by_duckdb(
    sign: str, number: str, datatype: DataType
) -> None:
    values = pa.array([-4, -3, 0, None, 1, 2, 3], pa.int8()).cast(arrow_type(datatype))
    column = Column('a "b', datatype, nullable=True)
    found = compiled(f'("a ""b" {sign} {number})', Scope(Table(TableName("s", "t"), (column,))))
    assert isinstance(found, Expression)
    computed = Expression(f"({found.sql} AND TRUE)", found.columns)
    rows = pa.table({column.name: values})
    assert bound_of(computed.sql) is None
    assert failing([found], rows).tolist() == failing([computed], rows).tolist()


def test_most_checks_are_bounds_and_others_are_left_to_duckdb() -> None:
    price = Column("price", TYPES[2], nullable=True)
    scope = Scope(Table(TableName("s", "t"), (price,)))
    values = pa.array([-1, 0, 1, None], pa.int8()).cast(arrow_type(price.datatype))
    for sql in ("(price > (0)::numeric)", "((price >= 0.01))", "price > 0"):
        found = compiled(sql, scope)
        assert isinstance(found, Expression)
        bound = bound_of(found.sql)
        assert bound is not None
        assert bound.column == written_name("price")
        broken = beyond(bound, values)
        assert broken is not None
        assert broken.tolist() == [True, True, False, False]
    for sql in ("price > 0 AND price < 5", "price > price", "(price + 1) > 0", "NOT price > 0"):
        found = compiled(sql, scope)
        assert isinstance(found, Expression)
        assert bound_of(found.sql) is None


def test_a_number_that_a_cast_would_round_is_left_to_duckdb() -> None:
    assert bound_of('"c" > CAST(2.567 AS DECIMAL(10, 2))') is None
    assert bound_of('"c" > CAST(-2.5 AS DECIMAL(10, 2))') is not None
