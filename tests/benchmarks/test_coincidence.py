"""Chance meets texts of learned units as often as others, and nothing else does."""

import numpy as np
import pytest

from benchmarks.coincidence import Stratum, alike, excess, strata


def test_texts_are_counted_by_their_holders_and_by_who_they_are() -> None:
    texts = [("a", 1), ("b", 1), ("c", 2), ("d", 2)]
    found = dict(strata(texts, frozenset("ac"), frozenset("abc")))
    assert found == {1: Stratum(1, 1, 1, 1), 2: Stratum(1, 1, 1, 0)}


def test_what_is_expected_is_hypergeometric() -> None:
    """Of 10 texts 6 are learned; 5 are met: the mean and the variance of a draw of 5."""
    found = Stratum(6, 4, 5, 0)
    assert found.expected == pytest.approx(5 * 0.6)
    assert found.variance == pytest.approx(5 * 0.6 * 0.4 * (10 - 5) / (10 - 1))
    assert found.beyond == 5


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_an_independent_generator_has_no_excess(share: float) -> None:
    """It meets common words, which many hold, more often than rare ones: that is no leak.

    Of 500 columns beyond four deviations, one is expected in 60 such tests.
    """
    rng = np.random.default_rng(8)
    for _ in range(500):
        columns = []
        for holders in range(1, 11):
            seen = rng.random(200) >= share
            met = rng.random(200) < 0.05 * holders
            columns.append(
                Stratum(
                    int(seen.sum()),
                    int((~seen).sum()),
                    int((seen & met).sum()),
                    int((~seen & met).sum()),
                )
            )
        assert excess(columns) == 0


def test_a_leak_is_counted_beyond_what_chance_meets_anyway() -> None:
    assert excess([Stratum(100, 100, 60, 10)]) == 50
    assert excess([Stratum(100, 100, 12, 10)]) == 0


def test_small_leaks_in_several_strata_add_up() -> None:
    one = Stratum(8, 80, 1, 1)  # 1 learned text met, .2 expected
    assert excess([one]) == 0
    assert excess([one] * 40) > 30


def test_texts_of_learned_units_alone_tell_nothing() -> None:
    """Nobody was held out who holds as many: there is nothing to compare them with."""
    assert excess([Stratum(50, 0, 50, 0)]) == 0


def test_who_invents_codes_meets_their_share_of_all_that_are_written_alike() -> None:
    """Of 676 codes of two capitals 200 are invented: of 300 that are looked for, 89 are likely."""
    codes = [a + b for a in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    rng = np.random.default_rng(3)
    looked, invented = set(rng.choice(codes, 300, False)), set(rng.choice(codes, 200, False))
    likely = alike(looked, invented | {"ab", "12"})
    assert likely == pytest.approx(300 * 200 / 676)
    assert len(looked & invented) == pytest.approx(likely, abs=4 * np.sqrt(likely))
    assert alike(["AB-1", "Ab"], {"CD-9", "x"}) == pytest.approx(1 / 6760)
