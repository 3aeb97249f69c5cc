"""Finds what many privacy units hold, at a price, where nothing declares what there could be."""

from dataclasses import dataclass

import numpy as np

from generators.privacy.accountant import Accountant
from generators.privacy.mechanisms import noised, threshold, variance_of
from generators.privacy.support import Ints, unit_counts


@dataclass(frozen=True, slots=True)
class Price:
    """What one search may cost, and the most rows, hence different things, that a unit brings."""

    rho: float
    delta: float
    bound: int


def frequent(
    what: str, codes: Ints, units: Ints, k: int, price: Price, accountant: Accountant
) -> tuple[Ints, Ints]:
    """The codes, ascending, that many units hold, and how many do, with noise.

    What fewer than k units hold never shows, so that support and privacy both hold. Of all else the
    noisy number of units has to reach a threshold, which a code that one unit lifts to k reaches
    with probability delta at most: the Gaussian mechanism over a stable set (Korolova et al.,
    "Releasing search queries and clicks privately", 2009, for the Laplace mechanism). A unit
    changes each number by at most 1, so the squared sensitivity is the bound on its rows.
    """
    accountant.spend(what, price.rho, price.delta)
    if not len(codes) or price.rho <= 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    held, dense = np.unique(codes, return_inverse=True)
    counts = unit_counts(dense.astype(np.int64), units, len(held))
    kept = np.flatnonzero(counts >= k)
    variance = variance_of(price.bound, price.rho)
    noisy = noised(counts[kept], variance)
    lasting = noisy >= k - 1 + threshold(price.bound, variance, price.delta)
    return held[kept[lasting]], noisy[lasting]
