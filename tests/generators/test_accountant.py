"""The numbers are held against what is known exactly of Gaussian noise."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from generators.errors import OverBudget
from generators.privacy.accountant import Accountant, Budget, delta_of, epsilon_of, rho_of

EPSILONS = st.floats(0.01, 20)
DELTAS = st.floats(1e-12, 1e-3)


@settings(max_examples=20)
@given(EPSILONS, DELTAS)
def test_rho_and_epsilon_are_each_others_inverse(epsilon: float, delta: float) -> None:
    assert epsilon_of(rho_of(epsilon, delta), delta) == pytest.approx(epsilon, rel=1e-6)


@settings(max_examples=20)
@given(EPSILONS, DELTAS)
def test_the_conversion_is_tighter_than_the_textbook_one(epsilon: float, delta: float) -> None:
    rho = rho_of(epsilon, delta)
    assert rho + 2 * math.sqrt(rho * math.log(1 / delta)) >= epsilon


@settings(max_examples=20)
@given(st.floats(1e-3, 5), st.floats(0.01, 20))
def test_no_delta_is_promised_that_the_gaussian_mechanism_breaks(
    rho: float, epsilon: float
) -> None:
    """Balle and Wang, "Improving the Gaussian mechanism" (2018), theorem 8, is exact."""
    mu = math.sqrt(2 * rho)
    exact = norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu)
    assert delta_of(rho, epsilon) >= exact * (1 - 1e-9) - 1e-15


def test_spends_add_up_to_what_was_asked_and_no_more() -> None:
    accountant = Accountant(Budget(2.0, 1e-6))
    for _ in range(10):
        accountant.spend("a look", accountant.budget.rho / 10, 5e-8)
    assert accountant.ledger.epsilon == pytest.approx(2.0, rel=1e-6)
    assert accountant.ledger.delta == pytest.approx(5e-7)
    with pytest.raises(OverBudget, match="epsilon 2"):
        accountant.spend("one more", 1e-3)
    with pytest.raises(OverBudget):
        accountant.spend("a search", 0.0, 1e-8)


def test_nothing_costs_less_than_nothing() -> None:
    with pytest.raises(OverBudget):
        Accountant(Budget(1.0)).spend("a gift", -0.1)
