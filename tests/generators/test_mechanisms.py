"""Nothing here can be seeded; tolerances are six standard deviations, of sums or of shares."""

import math
from fractions import Fraction

import numpy as np

from generators.privacy.mechanisms import chosen, gaussian, noised, threshold, variance_of

DRAWS = 4_000


def test_gaussian_noise_has_the_shares_of_a_discrete_gaussian() -> None:
    drawn = np.array([gaussian(Fraction(2)) for _ in range(DRAWS)])
    weights = {x: math.exp(-x * x / 4) for x in range(-30, 31)}
    total = sum(weights.values())
    for x in range(-4, 5):
        share = weights[x] / total
        assert abs((drawn == x).mean() - share) < 6 * math.sqrt(share * (1 - share) / DRAWS)


def test_wide_noise_has_mean_zero_and_its_variance() -> None:
    drawn = np.array([gaussian(Fraction(90_000, 7)) for _ in range(DRAWS // 4)])
    variance = 90_000 / 7
    assert abs(drawn.mean()) < 6 * math.sqrt(variance * 4 / DRAWS)
    assert abs(drawn.var() / variance - 1) < 6 * math.sqrt(2 * 4 / DRAWS)


def test_counts_keep_their_shape_and_stay_whole() -> None:
    found = noised(np.zeros((3, 4), np.int64), Fraction(5))
    assert found.shape == (3, 4)
    assert found.dtype == np.int64
    assert len(np.unique(found)) > 1


def test_the_variance_is_never_below_what_the_price_asks() -> None:
    for rho in (1e-6, 0.0123, 0.3, 7.0):
        assert Fraction(9) / (2 * variance_of(9, rho)) <= Fraction(rho)


def test_a_choice_is_as_likely_as_the_exponential_mechanism_has_it() -> None:
    scores, rho = [0, 10, 20], 0.01
    weights = np.exp(np.sqrt(8 * rho) * np.array(scores) / (2 * 5))
    shares = weights / weights.sum()
    found = np.bincount([chosen(scores, 5, rho) for _ in range(DRAWS)], minlength=3) / DRAWS
    assert (np.abs(found - shares) < 6 * np.sqrt(shares * (1 - shares) / DRAWS)).all()


def test_a_value_of_one_unit_seldom_reaches_the_threshold() -> None:
    variance, delta = Fraction(4), 0.02
    bar = threshold(1, variance, delta)
    reached = sum(1 + gaussian(variance) >= bar for _ in range(DRAWS)) / DRAWS
    assert reached <= delta + 6 * math.sqrt(delta / DRAWS)
