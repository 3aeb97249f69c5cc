"""Splits that are chance are left out where rows follow others, and no others."""

import numpy as np
import numpy.typing as npt

from generators.growth import Sample, grown
from generators.privacy.support import Support
from generators.pruning import pruned

Ints = npt.NDArray[np.int64]

_UNITS, _ROWS, _INPUTS, _CODES = 1_000, 4, 30, 8


def _sample(tells: bool) -> tuple[Sample, tuple[Ints, int, tuple[Ints, ...]]]:
    """Rows in turn whose codes are those of the first input half of the time, or chance."""
    rng = np.random.default_rng(3)
    rows = _UNITS * _ROWS
    binned = rng.integers(0, _CODES, (_INPUTS, rows)).astype(np.uint8)
    own = rng.integers(0, _CODES, rows)
    if tells:
        own = np.where(rng.random(rows) < 0.5, binned[0], own)
    widths, units = np.full(_INPUTS, _CODES), np.repeat(np.arange(_UNITS), _ROWS)
    sample = Sample(binned, widths, np.zeros(_INPUTS), own, _CODES, units, in_turn=True)
    return sample, (own, _CODES, (np.arange(_CODES),))


def test_a_column_that_depends_on_nothing_has_fewer_splits_than_chance_makes() -> None:
    sample, codes = _sample(tells=False)
    support = Support(k=11)
    assert grown(sample, support).inner.sum() > 20
    assert pruned(sample, codes, support).inner.sum() < 5


def test_a_column_that_depends_on_another_keeps_its_tree_as_it_is() -> None:
    sample, codes = _sample(tells=True)
    support = Support(k=11)
    expected, found = grown(sample, support), pruned(sample, codes, support)
    assert expected.inner.sum() >= _CODES - 1
    np.testing.assert_array_equal(found.split, expected.split)
    np.testing.assert_array_equal(found.threshold, expected.threshold)


def test_no_split_is_worth_less_than_was_asked_for() -> None:
    sample, _ = _sample(tells=True)
    growth = grown(sample, Support(k=11))
    assert (growth.worth[growth.inner] > 0).all()
    assert (growth.worth[~growth.inner] == 0).all()


def test_rows_that_stand_alone_are_not_held_out() -> None:
    sample, codes = _sample(tells=False)
    alone = Sample(*(getattr(sample, name) for name in Sample.__slots__[:6]))
    support = Support(k=11)
    np.testing.assert_array_equal(pruned(alone, codes, support).split, grown(alone, support).split)
