"""What a row has from older siblings: repeats are codes of their own, whatever a feature's size."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from generators.relations.histories import (
    CURRENT,
    EARLIER,
    LAST,
    NEW,
    History,
    following,
    positions,
    sums_before,
)
from generators.tables import Feature


@given(size=st.integers(2, 256), rows=st.integers(1, 30), seed=st.integers(0, 99))
def test_repeats_and_codes_come_back_as_they_were(size: int, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    features = (Feature("a", size, ordered=True), Feature("b", 5, ordered=False))
    history = History(features, frozenset({"a"}), None, None, (), frozenset({"a", "b"}))
    codes = rng.integers(0, (size, 5), (rows, 2)).astype(np.int32)
    repeats = np.zeros((rows, 2), np.int8)
    repeats[:, 0] = rng.choice([NEW, LAST, EARLIER, CURRENT], rows)
    repeats[:, 1] = rng.choice([NEW, CURRENT], rows)
    drawn = history.with_repeats(codes, repeats)
    assert (drawn < [f.size for f in history.drawn]).all()
    assert (history.repeats(drawn) == repeats).all()
    fresh = repeats == NEW
    assert (history.spread(drawn)[fresh] == codes[fresh]).all()


def test_positions_start_again_under_each_owner() -> None:
    assert positions(np.array([3, 3, 3, 5, 8, 8])).tolist() == [0, 1, 2, 0, 0, 1]


def test_siblings_after_a_row_are_counted() -> None:
    assert following(np.array([3, 3, 3, 5, 8, 8])).tolist() == [2, 1, 0, 0, 1, 0]


def test_sums_are_over_the_siblings_before() -> None:
    position = positions(np.array([0, 0, 0, 1, 1]))
    codes = np.array([[1], [2], [4], [8], [16]], np.int32)
    assert sums_before(codes, position).ravel().tolist() == [0, 1, 3, 0, 8]


def test_the_rest_of_a_row_is_drawn_given_how_features_repeat_and_what_they_are() -> None:
    features = (Feature("a", 4, ordered=True), Feature("b", 5, ordered=False))
    history = History(features, frozenset({"b"}), None, None, ())
    assert history.choices.tolist() == [1]
    assert history.rest.tolist() == [0]
    drawn, codes = np.array([[2, 6]], np.int32), np.array([[2, 3]], np.int32)
    given_codes = history.with_choices(np.array([[9]], np.int32), drawn, codes)
    assert given_codes.tolist() == [[9, 6, 3]]
    assert [f.name for f in history.chosen] == ["how.b", "is.b"]
