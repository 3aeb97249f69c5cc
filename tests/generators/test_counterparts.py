"""Invented keys stand for the learned ones whose rows go with the same things."""

import numpy as np

from generators.counterparts import counterparts


def test_keys_stand_for_those_that_go_with_the_same_though_many_go_with_nearly_all() -> None:
    rng = np.random.default_rng(0)
    learned = np.repeat(np.arange(5), 40), np.tile(np.arange(40), 5)
    learned[1][:] = np.where(learned[1] < 30, learned[1], 30 + 5 * (learned[1] - 30) + learned[0])
    keys = rng.integers(0, 5, 4000)
    drawn = learned[1].reshape(5, 40)[4 - keys, rng.integers(0, 40, 4000)]
    assert counterparts((keys, drawn), learned).tolist() == [4, 3, 2, 1, 0]


def test_keys_that_go_with_nothing_that_was_learned_stand_for_none() -> None:
    none = np.array([-1, 2, 9])
    assert counterparts(
        (np.array([0, -1, 1]), none), (np.array([0, 1]), np.array([2, -1]))
    ).tolist() == [-1, -1]
    empty = np.empty(0, np.int64)
    assert not len(counterparts((empty, empty), (empty, empty)))


def test_no_two_keys_stand_for_the_same_one() -> None:
    keys, things = np.array([0, 0, 0, 1, 1, 2]), np.array([5, 5, 6, 5, 6, 7])
    found = counterparts((keys, things), (np.array([0, 1]), np.array([5, 7])))
    assert found.tolist() == [0, -1, 1]
