"""How far a value has to move to lie beyond another, and how far it may."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import DataType, Kind
from connectors.invariants import Term
from generators.invariants import Drawing
from generators.magnitudes import DAY, Scale, finite, later, magnitudes, scale_of, step_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NARROW = 32
_USUAL = (1_000, 1_000_000, 60_000_000, 3_600_000_000, DAY)
"""Microseconds that moments are rounded to."""


def grid_of(drawing: Drawing, datatype: DataType) -> float:
    """The smallest difference of two values of the target: of moments, as its own are rounded.

    Flights arrive at whole minutes, and their delays are whole numbers of them.
    """
    finest = step_of(datatype)
    if scale_of(datatype) is not Scale.MOMENT:
        return finest
    pool = drawing.pool(drawing.target)
    there = np.asarray(magnitudes(pool, Scale.MOMENT).values, np.int64)[finite(pool)]
    common = int(np.gcd.reduce(there)) if len(there) else 0
    return max((float(s) for s in _USUAL if common and common % s == 0), default=finest)


def room(drawing: Drawing, anchor: Floats | Ints, *, upwards: bool) -> Floats:
    """How far numbers may move from others without lying beyond all that are drawn."""
    values = drawing.scene.values(Term(drawing.target))
    every = pa.concat_arrays([values, drawing.pool(drawing.target).cast(values.type)])
    numbers = magnitudes(every, Scale.NUMBER)
    there = np.asarray(numbers.values[numbers.known], np.float64)
    end = there.max(initial=-np.inf) if upwards else there.min(initial=np.inf)
    return np.asarray(np.maximum(end - anchor if upwards else anchor - end, 0))


def least_gap(anchor: Floats | Ints, datatype: DataType) -> Floats:
    """How far a value has to lie from another to differ from it."""
    step = np.full(len(anchor), step_of(datatype))
    if anchor.dtype == np.int64:
        return step
    narrow = datatype.kind is Kind.FLOAT and datatype.bits == _NARROW
    spacing = np.spacing(np.abs(anchor).astype(np.float32 if narrow else np.float64))
    return np.asarray(np.maximum(step, 2 * spacing))


def beyond(anchor: Floats | Ints, gaps: Floats, step: float, *, upwards: bool) -> Floats | Ints:
    """Values of a grid at least so far above (or below) others."""
    if anchor.dtype == np.int64:
        whole, grid = np.rint(gaps).astype(np.int64), max(1, int(step))
        moments = anchor.astype(np.int64)
        if upwards:
            return -(-later(moments, whole) // grid) * grid
        return later(moments, -whole) // grid * grid
    moved = anchor + gaps if upwards else anchor - gaps
    if not step:
        return np.asarray(moved)
    near = np.rint(moved / step)
    exact = np.abs(moved / step - near) < 1e-6
    rounded = np.ceil(moved / step) if upwards else np.floor(moved / step)
    return np.asarray(np.where(exact, near, rounded) * step)
