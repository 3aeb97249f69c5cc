"""Values that have an order as numbers: of one scale, so that they can be compared and computed."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import INFINITE, NUMBERS, DataType, Kind, arrow_type

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAY = 86_400_000_000
"""Microseconds."""
GRIDS = (1000, 500, 250, 200, 100, 60, 50, 30, 25, 20, 15, 12, 10, 7, 6, 5, 4, 3, 2)
"""Steps, in units of the last place, that numbers may be multiples of."""
LAST_DAY = int(np.iinfo(np.int64).max // DAY - 1)
"""Where an infinite date stands; minus infinity is the negative of it."""
_YEARS = (1000, 3000)
_NARROW = 32
_FIRST_DAY = -2_440_588
"""The first day that PostgreSQL knows, 4714-11-24 BC (its manual, table 8.9)."""


class Scale(StrEnum):
    """What numbers count: only those of one scale can be compared."""

    NUMBER = "number"
    MOMENT = "moment"
    """Microseconds since 1970; a date counts as its midnight."""
    CLOCK = "clock"
    """Microseconds since midnight."""
    SPAN = "span"
    """Microseconds."""


_SCALES = {
    Kind.DATE: Scale.MOMENT,
    Kind.TIMESTAMP: Scale.MOMENT,
    Kind.TIMESTAMPTZ: Scale.MOMENT,
    Kind.TIME: Scale.CLOCK,
    Kind.INTERVAL: Scale.SPAN,
}


@dataclass(frozen=True, slots=True)
class Magnitudes:
    """A column as numbers.

    Attributes:
        scale: what they count.
        values: one per row; 0 where there is none. Numbers are floats, all else whole.
        known: where there is one.
    """

    scale: Scale
    values: Floats | Ints
    known: Bools


def scale_of(datatype: DataType) -> Scale | None:
    """The scale of a type's values; None where they are no magnitudes."""
    return Scale.NUMBER if datatype.kind in NUMBERS else _SCALES.get(datatype.kind)


def step_of(datatype: DataType) -> float:
    """The smallest difference of two values of a type; 0 where there is none."""
    if datatype.kind is Kind.INTEGER:
        return 1.0
    if datatype.kind is Kind.DECIMAL:
        return float(10.0 ** -((datatype.scale or 0) if datatype.precision is not None else 12))
    return {Kind.FLOAT: 0.0, Kind.DATE: float(DAY)}.get(datatype.kind, 1.0)


def magnitudes(values: pa.Array, scale: Scale) -> Magnitudes:
    """Values as numbers of a scale; infinite dates lie beyond all others."""
    known = _there(values)
    if scale is Scale.NUMBER:
        found = pc.fill_null(pc.cast(values, pa.float64(), safe=False), 0.0)
        numbers = found.to_numpy(zero_copy_only=False)
        return Magnitudes(scale, numbers, known & np.isfinite(numbers))
    counts = _counts(values)
    if pa.types.is_date32(values.type):
        return Magnitudes(scale, np.clip(counts.astype(np.int64), -LAST_DAY, LAST_DAY) * DAY, known)
    return Magnitudes(scale, counts, known)


def stored(numbers: Floats | Ints, known: Bools, datatype: DataType) -> pa.Array:
    """Numbers as values of a column, rounded to what it holds; null where not known.

    What lies beyond the type's range is cut to its last value.
    """
    mask, numbers = ~known, np.where(known, numbers, numbers.dtype.type(0))
    wanted = arrow_type(datatype)
    if datatype.kind is Kind.FLOAT:
        return pa.array(numbers.astype(np.float64), mask=mask).cast(wanted, safe=False)
    if datatype.kind is Kind.INTEGER:
        whole = _whole(numbers, np.iinfo(wanted.to_pandas_dtype()))
        return pa.array(whole, mask=mask).cast(wanted)
    if datatype.kind is Kind.DECIMAL:
        return _decimals(np.asarray(numbers, np.float64), mask, wanted)
    return _times(np.asarray(numbers).astype(np.int64), mask, datatype)


