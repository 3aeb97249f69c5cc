"""Rows are dealt to shards without loss, and scattered without collision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.layout import KeyLayout, gather, scatter, spread


@given(
    st.integers(0, 10**9),
    st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=40),
)
def test_the_parts_of_a_spread_add_up(total: int, weights: list[float]) -> None:
    parts = spread(total, weights)
    assert parts.sum() == total
    assert (parts >= 0).all()


@given(st.integers(0, 10**6), st.lists(st.integers(1, 1000), min_size=1, max_size=40))
def test_each_part_is_within_one_of_its_share(total: int, weights: list[int]) -> None:
    exact = np.array(weights) / sum(weights) * total
    assert (np.abs(spread(total, [float(w) for w in weights]) - exact) <= 1 + 1e-6).all()


def test_weights_that_say_nothing_spread_evenly() -> None:
    assert spread(9, [0.0, 0.0, 0.0]).tolist() == [3, 3, 3]
    assert spread(5, []).tolist() == []


@given(st.integers(1, 3000))
def test_scatter_is_a_bijection_and_gather_its_inverse(size: int) -> None:
    places = np.arange(size)
    there = scatter(places, size)
    assert sorted(there) == list(range(size))
    assert (gather(there, size) == places).all()


@given(st.integers(1, 2**31 - 1), st.data())
def test_gather_undoes_scatter_in_large_tables(size: int, data: st.DataObject) -> None:
    places = np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=20)))
    there = scatter(places, size)
    assert ((there >= 0) & (there < size)).all()
    assert (gather(there, size) == places).all()


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8))
def test_the_shards_of_a_layout_partition_its_rows(rows: list[int]) -> None:
    layout = KeyLayout(tuple(rows))
    found = np.concatenate([layout.indexes(shard) for shard in range(len(rows))])
    assert found.tolist() == list(range(layout.total))


def test_neighbours_are_sent_far_apart() -> None:
    there = scatter(np.arange(1000), 1000)
    apart = np.abs(np.diff(there))
    assert np.minimum(apart, 1000 - apart).min() == pytest.approx(382, abs=5)
