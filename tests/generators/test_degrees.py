"""Rows are grouped by how often each key leads to them, not by how often all do together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.privacy.support import Support
from generators.relations.degrees import grouped
from generators.relations.references import fit_clusters

WHOLE = np.zeros(1000, np.int64)


def counts(
    links: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.bincount(links, minlength=1000)


def test_a_key_that_leads_to_few_rows_and_often_to_these_is_told_apart() -> None:
    rng = np.random.default_rng(0)
    degrees = np.stack([counts(rng.integers(1000, size=8000)), counts(rng.integers(100, size=900))])
    groups = grouped(degrees, WHOLE, 24, 11)
    passed = np.bincount(groups, degrees[1] == 0) > np.bincount(groups) / 2
    assert degrees[1][passed[groups]].sum() <= 0.01 * degrees[1].sum()


def test_what_is_often_led_to_by_one_key_is_not_by_another_that_heeds_it_not() -> None:
    """Rows of a group are drawn as often as each other, so its means are what will be drawn."""
    rng = np.random.default_rng(1)
    degrees = np.asarray(rng.poisson(4, (2, 1000)), np.int64)
    groups = grouped(degrees, WHOLE, 24, 11)
    sizes = np.bincount(groups)
    drawn = np.stack([(np.bincount(groups, one) / sizes)[groups] for one in degrees])
    correlation = np.corrcoef(np.vstack([drawn, degrees]))
    assert abs(correlation[0, 1]) < 4 / np.sqrt(1000)
    assert correlation[0, 2] > 0.9


def test_degrees_of_one_kind_are_one_group() -> None:
    assert not grouped(np.full((2, 1000), 3), WHOLE, 24, 11).any()


def test_two_rows_that_all_lead_to_are_told_from_those_that_none_leads_to() -> None:
    degrees = np.zeros((2, 1000), np.int64)
    degrees[:, [5, 700]] = 4000
    groups = grouped(degrees, WHOLE, 24, 11)
    assert groups[5] == groups[700]
    assert 11 <= np.bincount(groups)[groups[5]] < 2 * 11


@given(
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 60),
    st.integers(0, 300),
    st.integers(0, 1_000),
)
def test_groups_are_as_many_and_as_large_as_asked_and_lie_within_parts(
    keys: int, parts: int, most: int, rows: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    where = rng.integers(0, parts, rows)
    groups = grouped(rng.geometric(0.2, (keys, rows)) - 1, where, most, 11)
    there = len(np.unique(where))
    assert len(np.unique(groups)) <= max(most, there)
    for group in np.unique(groups):
        inside = where[groups == group]
        assert len(np.unique(inside)) == 1
        assert len(inside) >= min(11, int((where == inside[0]).sum()))


@pytest.mark.parametrize("shared", [6, 20])
def test_a_row_is_known_alone_where_units_enough_lead_there_by_each_key(shared: int) -> None:
    """Of 12 units that refer to row 0, six by each key are not enough for either table."""
    rng = np.random.default_rng(2)
    incoming = []
    for first in (0, 1000):
        links = np.concatenate([np.zeros(shared, np.int64), 1 + rng.integers(99, size=200)])
        incoming.append((links, first + np.arange(len(links))))
    _, codes = fit_clusters(np.arange(100), incoming, True, Support(11))
    alone = np.bincount(codes)[codes[0]] == 1
    assert alone == (shared > 11)
