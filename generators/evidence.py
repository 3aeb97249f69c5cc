"""Tells rules from chance: how often rows would break one if its parts had nothing in common."""

import math

import numpy as np
import numpy.typing as npt

from generators.privacy.support import distinct

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

MOST_BROKEN = 0.001
"""Share of rows that may break a rule."""
ENOUGH = 11.0
"""How unlikely it must be that no row breaks a rule by chance, as a negative logarithm.

Were rows independent, none of n would break it with a probability of (1 - chance) ** n. At
exp(-11), one in 60,000, less than one in a hundred tables would have a rule by chance among the few
hundred candidates of a table that get so far (Bonferroni, 1936).
"""
_RARER = 20.0
"""How much rarer than by chance it must be broken."""


def holds(
    broken: Bools,
    spoken: Bools,
    units: Ints,
    chance: float,
    k: int,
    beside: Ints | None = None,
) -> bool:
    """Whether a rule stands.

    Args:
        broken: rows that break it.
        spoken: rows that it speaks of.
        units: the privacy unit of each row.
        chance: share of the rows spoken of that would break it if its parts were independent.
        k: distinct units that must stand behind it.
        beside: per row, the unit of another one that the rule holds it against, if any.
    """
    rows = int(spoken.sum())
    behind = units[spoken] if beside is None else np.append(units[spoken], beside[spoken])
    if not rows or unlikely(rows, chance) < ENOUGH or distinct(behind) < k:
        return False
    share = float((broken & spoken).sum()) / rows
    return share <= MOST_BROKEN and share * _RARER <= chance


def unlikely(rows: int, chance: float) -> float:
    """How seldom none of some rows would break a rule by chance, as a negative logarithm."""
    return -rows * math.log1p(-chance) if chance < 1 else math.inf


def ways(one: int, other: int) -> float:
    """The logarithm of how many ways there are to choose so many things among both."""
    return math.lgamma(one + other + 1) - math.lgamma(one + 1) - math.lgamma(other + 1)


def as_chance(unlikely: float, rows: int) -> float:
    """The chance of breaking a rule with which so many rows keep it only so seldom.

    Args:
        unlikely: the negative logarithm of how often all rows would keep it.
        rows: how many there are.
    """
    return -math.expm1(-unlikely / max(1, rows))


def shuffled(rows: int) -> Ints:
    """An order of rows that has nothing to do with theirs; the same for the same number."""
    return np.random.default_rng(rows).permutation(rows)
