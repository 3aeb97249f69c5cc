"""When the values of a category are in use follows from many rows, and from those of k units."""

import numpy as np

from generators.privacy.support import Support
from generators.relations.eras import learned_eras
from generators.tables import Feature

FEATURES = (Feature("club", 4, ordered=False), Feature("games", 9, ordered=True))


def eras_of(ticks: np.ndarray, codes: np.ndarray, units: np.ndarray, k: int = 11) -> np.ndarray:
    """The bounds of each club, beside another that begins when all others have ended."""
    later = ticks.max() + 1 + np.arange(300) % 90
    all_codes = np.append(codes, np.full(300, 3))
    both = np.stack([all_codes, all_codes % 9], axis=1).astype(np.int32)
    all_units = np.append(units, units.max() + 1 + np.arange(300))
    found = learned_eras(FEATURES, both, np.append(ticks, later), all_units, Support(k)).bounds
    assert set(found) == {"club"}
    return found["club"].value


def test_a_value_begins_and_ends_about_where_its_rows_do() -> None:
    rng = np.random.default_rng(0)
    ticks = np.concatenate([rng.integers(1900, 1950, 300), rng.integers(1980, 2020, 300)])
    begin, _, _, end = eras_of(ticks, np.repeat([1, 2], 300), np.arange(600)).T
    # The k outermost of 300 rows span two years, of which k rows tell to within one.
    np.testing.assert_allclose(begin[[1, 2]], [1900, 1980], atol=2)
    np.testing.assert_allclose(end[[1, 2]], [1949, 2019], atol=2)


def test_a_value_pauses_where_no_row_is_for_long() -> None:
    rng = np.random.default_rng(0)
    ticks = np.concatenate([rng.integers(1890, 1900, 150), rng.integers(2005, 2020, 150)])
    begin, pause, again, end = eras_of(ticks, np.ones(300, np.int64), np.arange(300))[1]
    np.testing.assert_allclose([begin, pause, again, end], [1890, 1899, 2005, 2019], atol=2)


def test_rows_spread_over_all_times_never_pause() -> None:
    ticks = np.random.default_rng(0).integers(0, 10_000, 400)
    _, pause, again, _ = eras_of(ticks, np.ones(400, np.int64), np.arange(400))[1]
    assert pause == again


def test_values_that_are_in_use_at_all_times_are_not_told() -> None:
    rng = np.random.default_rng(0)
    codes, ticks = rng.integers(0, 3, 2_000), rng.integers(0, 10_000, 2_000)
    both = np.stack([codes, codes], axis=1).astype(np.int32)
    assert not learned_eras(FEATURES, both, ticks, np.arange(2_000), Support(11)).bounds


def test_what_few_units_hold_is_in_use_at_all_times() -> None:
    ticks, units = np.arange(100), np.arange(100) % 10
    begin, _, _, end = eras_of(ticks, np.ones(100, np.int64), units)[1]
    assert (begin, end) == (-np.inf, np.inf)


def test_no_single_unit_moves_a_bound_far() -> None:
    rng = np.random.default_rng(0)
    ticks, units = rng.integers(1900, 1950, 300), np.arange(300)
    early = np.append(ticks, 1800), np.ones(301, np.int64), np.append(units, 300)
    alone = eras_of(ticks, np.ones(300, np.int64), units)[1, 0]
    # One of k rows, a century off, draws their mean by a k-th of it, and the bound by twice that.
    assert abs(eras_of(*early)[1, 0] - alone) <= 2 * 100 / 11


def test_rows_are_outside_before_between_and_after() -> None:
    rng = np.random.default_rng(0)
    ticks = np.concatenate([rng.integers(1890, 1900, 150), rng.integers(2005, 2020, 150)])
    both = np.stack([np.ones(300), np.zeros(300)], axis=1).astype(np.int32)
    found = learned_eras(FEATURES, both, ticks, np.arange(300), Support(11))
    asked = np.array([1850, 1895, 1950, 2010, 2050])
    outside = found.outside("club", np.ones(5, np.int32), asked)
    assert outside.tolist() == [True, False, True, False, True]
