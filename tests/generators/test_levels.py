"""Self-references keep depth and branching, and never run in a circle."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.privacy.support import Support
from generators.relations.levels import Places, branches, depths, descent, refer

Ints = npt.NDArray[np.int64]


def tree(rows: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Links of a tree four levels deep, and the depth of each row."""
    level = np.sort(rng.choice(4, rows, p=[0.1, 0.3, 0.4, 0.2]))
    links = np.full(rows, -1)
    for deep in (1, 2, 3):
        above = np.flatnonzero(level == deep - 1)[::3]
        below = np.flatnonzero(level == deep)
        links[below] = rng.choice(above, len(below))
    return links, level


def nobody(rows: int) -> Ints:
    return np.zeros(rows, np.int64)


def test_depths_and_branches_are_those_of_the_tree() -> None:
    links, level = tree(1000, np.random.default_rng(0))
    assert (depths(links, level == 0, np.random.default_rng(1)) == level).all()
    assert branches(links).sum() == (links >= 0).sum()


def test_a_row_whose_parent_is_missing_lies_as_deep_as_others() -> None:
    links, level = tree(2000, np.random.default_rng(0))
    lost = np.random.default_rng(2).random(2000) < 0.1
    found = depths(np.where(lost, -1, links), level == 0, np.random.default_rng(1))
    assert (found[level == 0] == 0).all()
    assert (found[lost & (level > 0)] > 0).all()
    for deep in range(4):
        share = (level == deep).mean()
        # Twice as wide as binomial: rows below a lost one move with it.
        wide = 5 * 2 * np.sqrt(share * (1 - share) / 2000)
        assert (found == deep).mean() == pytest.approx(share, abs=wide)


def test_a_ring_lies_one_step_below() -> None:
    links = np.array([1, 2, 0, -1, 3])
    assert depths(links, links == -1, np.random.default_rng(0)).tolist() == [1, 1, 1, 0, 1]


def test_levels_end_where_fewer_than_k_units_lie() -> None:
    links, level = tree(1000, np.random.default_rng(0))
    units = np.where(level == 3, 7, np.arange(1000))
    assert descent(links, level == 0, (None, None), units, Support()).levels == 2
    assert descent(links, level == 0, (None, None), np.arange(1000), Support()).levels == 3


def test_rows_refer_as_deep_and_as_often_as_they_shall() -> None:
    rng = np.random.default_rng(5)
    links, level = tree(3000, rng)
    mixed = rng.permutation(3000)
    wanted = branches(links)[mixed]
    found = refer(Places(level[mixed], wanted, nobody(3000), nobody(3000)), rng)
    assert (depths(found, found < 0, rng) == level[mixed]).all()
    assert (np.abs(branches(found) - wanted)).sum() <= 0.02 * wanted.sum()
    # Any order would have half of them refer to an earlier row.
    assert (found < np.arange(3000))[found >= 0].mean() >= 0.7


@given(
    rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(-1, 2)), max_size=40),
    seed=st.integers(0, 9),
)
def test_references_stay_among_their_own_and_never_run_in_a_circle(
    rows: list[tuple[int, int, int]], seed: int
) -> None:
    level, wanted, own = np.array(rows, np.int64).reshape(-1, 3).T
    found = refer(Places(level, wanted, own, own), np.random.default_rng(seed))
    led = np.flatnonzero(found >= 0)
    assert (own[found[led]] == own[led]).all()
    higher = level[found[led]] < level[led]
    assert (higher | (found[found[led]] < 0)).all()
    for row in np.flatnonzero((found < 0) & (level > 0) & (own >= 0)):
        assert not ((own == own[row]) & (level < level[row])).any()


@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40),
    seed=st.integers(0, 9),
)
def test_rows_refer_to_older_ones_alone_where_they_must(
    rows: list[tuple[int, int]], seed: int
) -> None:
    level, wanted = np.array(rows, np.int64).T
    none = nobody(len(rows))
    found = refer(Places(level, wanted, none, none, older=True), np.random.default_rng(seed))
    assert (found < np.arange(len(rows))).all()


def test_one_row_becomes_the_root_where_none_shall_be() -> None:
    level = np.array([2, 1, 1, 2, 1])
    found = refer(Places(level, nobody(5), nobody(5), nobody(5)), np.random.default_rng(0))
    assert np.flatnonzero(found < 0).tolist() == [1]
