"""One ledger of what differential privacy costs, for a whole database and per privacy unit.

Two databases are neighbours where one has all rows of one privacy unit more than the other.
"""

import math
from dataclasses import dataclass, field
from functools import cache

from generators.errors import OverBudget

DELTA = 1e-6
"""The chance of losing more than epsilon where nobody names one."""
_SLACK = 1e-9
"""Share of a budget that rounding of floats may take."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one privacy unit may lose in all: (epsilon, delta)-differential privacy.

    Half of delta is for what is found by being frequent, half for what noise may give away.
    """

    epsilon: float
    delta: float = DELTA

    @property
    def rho(self) -> float:
        """The loss that all noise together may cause, in zCDP."""
        return rho_of(self.epsilon, self.delta / 2)


@dataclass(frozen=True, slots=True)
class Spend:
    """What one look at the rows costs, in zCDP, and the chance that it finds what it must not."""

    what: str
    rho: float
    delta: float = 0.0


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that was spent of a budget; rho and delta of the spends add up over the database."""

    budget: Budget
    spends: tuple[Spend, ...]

    @property
    def rho(self) -> float:
        """What was spent of the zCDP budget."""
        return math.fsum(s.rho for s in self.spends)

    @property
    def delta(self) -> float:
        """The chance that something was found that only one unit holds."""
        return math.fsum(s.delta for s in self.spends)

    @property
    def epsilon(self) -> float:
        """What the spends amount to, at the budget's delta."""
        return epsilon_of(self.rho, self.budget.delta - self.delta)


@dataclass(slots=True)
class Accountant:
    """Lets spends happen until the budget is gone."""

    budget: Budget
    spends: list[Spend] = field(default_factory=list)

    @property
    def left(self) -> float:
        """What is left of rho."""
        return max(0.0, self.budget.rho - math.fsum(s.rho for s in self.spends))

    def spend(self, what: str, rho: float, delta: float = 0.0) -> None:
        """Writes a spend down; to be called before the look that it pays for.

        Raises:
            OverBudget: nothing is left for it.
        """
        deltas = math.fsum(s.delta for s in self.spends) + delta
        rhos = math.fsum(s.rho for s in self.spends) + rho
        within = rhos <= self.budget.rho * (1 + _SLACK)
        if not within or deltas > self.budget.delta / 2 * (1 + _SLACK) or rho < 0 or delta < 0:
            raise OverBudget(
                f"{what} costs rho {rho:.3g} and delta {delta:.3g}; more than is left of epsilon "
                f"{self.budget.epsilon:g} and delta {self.budget.delta:g}"
            )
        self.spends.append(Spend(what, rho, delta))

    @property
    def ledger(self) -> Ledger:
        """What was spent so far."""
        return Ledger(self.budget, tuple(self.spends))


def epsilon_of(rho: float, delta: float) -> float:
    """The smallest epsilon for which rho-zCDP is known to give (epsilon, delta)-DP.

    See `delta_of`; found by bisection, and rounded up.
    """
    low, high = 0.0, rho + 2 * math.sqrt(rho * math.log(1 / delta))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if delta_of(rho, middle) <= delta else (middle, high)
    return high


@cache
def rho_of(epsilon: float, delta: float) -> float:
    """The largest rho whose zCDP is known to give (epsilon, delta)-DP, rounded down."""
    low, high = 0.0, epsilon + math.log(1 / delta)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of(middle, epsilon) <= delta else (low, middle)
    return low


def delta_of(rho: float, epsilon: float) -> float:
    """The delta of rho-zCDP at an epsilon.

    The least over alpha > 1 of exp((alpha - 1)(alpha rho - epsilon)) (1 - 1/alpha)^alpha
    / (alpha - 1): Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy"
    (2020), corollary 13; any alpha gives a valid bound, so the search needs no exact minimum.
    """
    if rho <= 0:
        return 0.0

    def logarithm(alpha: float) -> float:
        return (
            (alpha - 1) * (alpha * rho - epsilon)
            - math.log(alpha - 1)
            + alpha * math.log1p(-1 / alpha)
        )

    low, high = 1 + 1e-9, max(2.0, (epsilon + 1) / (2 * rho) + 2)
    for _ in range(80):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if logarithm(left) < logarithm(right) else (left, high)
    return min(1.0, math.exp(min(0.0, logarithm((low + high) / 2))))
