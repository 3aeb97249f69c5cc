"""How many rows of a table a privacy unit may bring, found out at a price, and which it keeps."""

from dataclasses import dataclass

import numpy as np

from generators.privacy.accountant import Accountant
from generators.privacy.mechanisms import noised, variance_of
from generators.privacy.noisy import Rows
from generators.privacy.projection import simplex
from generators.privacy.support import Ints

_STEPS = np.unique(np.ceil(1.3 ** np.arange(48)).astype(np.int64))
"""Bounds to choose from, up to about 222,000 rows."""
_BIASED = 0.25
"""About how far margins move by total variation, per share of the rows that a bound leaves out."""
_STANDS_OUT = 3.0
"""Deviations of noise from which on units are taken to have so many rows."""
CODES = 24
"""Codes that a column is taken to have before its domain is known."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """What units bring to a table.

    Attributes:
        bound: the most rows of a unit that count.
        rows: about how many rows that leaves.
        most: about the most rows that a unit has.
    """

    bound: int
    rows: float
    most: int = 1

    @property
    def weight(self) -> float:
        """How much a unit may move a share of the rows."""
        return self.bound / max(1.0, self.rows)


def contributions(
    what: str, units: Ints, bound: int | None, prices: tuple[float, float], accountant: Accountant
) -> Contributions:
    """The bound that makes the least error, by a noisy count of units per number of rows.

    A unit is in one count, so the squared sensitivity is 1. A bound that is given stays.

    Args:
        what: the table, as the ledger names it.
        units: the unit of each row.
        bound: the most rows of a unit that count, where that is known.
        prices: rho of this look, and about that of the counts of a column later.
        accountant: writes it down.
    """
    accountant.spend(f"rows of a unit in {what}", prices[0])
    per_unit = np.unique(units, return_counts=True)[1]
    places = np.searchsorted(_STEPS, np.minimum(per_unit, _STEPS[-1]))
    counts = np.bincount(places, minlength=len(_STEPS))
    noisy = noised(counts, variance_of(1, prices[0])).astype(np.float64)
    held = simplex(noisy, max(1.0, float(noisy.sum())))
    kept = np.minimum(_STEPS[None, :], _STEPS[:, None]) @ held
    tried = zip(_STEPS, kept, strict=True)
    errors = [expected_error(Contributions(int(b), float(r)), prices[1]) for b, r in tried]
    worst = np.array(errors) + _BIASED * (1 - kept / kept[-1])
    chosen = int(_STEPS[int(worst.argmin())]) if bound is None else bound
    clear = np.flatnonzero(noisy >= _STANDS_OUT * float(variance_of(1, prices[0])) ** 0.5)
    most = int(_STEPS[clear.max(initial=0)])
    return Contributions(chosen, float(np.minimum(_STEPS, chosen) @ held), max(chosen, most))


def limited(units: Ints, bound: int, rng: np.random.Generator) -> Rows:
    """The rows left when each unit keeps `bound` rows at most, chosen at random.

    The key of the choice is the generator's seed, which comes from the operating system and goes
    nowhere: whether a row is kept depends on its unit's rows alone.
    """
    shuffled = rng.permutation(len(units))
    order = shuffled[np.argsort(units[shuffled], kind="stable")]
    ordered = units[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    counts = np.diff(np.append(starts, len(ordered)))
    rank = np.arange(len(ordered)) - np.repeat(starts, counts)
    kept = np.zeros(len(units), np.bool_)
    kept[order[rank < bound]] = True
    return Rows(kept, units, bound)


def expected_error(brought: Contributions, rho: float) -> float:
    """About how far a noisy margin lies from the true one, as total variation; may pass 1.

    Half the sum of absolute Gaussian noise (mean sqrt(2 / pi) deviations) over the rows, for a
    column of `CODES` codes.
    """
    if rho <= 0:
        return np.inf
    return float(np.sqrt(2 / np.pi) / np.sqrt(2 * rho) * CODES / 2 * brought.weight)
