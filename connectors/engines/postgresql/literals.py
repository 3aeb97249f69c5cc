"""Values as the literals that the server's input functions read, whatever its settings."""

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import INFINITE, DataType, Kind
from connectors.engines.postgresql.binary import interval_parts
from connectors.engines.postgresql.buffers import (
    Bytes,
    Ints,
    content,
    fixed_values,
    offsets,
    validity,
    variable_width,
)

_DAY = 86_400_000_000
_HOUR, _MINUTE, _SECOND = 3_600_000_000, 60_000_000, 1_000_000
_JULIAN_DAY_OF_1970 = 2_440_588
_HEX_DIGITS = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), "<u2")


def literals(array: pa.Array, datatype: DataType) -> pa.Array:
    """A string per value, null for null; the array is in its column's exact Arrow type."""
    writer = _WRITERS.get(datatype.kind)
    return array if writer is None else writer(array, datatype)


def _boolean(array: pa.Array, _: DataType) -> pa.Array:
    return pc.if_else(array, "t", "f")


def _number(array: pa.Array, _: DataType) -> pa.Array:
    """Integers in full, floats with the fewest digits that read back as the same float."""
    return array.cast(pa.string())


def _decimal(array: pa.Array, datatype: DataType) -> pa.Array:
    """All declared digits; without a declared scale, no zeros at the end, as in binary form."""
    texts = array.cast(pa.string())
    if datatype.precision is not None:
        return texts
    # Arrow writes a small number as 1.50E-7, and a zero of scale 12 as 0E-12.
    short = pc.replace_substring_regex(texts, r"^(-?\d+)(\.\d*[1-9])?\.?0*(E.*)?$", r"\1\2\3")
    return pc.if_else(pc.equal(array, pa.scalar(Decimal(0), array.type)), "0", short)


def _date(array: pa.Array, _: DataType) -> pa.Array:
    return _endless(array, _julian(_counts(array, "<i4"), array))


def _time(array: pa.Array, _: DataType) -> pa.Array:
    return _null_where(array, _clock(_counts(array, "<i8")))


def _timestamp(array: pa.Array, _: DataType) -> pa.Array:
    counts = _counts(array, "<i8")
    day, clock = _julian(counts // _DAY, array), _clock(counts % _DAY)
    return _endless(array, pc.binary_join_element_wise(day, clock, " "))


def _timestamptz(array: pa.Array, datatype: DataType) -> pa.Array:
    texts = pc.binary_join_element_wise(_timestamp(array, datatype), "+00", "")
    return _endless(array, texts)


def _endless(array: pa.Array, texts: pa.Array) -> pa.Array:
    """The texts, with those of infinity where dates or timestamps are infinite."""
    bits = array.type.bit_width
    counts = array.view(pa.int32() if bits == 32 else pa.int64())
    for sign, text in ((1, "infinity"), (-1, "-infinity")):
        texts = pc.if_else(pc.equal(counts, sign * INFINITE[bits]), text, texts)
    return texts


def _julian(days: Ints, array: pa.Array) -> pa.Array:
    """Julian days: read alike for every year, also before Christ, and under any DateStyle."""
    numbers = pa.array(days + _JULIAN_DAY_OF_1970).cast(pa.string())
    return _null_where(array, pc.binary_join_element_wise("J", numbers, ""))


def _clock(counts: Ints) -> pa.Array:
    """Microseconds as hours:minutes:seconds."""
    parts = [counts // _HOUR, counts // _MINUTE % 60, counts // _SECOND % 60, counts % _SECOND]
    hours, minutes, seconds, rest = [pa.array(part).cast(pa.string()) for part in parts]
    fraction = pc.utf8_lpad(rest, 6, "0")
    whole = pc.binary_join_element_wise(hours, minutes, seconds, ":")
    return pc.binary_join_element_wise(whole, fraction, ".")


def _interval(array: pa.Array, datatype: DataType) -> pa.Array:
    """Months, days and a time, all with the sign, as in binary form."""
    lengths = _counts(array, "<i8")
    months, days, rest = interval_parts(lengths, datatype)
    sign = pc.if_else(pa.array(lengths < 0), "-", "+")
    parts = [pa.array(np.abs(part)).cast(pa.string()) for part in (months, days)]
    clock = _clock(np.abs(rest))
    pieces = (sign, parts[0], " mons ", sign, parts[1], " days ", sign, clock)
    return _null_where(array, pc.binary_join_element_wise(*pieces, ""))


def _uuid(array: pa.Array, _: DataType) -> pa.Array:
    digits = _hexadecimal(fixed_values(array, "V16").view(np.uint8))
    starts = np.arange(0, 32 * (len(array) + 1), 32, dtype=np.int32)
    return _null_where(array, variable_width(digits, starts).view(pa.string()))


def _bytes(array: pa.Array, _: DataType) -> pa.Array:
    digits = _hexadecimal(content(array))
    starts = (offsets(array) * 2).astype(np.int32)
    texts = variable_width(digits, starts).view(pa.string())
    return _null_where(array, pc.binary_join_element_wise("\\x", texts, ""))


def _hexadecimal(data: Bytes) -> Bytes:
    return _HEX_DIGITS[data].view(np.uint8)


def _array(array: pa.Array, datatype: DataType) -> pa.Array:
    """Every item in quotes, which no type minds; NULL is a null only without them."""
    element = datatype.element or DataType(Kind.OTHER, "unknown")
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy().astype(np.int64)
    items = literals(array.flatten(), element)
    for special in ("\\", '"'):
        items = pc.replace_substring(items, special, f"\\{special}")
    quoted = pc.fill_null(pc.binary_join_element_wise('"', items, '"', ""), "NULL")
    bounds = pa.array(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32))
    # The one built-in type whose own literals hold commas takes another separator.
    separator = ";" if element.sql == "box" else ","
    inner = pc.binary_join(pa.ListArray.from_arrays(bounds, quoted), separator)
    return _null_where(array, pc.binary_join_element_wise("{", inner, "}", ""))


def _counts(array: pa.Array, dtype: str) -> Ints:
    counts = fixed_values(array, dtype).astype(np.int64)
    return np.where(validity(array), counts, 0) if array.null_count else counts


def _null_where(array: pa.Array, texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_valid(array), texts, None) if array.null_count else texts


_WRITERS: dict[Kind, Callable[[pa.Array, DataType], pa.Array]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _number,
    Kind.FLOAT: _number,
    Kind.DECIMAL: _decimal,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIMESTAMPTZ: _timestamptz,
    Kind.INTERVAL: _interval,
    Kind.UUID: _uuid,
    Kind.BYTES: _bytes,
    Kind.ARRAY: _array,
}
