"""Tells what children come to from training rows alone, where some of the children are held out."""

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
_SINGLE = 0.5
"""Share of parents from which on a value is any child's, and so no end of theirs."""
_ALIGNED = 0.95
"""Correlation of sums with what is held, from which the source's rows are asked."""


def is_part(sums: Floats | Ints, held: Floats | Ints, spoken: Bools) -> bool:
    """Whether sums are what is held or a little less, in rows that are not all alike."""
    rows = np.flatnonzero(spoken)
    if len(rows) < _TOLD:
        return False
    some, whole = sums[rows].astype(np.float64), held[rows].astype(np.float64)
    equal = np.isclose(some, whole)
    if ((some > whole) & ~equal).mean() > _ABOVE or not whole.std() or not some.std():
        return False
    missing = 1 - some.sum() / whole.sum()
    near = float(np.corrcoef(some, whole)[0, 1]) >= _ALIGNED
    return bool(near and 0 < missing <= _HELD_OUT and equal.mean() >= _WHOLE)


def is_end(ends: Floats | Ints, held: Floats | Ints, any_child: Floats | Ints, form: str) -> bool:
    """Whether what is held is the least or greatest of children, some of whom are unseen.

    Args:
        ends: per parent the least or greatest of the children that are seen.
        held: what the parent holds.
        any_child: a value of one of these children, by chance.
        form: "min" or "max".
    """
    if len(held) < _TOLD:
        return False
    beyond = ends < held if form == "min" else ends > held
    equal = float((ends == held).mean())
    return bool(
        beyond.mean() <= _ABOVE
        and 1 - _HELD_OUT <= equal < 1
        and (any_child == held).mean() <= _SINGLE * equal
    )
