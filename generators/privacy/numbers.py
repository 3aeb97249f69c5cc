"""Values of ordered types as floats, and back, for intervals that noise is measured over."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import TIMES, DataType, Kind, arrow_type
from connectors.limits import Limits
from generators.privacy.support import Floats

_MOST_PLACES = 12


def whole(datatype: DataType) -> bool:
    """Whether a type holds whole numbers alone, days and microseconds among them."""
    return datatype.kind is Kind.INTEGER or datatype.kind in TIMES


def numbers_of(values: pa.Array, datatype: DataType) -> Floats:
    """A float per value, in the same order; days or microseconds for times."""
    if datatype.kind in TIMES:
        width = pa.int32() if values.type.bit_width == 32 else pa.int64()
        values = values.view(width)
    found = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(np.nan_to_num(found), np.float64)


def bounds_of(datatype: DataType, limits: Limits) -> tuple[float, float]:
    """The lowest and the highest number that a column may hold, by its type and its checks."""
    bits = datatype.bits if datatype.kind is Kind.INTEGER else None
    digits = None if datatype.precision is None else datatype.precision - (datatype.scale or 0)
    edge = 2.0 ** (bits - 1) if bits else np.inf if digits is None else 10.0**digits
    edge = {Kind.DATE: 2.0**20, Kind.TIME: 8.64e10}.get(datatype.kind, edge)
    ends = [-edge, edge]
    for place, value in enumerate((limits.least, limits.most)):
        if isinstance(value, int | float | Decimal):
            ends[place] = float(value)
    return ends[0], ends[1]


def values_of(numbers: Floats, datatype: DataType, places: int | None) -> pa.Array:
    """The values of such floats, with so many digits after the point, as far as the type goes."""
    kind = arrow_type(datatype)
    if whole(datatype):
        width = kind.bit_width
        edge = float(2 ** (width - 1)) - 2 ** max(0, width - 53)
        ticks = np.floor(np.clip(numbers, -edge, edge)).astype(f"int{width}")
        return pa.array(ticks).view(kind)
    rounded = numbers if places is None else np.floor(numbers * 10.0**places) / 10.0**places
    if datatype.kind is Kind.DECIMAL:
        most = 10.0 ** (kind.precision - kind.scale) * (1 - 1e-12) - 1
        digits = min(_MOST_PLACES if places is None else places, max(0, kind.scale))
        texts = [f"{x:.{digits}f}" for x in np.clip(rounded, -most, most)]
        return pa.array(texts, pa.string()).cast(kind)
    return pa.array(rounded, pa.float64()).cast(kind, safe=False)
