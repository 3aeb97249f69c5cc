"""Rows are told apart by what says most of those that refer to them, and not by chance."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from connectors.datatypes import DataType, Kind
from connectors.schema import Column, Table, TableName, Unique
from generators.privacy.support import Support
from generators.relations.cells import Referring, by_frequency, cells, parted, repeated
from generators.relations.references import fit_clusters

ROUTES = Table(
    TableName("public", "routes"),
    (
        Column("id", DataType(Kind.INTEGER, "integer", bits=32), nullable=False),
        Column("miles", DataType(Kind.INTEGER, "integer", bits=32)),
        Column("colour", DataType(Kind.TEXT, "text")),
    ),
    (Unique("routes_pk", ("id",), primary=True),),
    (),
)
SOME = 400


def routes(rng: np.random.Generator) -> pa.Table:
    colours = np.array(["red", "green", "blue"])
    return pa.table(
        {
            "id": np.arange(SOME),
            "miles": rng.integers(100, 2500, SOME),
            "colour": colours[rng.integers(0, 3, SOME)],
        }
    )


def test_rows_are_parted_by_the_column_that_says_most_of_those_that_refer_to_them() -> None:
    rng = np.random.default_rng(3)
    rows = routes(rng)
    links = rng.integers(0, SOME, 5_000)
    fare = np.asarray(rows["miles"])[links] // 10 + rng.integers(0, 40, len(links))
    own = parted(ROUTES, rows)
    found = cells(own, [Referring(links, [np.digitize(fare, [60, 120, 180])])])
    assert own.keys() == {"miles", "colour"}
    assert found is own["miles"]


def test_columns_that_say_nothing_part_no_rows() -> None:
    rng = np.random.default_rng(4)
    links = rng.integers(0, SOME, 5_000)
    noise = [rng.integers(0, parts, len(links)) for parts in (2, 5, 9)]
    assert cells(parted(ROUTES, routes(rng)), [Referring(links, noise)]) is None


def test_a_column_of_nulls_alone_parts_no_rows_and_some_nulls_are_a_part_of_their_own() -> None:
    rows = pa.table(
        {
            "id": [1, 2, 3, 4],
            "miles": pa.nulls(4, pa.int32()),
            "colour": pa.nulls(4, pa.string()),
        }
    )
    assert parted(ROUTES, rows) == {}
    some = rows.set_column(2, "colour", pa.array(["red", None, "red", "blue"]))
    assert parted(ROUTES, some)["colour"].tolist() == [1, 0, 1, 2]


def test_a_table_without_rows_has_no_parts() -> None:
    assert parted(ROUTES, routes(np.random.default_rng(1)).slice(0, 0)) == {}


@given(st.integers(1, 8), st.integers(0, 1_000), st.integers(30, 300), st.integers(1, 3))
def test_clusters_lie_within_parts_and_have_enough_units_behind_them(
    parts: int, seed: int, rows: int, keys: int
) -> None:
    rng = np.random.default_rng(seed)
    where = rng.integers(0, parts, rows)
    incoming = [(rng.integers(0, rows, 4 * rows), np.arange(4 * rows)) for _ in range(keys)]
    clusters, codes = fit_clusters(np.arange(rows), incoming, False, Support(11), where)
    sizes = np.bincount(codes, minlength=clusters.count)
    assert sizes.min() >= 11
    assert clusters.shares.value.sum() == 1 or abs(clusters.shares.value.sum() - 1) < 1e-9
    large = np.flatnonzero(np.bincount(where, minlength=parts) >= 2 * 11)
    for part in large:
        inside = np.bincount(codes[where == part], minlength=clusters.count)
        assert (inside > sizes / 2).any()  # most of some cluster is of this part


def test_the_parts_of_a_number_are_even_however_many_nulls_there_are() -> None:
    miles = pa.array([None] * SOME + list(range(1_000, 1_000 + SOME)), pa.int32())
    rows = pa.table({"id": np.arange(2 * SOME), "miles": miles, "colour": ["red"] * 2 * SOME})
    sizes = np.bincount(parted(ROUTES, rows)["miles"])
    assert sizes[0] == SOME
    assert sizes[1:].max() - sizes[1:].min() <= 1


def test_a_column_is_repeated_that_nearly_all_rows_which_refer_to_it_have_a_column_of() -> None:
    rng = np.random.default_rng(7)
    rows, links = routes(rng), rng.integers(-1, SOME, 2_000)
    miles = np.asarray(rows["miles"])[links]
    miles[:5] += 1
    below = pa.table({"paid": miles, "seats": rng.integers(1, 9, len(links))})
    assert repeated(rows, below, links) == {"miles"}
    assert repeated(rows, below.drop_columns(["paid"]), links) == frozenset()


def test_rows_are_parted_by_those_that_are_led_to_most_and_all_others() -> None:
    codes = np.array([0, 1, 2, 3, -1, 2])
    assert by_frequency(codes, np.array([0, 5, 9, 0])).tolist() == [3, 2, 1, 3, 0, 1]
