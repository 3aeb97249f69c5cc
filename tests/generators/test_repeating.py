"""How rows repeat older siblings is told of learned rows and done to drawn ones alike."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from generators.relations.histories import AGAIN, EARLIER, LAST, NEW, positions
from generators.relations.repeating import (
    has_earlier,
    held_before,
    last_followers,
    repeated,
    repeats_of,
)

NOWHERE = np.full(100, -1)


def told(*ids: int) -> list[int]:
    """How each row of one history repeats others."""
    return list(map(int, repeats_of(np.array(ids), np.arange(len(ids)))))


def test_a_value_is_new_or_that_of_the_row_before_or_an_earlier_one() -> None:
    assert told(1, 1, 2, 3, 1) == [NEW, LAST, NEW, NEW, EARLIER]


def test_what_followed_the_same_value_last_time_is_told_apart() -> None:
    assert told(1, 2, 1, 2, 3, 1, 2) == [NEW, NEW, EARLIER, AGAIN, NEW, EARLIER, AGAIN]


def test_nulls_repeat_nothing() -> None:
    assert told(-1, -1, 1, -1) == [NEW] * 4


def test_histories_do_not_repeat_one_another() -> None:
    ids, position = np.array([1, 2, 1, 2]), positions(np.array([0, 0, 1, 1]))
    assert (repeats_of(ids, position) == NEW).all()


@given(ids=st.lists(st.integers(0, 4), min_size=2, max_size=12))
def test_the_last_row_drawn_as_it_was_told_has_a_value_that_is_told_alike(ids: list[int]) -> None:
    codes, last = np.array(ids, np.int32), len(ids) - 1
    kinds, sources = repeats_of(codes.astype(np.int64), np.arange(len(ids))), NOWHERE[: len(ids)]
    row, position = np.array([last]), np.array([last])
    followers = last_followers(codes, sources, row, position)
    kind = kinds[row]
    how = kind, followers
    found, taken = repeated(codes, (row, position), how, sources, np.random.default_rng(0))
    if kind[0] == NEW:
        assert not len(found)
        assert not held_before(codes[:, None], row, codes[row][:, None], sources * 0)[0, 0]
        return
    if kind[0] != EARLIER:
        assert codes[taken[0]] == codes[last]
        return
    assert has_earlier(codes, row, position, followers)[0]
    assert taken[0] < last


def test_an_earlier_value_is_neither_the_last_nor_its_follower_where_others_are_left() -> None:
    codes = np.array([5, 1, 2, 1, 0], np.int32)
    row, position = np.array([4]), np.array([4])
    followers = last_followers(codes, NOWHERE[:5], row, position)
    assert followers.tolist() == [2]
    how = np.array([EARLIER], np.int8), followers
    drawn = set()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        _, taken = repeated(codes, (row, position), how, NOWHERE[:5], rng)
        drawn.add(int(codes[taken[0]]))
    assert 5 in drawn
    assert not has_earlier(codes[1:], np.array([3]), np.array([3]), np.array([1])).any()


def test_siblings_at_one_beat_do_not_take_each_others_values() -> None:
    codes, places = np.array([7, 3, 4, 0], np.int32), np.array([0, 1, 1, 1])
    rows, how = (np.array([3]), np.array([3])), (np.array([EARLIER], np.int8), np.array([-1]))
    for seed in range(20):
        _, taken = repeated(codes, rows, how, places, np.random.default_rng(seed))
        if taken[0] == 0:
            return
    raise AssertionError("the only value of another beat was never taken")
