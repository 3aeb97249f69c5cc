"""Categories are put in an order in which those that come with like things are neighbours."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from generators.coarse import arranged, pooled, profiled, together


def test_each_half_of_the_order_holds_codes_that_come_with_like_things() -> None:
    rng = np.random.default_rng(0)
    kind = rng.permutation(np.repeat(np.arange(4), 10))
    rows = rng.multinomial(200, np.eye(4)[kind] * 0.8 + 0.05)
    places = arranged(profiled(rows), rows.sum(1))
    for start in range(0, 40, 10):
        inside = (places >= start) & (places < start + 10)
        assert len(np.unique(kind[inside])) == 1


@given(st.lists(st.integers(0, 20), min_size=1, max_size=40), st.integers(0, 9))
def test_every_code_has_a_place_of_its_own_and_empty_ones_come_last(
    mass: list[int], seed: int
) -> None:
    held = np.array(mass)
    profiles = np.random.default_rng(seed).standard_normal((len(mass), 3))
    places = arranged(profiles, held)
    assert sorted(places) == list(range(len(mass)))
    assert (places[held > 0] < (held > 0).sum()).all()


def test_rare_neighbours_count_as_one_that_enough_units_hold() -> None:
    codes = np.array([1] * 5 + [2, 2, 3, 3, 4, 5, 5, 6, 7] + [8] * 5 + [9, 9])
    held = np.bincount(codes, minlength=10)
    counted = pooled(codes, held < 3, np.arange(len(codes)), 3)
    assert counted.tolist() == [0, 1, 2, 2, 4, 4, 4, 4, 8, 9]


def test_what_is_left_of_rare_neighbours_goes_with_those_before() -> None:
    codes = np.array([1, 1, 2, 2, 3])
    counted = pooled(codes, np.ones(4, np.bool_), np.arange(5), 3)
    assert counted.tolist() == [0, 1, 1, 1]


def test_rows_of_one_unit_are_too_few_however_many_they_are() -> None:
    counted = pooled(np.array([1, 1, 1, 2, 2]), np.ones(3, np.bool_), np.zeros(5, np.int64), 2)
    assert counted.tolist() == [0, 1, 2]


def test_null_counts_as_itself_however_rare_it_is() -> None:
    codes = np.array([0, 0, 1, 1, 2])
    assert pooled(codes, np.ones(3, np.bool_), np.arange(5), 3).tolist() == [0, 1, 1]


def test_rare_codes_without_an_order_count_as_one_that_enough_units_hold() -> None:
    codes = np.array([0, 1, 1, 2, 2, 2, 2, 4, 6])
    rare = np.bincount(codes, minlength=8) < 3
    units = np.arange(len(codes))
    assert together(codes, rare, units, 3).tolist() == [0, 1, 2, 3, 1, 5, 1, 7]
    assert together(codes, rare, units, 5).tolist() == list(range(8))
