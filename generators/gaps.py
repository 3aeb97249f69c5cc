"""How far two values lie apart: as quantiles when learned, and drawn from these."""

from typing import Any

import numpy as np
import numpy.typing as npt

from generators.privacy.support import Released, Support

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_QUANTILES = np.linspace(0, 1, 33)


def learned(support: Support, gaps: Floats | Ints, units: Ints) -> Released[Any]:
    """The quantiles of gaps that are never negative; none where too few units have some."""
    spread = np.maximum(np.asarray(gaps, np.float64), 0)
    return support.quantiles(spread, units, _QUANTILES)


def drawn(quantiles: Floats, rows: int, rng: np.random.Generator) -> Floats:
    """So many gaps as learned; 0 where nothing was."""
    if not len(quantiles):
        return np.zeros(rows)
    return np.interp(rng.random(rows), _QUANTILES, quantiles)
