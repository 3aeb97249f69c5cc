"""Tells sums of children from training rows alone, where some of the children are held out."""

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TOLD = 200
"""Parents that must be known before their sums tell anything."""
_ABOVE = 0.02
"""Share of parents whose children may come to more than is held of them."""
_HELD_OUT = 0.25
"""Share of all sums that held out children may take away."""
_WHOLE = 0.02
"""Share of parents none of whose children may be held out, or none that adds anything."""
_ALIGNED = 0.95
"""Correlation of sums with what is held, from which the source's rows are asked."""


def is_part(sums: Floats | Ints, held: Floats | Ints, spoken: Bools) -> bool:
    """Whether sums are what is held or a little less, in rows that are not all alike."""
    rows = np.flatnonzero(spoken)
    if len(rows) < _TOLD:
        return False
    some, whole = sums[rows].astype(np.float64), held[rows].astype(np.float64)
    if (some > whole).mean() > _ABOVE or not whole.std() or not some.std():
        return False
    missing = 1 - some.sum() / whole.sum()
    near = float(np.corrcoef(some, whole)[0, 1]) >= _ALIGNED
    return bool(near and 0 < missing <= _HELD_OUT and (some == whole).mean() >= _WHOLE)
