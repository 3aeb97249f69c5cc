"""What rows hold is dealt out to rows of the same group that ask for it, each to one of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from generators.pairing import paired

SMALL = arrays(np.int64, st.shared(st.integers(0, 30), key="rows"), elements=st.integers(0, 3))


@given(SMALL, SMALL, SMALL, SMALL, SMALL)
def test_rows_hold_what_rows_of_their_group_held_each_of_them_once(
    group: np.ndarray, one: np.ndarray, two: np.ndarray, three: np.ndarray, four: np.ndarray
) -> None:
    found = paired(group, (one, two), (three, four))
    assert np.array_equal(np.sort(found), np.arange(len(group)))
    assert np.array_equal(group[found], group)
    firm = (one == three) & (two == four)
    assert np.array_equal(found[firm], np.flatnonzero(firm))


@given(SMALL, SMALL)
def test_as_many_rows_as_can_have_what_they_want(wanted: np.ndarray, held: np.ndarray) -> None:
    found = paired(np.zeros_like(held), (wanted,), (held,))
    most = sum(min((wanted == n).sum(), (held == n).sum()) for n in range(4))
    assert (held[found] == wanted).sum() == most


def test_those_that_cannot_have_what_they_want_have_what_is_near() -> None:
    wanted, held = np.array([20, 0, 10]), np.array([1, 11, 21])
    assert held[paired(np.zeros(3, np.int64), (wanted,), (held,))].tolist() == [21, 1, 11]
