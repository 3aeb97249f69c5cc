"""Claims about rows that must keep checks: which are told apart, and how they are mended."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.schema import Check, Column, Partition, Schema, Table, TableName, Unique
from provisioner.keeping import callable_functions, keeper
from provisioner.mending import Free, mended

INTEGER = DataType(Kind.INTEGER, "integer", bits=32)
TEXT = DataType(Kind.TEXT, "text")
ROWS = 500


def table(*checks: str) -> Table:
    columns = (
        Column("low", INTEGER, nullable=False),
        Column("high", INTEGER),
        Column("state", TEXT, nullable=False),
        Column("code", TEXT),
    )
    names = tuple(c.name for c in columns)
    declared = tuple(Check(f"c{n}", sql, names) for n, sql in enumerate(checks))
    return Table(TableName("public", "periods"), columns, checks=declared)


def values(rng: np.random.Generator) -> dict[str, pa.Array]:
    words = pa.array(["open", "closed", "lost"])
    return {
        "low": pa.array(rng.integers(0, 100, ROWS), pa.int32()),
        "high": pa.array(rng.integers(0, 100, ROWS), pa.int32()),
        "state": words.take(pa.array(rng.integers(0, 3, ROWS))),
        "code": pa.array([f"x{n}" for n in range(ROWS)]),
    }


def free(declared: Table, rng: np.random.Generator) -> dict[str, Free]:
    proposals = keeper(declared).proposals
    return {c.name: freely(c, proposals, rng) for c in declared.columns}


def freely(column: Column, proposals: Mapping[str, pa.Array], rng: np.random.Generator) -> Free:
    def redraw(rows: npt.NDArray[np.int64]) -> dict[str, pa.Array]:
        return {column.name: values(rng)[column.name].take(pa.array(rows))}

    worth = proposals.get(column.name, pa.nulls(0, arrow_type(column.datatype)))
    return Free(redraw, column.nullable, alone=True, proposals=worth)


@pytest.mark.parametrize(
    "checks",
    [
        ("((low <= high))",),
        ("((state = ANY (ARRAY['new'::text, 'old'::text])))",),
        ("((code ~ '^[A-Z]{3}-[0-9]{4}$'::text))",),
        ("((high IS NULL) OR (state = 'closed'::text))", "((low < 50))"),
        ("((low <= high))", "((high <= 60))", "((low >= 40))"),
        ("((char_length(code) = 12))",),
    ],
)
def test_rows_are_mended_until_they_keep_every_check(checks: tuple[str, ...]) -> None:
    rng = np.random.default_rng(11)
    declared, drawn = table(*checks), values(rng)
    rules = keeper(declared)
    assert rules.broken(drawn).any()
    assert not rules.broken(mended(rules, drawn, free(declared, rng), rng)).any()


def test_rows_that_keep_the_checks_stay_as_they_were() -> None:
    rng = np.random.default_rng(12)
    declared, drawn = table("((low <= high))"), values(rng)
    rules = keeper(declared)
    kept = np.flatnonzero(~rules.broken(drawn).any(axis=1))
    after = mended(rules, drawn, free(declared, rng), rng)
    for name, column in drawn.items():
        assert after[name].take(pa.array(kept)).equals(column.take(pa.array(kept)))


def test_a_check_that_nothing_can_keep_stays_broken() -> None:
    rng = np.random.default_rng(13)
    declared, drawn = table("((low < 0) AND (low > 5))"), values(rng)
    rules = keeper(declared)
    assert rules.broken(mended(rules, drawn, free(declared, rng), rng)).all()


def test_a_null_keeps_a_check() -> None:
    declared = table("((high > 1000))")
    drawn = values(np.random.default_rng(14)) | {"high": pa.nulls(ROWS, pa.int32())}
    assert not keeper(declared).broken(drawn).any()


def test_a_check_that_calls_an_unknown_function_is_left_to_the_server() -> None:
    rules = keeper(table("(blessed(state))"))
    assert rules.rules == ()
    assert [(rule.name, "blessed" in why) for rule, why in rules.left] == [("c0", True)]


def test_a_check_that_is_not_validated_binds_no_row() -> None:
    declared = table("((low < 0))")
    loose = tuple(replace(c, validated=False) for c in declared.checks)
    assert keeper(replace(declared, checks=loose)).rules == ()


def test_a_table_is_found_by_its_name_where_a_check_looks_it_up() -> None:
    declared = table("((to_regclass(code) IS NOT NULL))")
    rules = keeper(declared, callable_functions(Schema((declared,))))
    drawn = values(np.random.default_rng(15))
    there = drawn | {"code": pa.array(['"public"."periods"'] * ROWS)}
    assert rules.broken(drawn).all()
    assert not rules.broken(there).any()


def test_rows_must_fall_into_some_partition() -> None:
    leaves = tuple(
        Partition(TableName("public", f"p{n}"), "", rule=f"((low >= {n}) AND (low < {n + 10}))")
        for n in (0, 10, 20)
    )
    rules = keeper(replace(table(), partitioned_by="RANGE (low)", partitions=leaves))
    drawn = values(np.random.default_rng(16))
    outside = np.asarray(drawn["low"].to_numpy()) >= 30
    assert (rules.broken(drawn)[:, 0] == outside).all()


def test_a_unique_index_over_unknown_expressions_is_known_as_such() -> None:
    index = Unique("u", (), expressions=("blessed(state)",))
    assert not keeper(replace(table(), uniques=(index,))).uniques["u"].known
