"""Which rows fail a check, what a name stands for, and what cannot be computed outside."""

import re
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind
from connectors.rules import (
    Expression,
    Scope,
    Unevaluable,
    agreeing,
    compiled,
    evaluate,
    failing,
    holding,
    predicate,
)
from connectors.schema import Column, SqlFunction, Table, TableName

TODAY = date(2024, 6, 15)


def plain_table(**columns: DataType) -> Table:
    return Table(TableName("s", "t"), tuple(Column(name, kind) for name, kind in columns.items()))


TEXT = DataType(Kind.TEXT, "text")
INTEGER = DataType(Kind.INTEGER, "integer", bits=32)
SMALLINT = DataType(Kind.INTEGER, "smallint", bits=16)
PRICE = DataType(Kind.DECIMAL, "numeric(10,2)", precision=10, scale=2)
DATE = DataType(Kind.DATE, "date")
PLACES = plain_table(
    a=INTEGER,
    b=INTEGER,
    small=SMALLINT,
    words=TEXT,
    price=PRICE,
    day=DATE,
    seen=DataType(Kind.TIMESTAMPTZ, "timestamp with time zone"),
    key=DataType(Kind.UUID, "uuid"),
    span=DataType(Kind.INTERVAL, "interval"),
    period=DataType(Kind.OTHER, "daterange"),
    mail=DataType(Kind.TEXT, "public.citext"),
    data=DataType(Kind.JSON, "jsonb"),
)


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("(secret(words) > 1)", "secret"),
        ("app.secret(words)", "app.secret"),
        ("(EXISTS ( SELECT 1 FROM s.t))", "sub-select"),
        ("(a IN ( SELECT 1))", "sub-select"),
        ("(words ~ '^(?=a)'::text)", "ahead or behind"),
        ("(words ~ '(a)\\1'::text)", "back reference"),
        ("(words ~ words)", "no constant"),
        ("(words < 'b'::text)", "collation"),
        ("(NOT isempty(period))", "isempty|daterange"),
        ("(upper(period) > day)", "daterange"),
        ("((period).start > 1)", "start|field"),
        ("(missing > 1)", "missing"),
        ("(ctid IS NOT NULL)", "ctid"),
        ("((words)::regclass = (1)::oid)", "REGCLASS"),
        ("(EXTRACT(day FROM span) > 1)", "interval"),
        ("(day <= CURRENT_DATE)", "clock"),
        ("(a = ROW(1, 2))", "ROW"),
        ("(a = )", "parsed"),
        ("(data = '{\"a\": 1}'::jsonb)", "JSON"),
        ("(a = 'x'::s.mood)", "s.mood"),
        ("(sqrt(words) > 1)", "sqrt"),
    ],
)
def test_what_cannot_be_computed_says_what_is_to_blame(sql: str, named: str) -> None:
    found = compiled(sql, Scope(PLACES))
    assert isinstance(found, Unevaluable)
    assert re.search(named, found.why), found.why


def ready(sql: str, scope: Scope) -> Expression:
    found = compiled(sql, scope)
    assert isinstance(found, Expression), found
    return found


def test_a_row_fails_a_check_that_is_false_and_keeps_one_that_is_null() -> None:
    scope = Scope(PLACES)
    checks = [ready("(a > 0)", scope), ready("(b > 0)", scope)]
    rows = pa.record_batch(
        {"a": pa.array([1, 0, None], pa.int32()), "b": pa.array([0, 1, 1], pa.int32())}
    )
    assert failing(checks, rows).tolist() == [[False, True], [True, False], [False, False]]


def test_a_row_on_which_a_check_breaks_down_fails_it_and_others_do_not() -> None:
    check = ready("((10 / a) > 2)", Scope(PLACES))
    rows = pa.table({"a": pa.array([0, 2, 9, None], pa.int32())})
    assert failing([check], rows)[:, 0].tolist() == [True, False, True, False]
    assert evaluate([check], rows)[0].to_pylist() == [None, True, False, None]


def test_a_number_too_large_for_one_side_of_a_conjunction_fails_it_alone() -> None:
    table = plain_table(n=DataType(Kind.INTEGER, "integer", bits=32))
    check = ready("n * 2 > -7 AND n * 2 < 4000", Scope(table))
    rows = pa.table({"n": pa.array([5, -1_610_612_736, 1999, 2000], pa.int32())})
    assert failing([check], rows)[:, 0].tolist() == [False, True, False, True]


