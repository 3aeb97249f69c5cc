"""Which of the keys that lead to a table pass most of its rows over."""

import numpy as np

from generators.relations.visits import most_uneven, refined

ALL = np.zeros(1000, np.int32)


def test_a_key_that_leads_to_few_rows_and_often_to_these_is_told_apart() -> None:
    rng = np.random.default_rng(0)
    everywhere, few = rng.integers(1000, size=8000), rng.integers(100, size=3000)
    visits = most_uneven(ALL, [everywhere, few])
    assert visits is not None
    assert np.array_equal(visits, np.bincount(few, minlength=1000))
    parts = refined(None, visits)
    assert parts[:100].all()
    assert not parts[100:].any()
    assert most_uneven(parts.astype(np.int32), [everywhere, few]) is None


def test_rows_that_chance_passes_over_are_none() -> None:
    rng = np.random.default_rng(0)
    links = [rng.integers(1000, size=size) for size in (300, 1000, 5000)]
    assert most_uneven(ALL, [*links, np.full(50, -1)]) is None


def test_one_key_is_told_by_how_often_it_leads_to_each_row() -> None:
    assert most_uneven(ALL, [np.zeros(500, np.int64)]) is None


def test_parts_are_told_apart_further() -> None:
    parts = refined(np.array([0, 0, 3, 3]), np.array([0, 2, 1, 0]))
    assert parts.tolist() == [0, 1, 7, 6]
