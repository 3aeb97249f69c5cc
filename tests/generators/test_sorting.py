"""Rows are ordered as numpy's stable sort by several keys would order them."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from generators.sorting import Keys, ordered, ranks

FAR = 2**63 - 1
WHOLE = st.sampled_from([-FAR, -(2**40), -1, 0, 1, 2**40, FAR])
FLOATS = st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 5e-324, 1.5, np.inf, np.nan])


@st.composite
def keys(draw: st.DrawFn) -> list[Keys]:
    """Up to four keys of as many rows, all of them full of ties."""
    rows = draw(st.integers(0, 30))

    def key() -> Keys:
        cells = draw(st.sampled_from([WHOLE, FLOATS, st.booleans(), st.integers(0, 2)]))
        return np.array(draw(st.lists(cells, min_size=rows, max_size=rows)))

    return [key() for _ in range(draw(st.integers(1, 4)))]


@given(keys())
def test_rows_go_by_the_first_key_then_by_the_next_then_as_they_stand(found: list[Keys]) -> None:
    """The measure is numpy's own sort by several keys, whose last key is the first one."""
    assert ordered(*found).tolist() == np.lexsort(found[::-1]).tolist()


def test_keys_that_together_need_more_bits_than_a_number_has_still_order_rows() -> None:
    """Three keys of 20,000 different values each do not fit side by side with the positions."""
    rng = np.random.default_rng(0)
    found: list[npt.NDArray[np.int64]] = [rng.integers(-FAR, FAR, 20_000) for _ in range(3)]
    found[0] = found[0][rng.integers(0, 50, 20_000)]
    assert (ordered(*found) == np.lexsort(found[::-1])).all()


@given(st.lists(WHOLE, max_size=30))
def test_the_rank_of_a_value_is_how_many_others_are_lower(values: list[int]) -> None:
    """Equal values have one rank, and no rank is left out."""
    lower = [len({other for other in values if other < value}) for value in values]
    assert ranks(np.array(values, np.int64)).tolist() == lower
