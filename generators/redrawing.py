"""Draws other values where a rule forbids those that were drawn."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.invariants import Term
from generators.distinct import patched
from generators.invariants import Drawing

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Allows = Callable[[pa.Array], Bools]

_TRIES = 4


def redrawn(drawing: Drawing, values: pa.Array, rows: Ints, allows: Allows) -> pa.Array:
    """The target's values with others at some rows, all of which are allowed.

    What is still forbidden after some tries is taken from values of other rows; where there is no
    allowed one at all, it stays.
    """
    for _ in range(_TRIES):
        if not len(rows):
            return values
        values = patched(values, rows, drawing.again(drawing.target, rows))
        rows = rows[~allows(values.take(pa.array(rows)))]
    drawn = drawing.scene.values(Term(drawing.target))
    known = pa.concat_arrays([drawn, drawing.pool(drawing.target).cast(drawn.type)])
    fit = np.flatnonzero(allows(known))
    if not len(fit) or not len(rows):
        return values
    return patched(values, rows, known.take(pa.array(drawing.rng.choice(fit, len(rows)))))


def masked(values: pa.Array, empty: Bools) -> pa.Array:
    """The values with nulls in some rows."""
    return values.take(pa.array(np.arange(len(values)), mask=empty))


def filled(values: pa.Array) -> Bools:
    """Which values are not null."""
    return np.asarray(values.is_valid().to_numpy(zero_copy_only=False))