def later(moments: Ints, spans: Ints) -> Ints:
    """Moments so many microseconds later, no later than time lasts; infinite ones stay."""
    end = LAST_DAY * DAY
    there = np.clip(moments, -end, end)
    room = -end - np.minimum(there, 0), end - np.maximum(there, 0)
    return np.where(np.abs(there) == end, there, there + np.clip(spans, *room))


def finite(values: pa.Array) -> Bools:
    """Which values are neither null nor infinite."""
    there = _there(values)
    if not (pa.types.is_date32(values.type) or pa.types.is_timestamp(values.type)):
        return there
    counts, end = _counts(values), INFINITE[values.type.bit_width]
    return np.asarray(there & (counts != end) & (counts != -end))


def _there(values: pa.Array) -> Bools:
    if not values.null_count:
        return np.ones(len(values), np.bool_)
    return np.asarray(values.is_valid().to_numpy(zero_copy_only=False))


def _counts(values: pa.Array) -> npt.NDArray[Any]:
    """What values of a fixed width count; 0 where there is none."""
    counts = values.view(pa.int32() if values.type.bit_width == _NARROW else pa.int64())
    filled = pc.fill_null(counts, 0) if counts.null_count else counts
    return np.asarray(filled.to_numpy())


def _decimals(numbers: Floats, mask: Bools, wanted: pa.DataType) -> pa.Array:
    digits = wanted.precision - wanted.scale
    places = min(wanted.scale, 12)
    most = 10.0**digits - 10.0**-places if digits + places <= 15 else np.nextafter(10.0**digits, 0)
    cut = np.clip(numbers, -most, most)
    steps = np.rint(cut * 10.0**places)
    if np.abs(steps).max(initial=0) >= 2**62:
        return pa.array(cut, mask=mask).cast(wanted, safe=False)
    # A whole number of steps is exact where a cast from a float would have to guess.
    whole = pa.array(steps.astype(np.int64), mask=mask).cast(pa.decimal128(38, 0))
    return pa.Array.from_buffers(pa.decimal128(38, places), len(whole), whole.buffers()).cast(
        wanted
    )


def _whole(numbers: Floats | Ints, ends: "np.iinfo[np.int64]") -> Ints:
    if numbers.dtype == np.int64:
        return np.clip(numbers, ends.min, ends.max)
    near = np.clip(np.rint(numbers), -_WORD, _WORD)
    # A float next to the last word is the word beyond it, which a cast would turn into the first.
    inside = np.minimum(near, np.nextafter(_WORD, 0)).astype(np.int64)
    return np.clip(np.where(near < _WORD, inside, ends.max), ends.min, ends.max)


_WORD = 2.0**63


def _times(numbers: Ints, mask: Bools, datatype: DataType) -> pa.Array:
    wanted = arrow_type(datatype)
    if datatype.kind is Kind.TIME:
        return pa.array(np.clip(numbers, 0, DAY), mask=mask).view(wanted)
    if datatype.kind is Kind.INTERVAL:
        return pa.array(numbers, mask=mask).view(wanted)
    bits = wanted.bit_width
    unit = DAY if datatype.kind is Kind.DATE else 1
    cut = np.maximum(numbers // unit, _FIRST_DAY * (DAY // unit))
    cut = np.where(numbers >= LAST_DAY * DAY, INFINITE[bits], cut)
    cut = np.where(numbers <= -LAST_DAY * DAY, -INFINITE[bits], cut)
    return pa.array(cut.astype(f"int{bits}"), mask=mask).view(wanted)


def looks_like_years(numbers: Floats | Ints) -> bool:
    """Whether whole numbers may be years, so that dates can be held against them."""
    return bool(len(numbers)) and _YEARS[0] <= numbers.min() and numbers.max() <= _YEARS[1]
