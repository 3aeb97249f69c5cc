"""A target says of a few rows which it would refuse, and why, and keeps none of them."""

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pyarrow as pa
import pytest

from connectors.batch import Batch
from connectors.datatypes import arrow_type
from connectors.engines import Refusal, open_source, open_target
from connectors.engines.postgresql.target import PostgresqlTarget
from connectors.errors import RefusedStatement
from connectors.schema import Table, TableName

TABLES = """
CREATE SCHEMA "odd place";
CREATE DOMAIN short AS text CONSTRAINT is_short CHECK (length(VALUE) < 4);
CREATE TABLE "odd place"."a ""b"" c" (n integer NOT NULL, d integer, s short,
    ratio integer GENERATED ALWAYS AS (100 / d) STORED,
    CONSTRAINT low CHECK (n < 100), CONSTRAINT even CHECK (n % 2 = 0),
    CONSTRAINT ratio_low CHECK (ratio <= 50));
CREATE TABLE whole (n integer, CONSTRAINT "no three" CHECK (whole IS DISTINCT FROM ROW(3)));
CREATE TABLE divided (n integer, CONSTRAINT quotient CHECK (10 / n < 20));
CREATE TABLE parts (n integer) PARTITION BY RANGE (n);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (20) TO (30);
"""
ODD = ("odd place", 'a "b" c')
ROWS = 200

Tried = Callable[..., tuple[Refusal, ...]]


@pytest.fixture(scope="module")
def tables(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    with psycopg.connect(url) as connection:
        connection.execute(TABLES)
    return url


@pytest.fixture
def tried(tables: str) -> Tried:
    """Has the target judge rows of a table, by columns."""

    def run(schema: str, name: str, **columns: list[object]) -> tuple[Refusal, ...]:
        with open_source(tables) as source:
            table = source.schema().table(TableName(schema, name))
        with open_target(tables) as target:
            found = target.pilot(batch(table, **columns), table)
            assert target.rows(table) == 0
            assert isinstance(target, PostgresqlTarget)
            temporary = "SELECT count(*) FROM pg_class WHERE relpersistence = 't'"
            assert target.session.execute(temporary).fetchone() == (0,)
        return found

    return run


def batch(table: Table, **columns: list[object]) -> Batch:
    kinds = {c.name: arrow_type(c.datatype) for c in table.columns}
    arrays = [pa.array(values, kinds[name]) for name, values in columns.items()]
    return Batch(table.name, pa.RecordBatch.from_arrays(arrays, names=list(columns)))


def test_rows_that_fit_are_not_refused(tried: Tried) -> None:
    assert tried(*ODD, n=[2, 4], d=[2, 5], s=["abc", None]) == ()


def test_every_check_that_rows_break_is_named_with_their_number(tried: Tried) -> None:
    numbers = list(range(ROWS))
    found = {r.constraint: r for r in tried(*ODD, n=numbers, d=[1, 2] * 100, s=["abc"] * ROWS)}
    broken = {name: r.rows for name, r in found.items()}
    assert broken == {"low": 100, "even": 100, "ratio_low": 100}
    assert found["low"].sql == "(n < 100)"
    assert {(r.tried, r.exact, r.state) for r in found.values()} == {(ROWS, True, "23514")}


def test_rows_that_no_table_takes_are_counted_by_what_they_break(tried: Tried) -> None:
    numbers: list[object] = [2] * ROWS
    texts: list[object] = ["abc"] * ROWS
    divisors: list[object] = [2] * ROWS
    numbers[17], divisors[30] = None, 0
    texts[3] = texts[150] = "far too long"
    found = {(r.constraint, r.state): r.rows for r in tried(*ODD, n=numbers, d=divisors, s=texts)}
    assert found == {("n", "23502"): 1, ("is_short", "23514"): 2, ("", "22012"): 1}


def test_a_check_beside_a_refused_row_is_counted_too(tried: Tried) -> None:
    found = {r.constraint: r.rows for r in tried(*ODD, n=[None, 3, 4], d=[2] * 3, s=["a"] * 3)}
    assert found == {"n": 1, "even": 1}


def test_more_refused_rows_than_can_be_looked_for_are_a_least_number(tried: Tried) -> None:
    rows = 1000
    found = tried(*ODD, n=[None] * rows, d=[2] * rows, s=["a"] * rows)
    [refusal] = found
    assert 100 < refusal.rows < rows
    assert not refusal.exact


def test_a_check_that_cannot_be_computed_is_a_refusal(tried: Tried) -> None:
    [refusal] = tried("public", "divided", n=[1, 0, 4])
    assert (refusal.constraint, refusal.state, refusal.exact) == ("quotient", "22012", False)


def test_a_check_over_whole_rows_is_counted_though_it_cannot_be_copied(tried: Tried) -> None:
    assert tried("public", "whole", n=[1, 2]) == ()
    [refusal] = tried("public", "whole", n=[1, 3, 3])
    assert (refusal.constraint, refusal.rows) == ("no three", 2)


def test_rows_outside_all_partitions_are_refused(tried: Tried) -> None:
    assert tried("public", "parts", n=[1, 25]) == ()
    [refusal] = tried("public", "parts", n=[1, 15, 40])
    assert (refusal.constraint, refusal.rows) == ("partition bounds", 2)


def test_a_message_about_refused_rows_holds_none_of_their_values(tried: Tried) -> None:
    found = tried(*ODD, n=[2], d=[2], s=["secret"])
    assert "secret" not in repr(found)


def test_a_table_that_is_not_there_is_an_error_and_no_refusal(tables: str) -> None:
    with open_source(tables) as source:
        there = source.schema().table(TableName("public", "divided"))
    missing = replace(there, name=TableName("public", "missing"))
    with open_target(tables) as target, pytest.raises(RefusedStatement, match="missing"):
        target.pilot(batch(missing, n=[1]), missing)