def test_no_rows_and_no_expressions_are_answered_too() -> None:
    check = ready("(a > 0)", Scope(PLACES))
    assert failing([check], pa.table({"a": pa.array([], pa.int32())})).shape == (0, 1)
    assert failing([], pa.table({"a": pa.array([1], pa.int32())})).shape == (1, 0)


def test_a_check_without_columns_is_answered_for_every_row() -> None:
    rows = pa.table({"a": pa.array([1, 2], pa.int32())})
    check = ready("(1 = 2)", Scope(PLACES))
    assert failing([check], rows)[:, 0].tolist() == [True, True]


def test_value_stands_for_the_column_of_the_domain() -> None:
    check = ready("((VALUE)::text ~ '^[A-Z]+$'::text)", Scope(PLACES, value="words"))
    assert check.columns == ("words",)
    rows = pa.table({"words": ["ABC", "abc", None]})
    assert failing([check], rows)[:, 0].tolist() == [False, True, False]


def test_names_that_differ_in_case_or_hold_anything_are_kept_apart() -> None:
    names = ("a", "A", 'quo"te', "dot.ted", "with space", "Größe", "select", "x:41")
    table = Table(TableName("s", "t"), tuple(Column(name, INTEGER) for name in names))
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    checks = [ready(f"({name} = {number})", Scope(table)) for number, name in enumerate(quoted)]
    assert [check.columns for check in checks] == [(name,) for name in names]
    rows = pa.table([pa.array([n], pa.int32()) for n in range(len(names))], names)
    assert not failing(checks, rows).any()


def test_citext_is_equal_in_any_letter_case() -> None:
    checks = [
        ready("(mail = 'ADA'::public.citext)", Scope(PLACES)),
        ready("(mail ~ '^a'::public.citext)", Scope(PLACES)),
        ready("((mail)::text = 'ADA'::text)", Scope(PLACES)),
    ]
    rows = pa.table({"mail": ["Ada"]})
    assert failing(checks, rows).tolist() == [[False, False, True]]


def test_a_function_that_calls_itself_is_not_followed_for_ever() -> None:
    endless = SqlFunction("s.endless", ("x",), "SELECT s.endless(x)")
    found = compiled("s.endless(a)", Scope(PLACES, functions=(endless,)))
    assert isinstance(found, Unevaluable)


def test_a_strict_function_of_null_is_null() -> None:
    strict = SqlFunction("s.known", ("x",), "SELECT x IS NOT NULL", strict=True)
    check = ready("s.known(a)", Scope(PLACES, functions=(strict,)))
    assert evaluate([check], pa.table({"a": pa.array([None, 1], pa.int32())}))[0].to_pylist() == [
        None,
        True,
    ]


def test_a_long_chain_of_divisions_stays_short() -> None:
    chain = " AND ".join(f"((a / {number}) < 100)" for number in range(1, 41))
    assert len(ready(f"({chain})", Scope(PLACES)).sql) < 100 * len(chain)


def test_verdicts_are_one_matrix_of_booleans() -> None:
    verdicts = failing(
        [ready("(a > 0)", Scope(PLACES))], pa.table({"a": pa.array([1], pa.int32())})
    )
    assert verdicts.dtype == np.bool_
    assert verdicts.shape == (1, 1)


def test_a_predicate_is_true_or_false() -> None:
    assert isinstance(predicate("a > 3", Scope(PLACES)), Expression)
    for sql in ("a", "a + 1", "'yes'"):
        found = predicate(sql, Scope(PLACES))
        assert isinstance(found, Unevaluable)
        assert "true or false" in found.why


def test_a_condition_agrees_with_a_column_where_null_counts_as_false() -> None:
    condition = predicate("a > 3", Scope(PLACES))
    assert isinstance(condition, Expression)
    numbers = pa.array([5, 1, None, 5, 1, None], pa.int32())
    wanted = pa.array([True, False, False, False, True, True])
    rows = pa.table({"a": numbers, "@ who": wanted})
    assert holding(condition, rows).tolist() == [True, False, False, True, False, False]
    broken = failing([agreeing(condition, "@ who")], rows)
    assert broken[:, 0].tolist() == [False, False, False, True, True, True]
