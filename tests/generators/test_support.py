"""Nothing with fewer than k privacy units behind it is released."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.privacy.support import Released, Support, dense, distinct, unit_counts

K = 11
SUPPORT = Support(K)


def units_of(count: int, each: int = 1) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.repeat(np.arange(count, dtype=np.int64), each)


def test_nobody_but_support_makes_a_released_value() -> None:
    with pytest.raises(TypeError, match=r"privacy\.support"):
        Released(1, object())


@pytest.mark.parametrize(("units", "kept"), [(K - 1, 0), (K, 1)])
def test_a_value_needs_k_units(units: int, kept: int) -> None:
    found = SUPPORT.shares(pa.array(["x"] * units), units_of(units)).value
    assert len(found.values) == kept
    assert found.rest == pytest.approx(1 - kept)


def test_a_person_with_a_thousand_rows_counts_once() -> None:
    units = np.zeros(1000, np.int64)
    codes = np.zeros(1000, np.int64)
    values = np.ones(1000)
    assert len(SUPPORT.shares(pa.array(["x"] * 1000), units).value.values) == 0
    assert SUPPORT.histogram(codes, units, 1).value.tolist() == [0.0]
    assert len(SUPPORT.quantiles(values, units, np.array([0.0, 1.0])).value) == 0
    assert SUPPORT.share(np.ones(1000, np.bool_), units).value == 0.0
    assert not SUPPORT.supported(codes, units, 1).any()


def test_shares_come_most_frequent_first_and_add_up_to_one() -> None:
    values = pa.array(["b"] * 40 + ["a"] * 20 + ["c"] * 20 + ["rare"] * 5)
    found = SUPPORT.shares(values, units_of(85)).value
    assert found.values.to_pylist() == ["b", "a", "c"]
    assert found.shares.sum() + found.rest == pytest.approx(1.0)
    assert found.rest == pytest.approx(5 / 85)


def test_a_histogram_forgets_codes_without_support_and_adds_up_to_one() -> None:
    codes = np.array([0] * 30 + [1] * 10 + [2] * 15, np.int64)
    assert SUPPORT.histogram(codes, units_of(55), 4).value == pytest.approx([2 / 3, 0, 1 / 3, 0])


def test_a_share_is_withheld_where_either_side_lacks_support() -> None:
    units = units_of(100)
    for count, expected in [(0, 0.0), (10, 0.0), (11, 0.11), (89, 0.89), (90, 1.0), (100, 1.0)]:
        assert SUPPORT.share(np.arange(100) < count, units).value == pytest.approx(expected)


def test_an_aggregate_over_too_few_units_is_not_released() -> None:
    assert SUPPORT.seal(1.5, K - 1) is None
    released = SUPPORT.seal(1.5, K)
    assert released is not None
    assert released.value == 1.5


def test_quantiles_ascend_and_hide_the_extremes() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(size=2000), [1e6, -1e6]])
    found = SUPPORT.quantiles(values, units_of(2002), np.linspace(0, 1, 21)).value
    assert (np.diff(found) >= 0).all()
    assert found[-1] <= np.sort(values)[-K:].mean()
    assert found[0] >= np.sort(values)[:K].mean()


def test_a_quantile_reaches_past_the_many_rows_of_one_unit() -> None:
    values = np.concatenate([np.full(1000, 7.0), np.zeros(50)])
    units = np.concatenate([np.full(1000, 99), np.arange(50)]).astype(np.int64)
    top = SUPPORT.quantiles(values, units, np.array([1.0])).value[0]
    assert top < 7.0


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(-(2**63), 2**63 - 1)), max_size=60),
    st.integers(1, 4),
)
def test_unit_counts_are_those_of_a_slow_count(pairs: list[tuple[int, int]], modulus: int) -> None:
    codes = np.array([c for c, _ in pairs], np.int64)
    units = np.array([u if modulus == 1 else u % modulus for _, u in pairs], np.int64)
    slow = [len({u for c, u in zip(codes, units, strict=True) if c == code}) for code in range(7)]
    assert unit_counts(codes, units, 7).tolist() == slow


@given(st.lists(st.integers(-5, 5)))
def test_distinct_counts_as_a_set_does(units: list[int]) -> None:
    assert distinct(np.array(units, np.int64)) == len(set(units))


@given(st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8), min_size=1, max_size=4))
def test_dense_numbers_keep_who_is_who_over_all_tables(tables: list[list[int]]) -> None:
    parts = dense([np.array(t, np.int64) for t in tables])
    assert [len(p) for p in parts] == [len(t) for t in tables]
    before = [unit for table in tables for unit in table]
    after = np.concatenate(parts).tolist()
    assert len(set(zip(before, after, strict=True))) == len(set(before)) == len(set(after))
    assert set(after) == set(range(len(set(before))))
