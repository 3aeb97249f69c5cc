"""How far two values lie apart: as quantiles when learned, drawn from these or brought to them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from generators.privacy.support import Released, Support
from generators.sorting import ordered

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TAIL = np.array([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02])
_QUANTILES = np.unique([*np.linspace(0, 1, 33), *_TAIL, *(1 - _TAIL)])
"""Closer towards the ends, where a few rows lie far from the others."""
_UNLIKE = 0.05
"""How far apart, on average, drawn and learned gaps may lie, as a part of how far gaps spread."""
_NOISE = 2.0
"""The same of one row; chance decides less by the root of their number."""


def learned(support: Support, gaps: Floats | Ints, units: Ints) -> Released[Any]:
    """The quantiles of gaps that are never negative; none where too few units have some."""
    spread = np.maximum(np.asarray(gaps, np.float64), 0)
    return support.quantiles(spread, units, _QUANTILES)


def drawn(quantiles: Floats, rows: int, rng: np.random.Generator) -> Floats:
    """So many gaps as learned; 0 where nothing was."""
    if not len(quantiles):
        return np.zeros(rows)
    return np.interp(rng.random(rows), _QUANTILES, quantiles)


def quantiles(support: Support, gaps: Floats | Ints, units: Ints) -> Floats:
    """The quantiles of gaps that may be negative, each of k units; none where too few have some."""
    return support.quantiles(np.asarray(gaps, np.float64), units, _QUANTILES).value


def brought(gaps: Floats, wanted: Floats, rng: np.random.Generator) -> Floats:
    """Gaps as many as there are with learned quantiles, the smallest still the smallest.

    Those that are like the learned ones already stay; so few tell nothing of their spread.
    """
    if not len(wanted) or not len(gaps):
        return gaps
    spread = float(np.abs(wanted - wanted[len(wanted) // 2]).mean())
    order, found = ordered(gaps), np.empty(len(gaps))
    apart = float(np.abs(_quantiles(gaps, order) - wanted).mean())
    if apart <= spread * (_UNLIKE + _NOISE / np.sqrt(len(gaps))):
        return gaps
    ascending = (np.arange(len(gaps)) + rng.random(len(gaps)).take(order)) / len(gaps)
    found[order] = np.interp(ascending, _QUANTILES, wanted)  # five times as fast as in any order
    return found


def _quantiles(gaps: Floats, order: Ints) -> Floats:
    """The quantiles of gaps as `order` has them ascend, between two neighbours as numpy's are."""
    places = _QUANTILES * (len(gaps) - 1)
    low = places.astype(np.int64)
    below, above = gaps[order[low]], gaps[order[np.minimum(low + 1, len(gaps) - 1)]]
    return np.asarray(below + (places - low) * (above - below))
