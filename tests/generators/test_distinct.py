"""Rows that repeat a unique key are found, and moved apart no further than they must be."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.schema import Column
from generators.distinct import alike, groups, nearest, patched, spread_out, surplus

NUMBER = Column("n", DataType(Kind.INTEGER, "integer", bits=32))
SMALL = Column("n", DataType(Kind.INTEGER, "smallint", bits=16))
DAY = Column("d", DataType(Kind.DATE, "date"))
MOMENT = Column("m", DataType(Kind.TIMESTAMPTZ, "timestamptz"))
TEXT = Column("t", DataType(Kind.TEXT, "text"))
CELLS = st.none() | st.integers(0, 4)
PAIRS = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=40)


@given(PAIRS)
def test_surplus_is_every_row_that_repeats_an_earlier_one(
    rows: list[tuple[int | None, int | None]],
) -> None:
    expected, seen = [], set()
    for place, row in enumerate(rows):
        if None not in row and row in seen:
            expected.append(place)
        seen.add(row)
    columns = [pa.array([row[i] for row in rows], pa.int32()) for i in (0, 1)]
    assert surplus(columns).tolist() == expected


@given(
    st.lists(CELLS, min_size=1, max_size=40),
    st.sampled_from([pa.int64(), pa.timestamp("us"), pa.string(), pa.binary(16), pa.binary(4)]),
    st.integers(0, 3),
)
def test_surplus_of_one_column_does_not_depend_on_how_its_type_is_compared(
    cells: list[int | None], kind: pa.DataType, start: int
) -> None:
    def value(cell: int | None) -> object:
        if cell is None or pa.types.is_integer(kind) or pa.types.is_timestamp(kind):
            return cell
        if pa.types.is_string(kind):
            return str(cell)
        return cell.to_bytes(kind.byte_width, "big")  # the first bytes of all are the same

    column = pa.array([value(cell) for cell in cells], kind).slice(start)
    left = cells[start:]
    expected = [i for i, cell in enumerate(left) if cell is not None and cell in left[:i]]
    assert (surplus([column]).tolist() if left else []) == expected


@given(st.lists(CELLS, min_size=1, max_size=40), st.data())
def test_surplus_among_changed_rows_is_all_surplus(
    cells: list[int | None], data: st.DataObject
) -> None:
    """Rows that differed, some of which hold others' values now, repeat them as if all were new."""
    before = [cell if cell is None else 10**9 * place for place, cell in enumerate(cells)]
    rows = data.draw(st.lists(st.integers(0, len(cells) - 1), unique=True))
    after = list(before)
    for row in rows:
        after[row] = data.draw(st.sampled_from(before))
    column = pa.array(after, pa.int64())
    found = surplus([column], np.array(rows, np.int64))
    assert found.tolist() == surplus([column]).tolist()


@given(PAIRS)
def test_rows_share_a_group_where_they_are_equal_and_not_null(
    rows: list[tuple[int | None, int | None]],
) -> None:
    found = groups([pa.array([row[i] for row in rows], pa.int32()) for i in (0, 1)])
    assert [g < 0 for g in found] == [None in row for row in rows]
    known = [(row, int(g)) for row, g in zip(rows, found, strict=True) if g >= 0]
    assert len(set(known)) == len({r for r, _ in known}) == len({g for _, g in known})


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-20, 20)), min_size=1, max_size=60))
def test_spreading_makes_rows_differ_and_keeps_those_that_did(rows: list[tuple[int, int]]) -> None:
    others = [pa.array([g for g, _ in rows], pa.int32())]
    values = pa.array([v for _, v in rows], pa.int32())
    moved = spread_out(others, values, NUMBER)
    assert moved.type == pa.int32()
    assert len(surplus([*others, moved])) == 0
    if not len(surplus([*others, values])):
        assert moved.equals(values)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=31))
def test_a_group_with_room_stays_inside_the_range(numbers: list[int]) -> None:
    values = pa.array([*numbers, 0, 1, 30], pa.int32())
    others = [pa.array([0] * len(numbers) + [1, 1, 1], pa.int32())]
    moved = spread_out(others, values, NUMBER).to_pylist()
    assert 0 <= min(moved) <= max(moved) <= 30


def test_values_move_on_their_own_grid() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    values = pa.array([start, start, start + timedelta(hours=1)], pa.timestamp("us", tz="UTC"))
    moved = spread_out([], values, MOMENT).to_pylist()
    assert sorted(moved) == [start + timedelta(hours=h) for h in range(3)]


def test_dates_move_by_days() -> None:
    moved = spread_out([], pa.array([date(2024, 2, 28)] * 3), DAY)
    assert moved.to_pylist() == [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]


def test_nulls_stay_and_make_nothing_move() -> None:
    values = pa.array([1, None, 1, None], pa.int32())
    assert spread_out([], values, NUMBER).to_pylist() == [1, None, 2, None]
    others = [pa.array([None, None, 7], pa.int32())]
    assert spread_out(others, pa.array([5, 5, 5], pa.int32()), NUMBER).to_pylist() == [5, 5, 5]


def test_many_groups_of_microseconds_stay_apart() -> None:
    rng = np.random.default_rng(2)
    people = 40_000
    moments = rng.integers(0, 10**15, people) * 2
    others = [pa.array(np.repeat(np.arange(people), 2))]
    values = pa.array(np.repeat(moments, 2)).cast(arrow_type(MOMENT.datatype))
    moved = spread_out(others, values, MOMENT)
    assert len(surplus([*others, moved])) == 0
    distance = np.abs(np.asarray(moved.cast(pa.int64())).reshape(-1, 2) - moments[:, None])
    assert distance.max() == 2


def test_a_type_without_room_is_told() -> None:
    with pytest.raises(pa.ArrowInvalid):
        spread_out([], pa.array([32_767] * 3, pa.int16()), SMALL)


def test_a_text_is_not_moved() -> None:
    values = pa.array(["a", "a"])
    assert spread_out([], values, TEXT).equals(values)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=20), st.data())
def test_patched_replaces_what_stands_at_the_positions_and_no_more(
    numbers: list[int], data: st.DataObject
) -> None:
    places = sorted(data.draw(st.sets(st.integers(0, len(numbers) - 1))))
    fresh = pa.array([100 + p for p in places], pa.int64())
    found = patched(pa.array(numbers, pa.int32()), np.array(places, np.int64), fresh)
    expected = [100 + i if i in places else n for i, n in enumerate(numbers)]
    assert found.to_pylist() == expected
    assert found.type == pa.int32()


@given(st.lists(st.integers(-1, 6), max_size=30), st.lists(st.integers(-1, 8), max_size=30))
def test_what_is_wanted_is_found_among_its_equals_or_nowhere(
    have: list[int], want: list[int]
) -> None:
    found = alike(np.array(have, np.int64), np.array(want, np.int64), np.random.default_rng(0))
    for wanted, place in zip(want, found.tolist(), strict=True):
        there = wanted >= 0 and wanted in have
        assert (place >= 0) == there
        assert not there or have[place] == wanted


def test_the_nearest_is_found_among_those_with_an_equal_first_number() -> None:
    have = np.array([2, 0, 2, 0]), np.array([9, 4, 1, 7])
    want = np.array([2, 0, 2, 1, 0]), np.array([0, 6, 8, 4, 0])
    assert nearest(have, want).tolist() == [2, 3, 0, -1, 1]
    empty = np.empty(0, np.int64)
    assert nearest((empty, empty), want).tolist() == [-1] * 5
