"""Times moved by whole days, but for those that stand for no day at all."""

import re
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind, Shape

FIRST_YEAR, LAST_YEAR = 1000, 2899
"""Times outside these years never move: they stand for "always", "never" or "not known"."""

_PLAIN = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_RANGES = frozenset(
    f"{kind}{form}" for kind in ("date", "ts", "tstz") for form in ("range", "multirange")
)
_DAY = 86_400_000_000
_LOW = (date(FIRST_YEAR, 1, 1) - date(1970, 1, 1)).days
_HIGH = (date(LAST_YEAR + 1, 1, 1) - date(1970, 1, 1)).days
_DATE = re.compile(r"(?<![\d-])(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)(?!.* BC)")


def is_shiftable(datatype: DataType) -> bool:
    """Whether a column holds days or moments: alone, in an array, or as the ends of ranges."""
    if datatype.kind is Kind.ARRAY and datatype.element is not None:
        return is_shiftable(datatype.element)
    if datatype.shape is Shape.RANGE:
        return any(part.kind in _PLAIN for part in datatype.parts)
    return datatype.kind in _PLAIN or datatype.plain in _RANGES


def shifted(values: pa.Array, days: int) -> pa.Array:
    """The values, each day or moment within years that move so many days later."""
    if pa.types.is_list(values.type):
        return _shifted_lists(values, days)
    if pa.types.is_string(values.type):
        texts = [None if v is None else _shifted_text(v, days) for v in values.to_pylist()]
        return pa.array(texts, values.type)
    wide = values.type.bit_width == 64
    stored = pa.int64() if wide else pa.int32()
    unit = _DAY if wide else 1
    counts = pc.cast(values.view(stored), pa.int64())
    inside = pc.and_(
        pc.greater_equal(counts, pa.scalar(_LOW * unit)), pc.less(counts, pa.scalar(_HIGH * unit))
    )
    moved = pc.add(pc.if_else(inside, counts, 0), pa.scalar(days * unit))
    return pc.cast(pc.if_else(inside, moved, counts), stored).view(values.type)


def _shifted_lists(values: pa.Array, days: int) -> pa.Array:
    sizes = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32))
    mask = values.is_null() if values.null_count else None
    inner = shifted(pc.list_flatten(values), days)
    return pa.ListArray.from_arrays(offsets, inner, values.type, mask=mask)


def _shifted_text(text: str, days: int) -> str:
    """A literal of a range, whose days move and whose times of day stay."""
    return _DATE.sub(lambda found: _shifted_day(found, days), text)


def _shifted_day(found: re.Match[str], days: int) -> str:
    if not FIRST_YEAR <= int(found["year"]) <= LAST_YEAR:
        return found[0]
    return (date.fromisoformat(found[0]) + timedelta(days)).isoformat()
