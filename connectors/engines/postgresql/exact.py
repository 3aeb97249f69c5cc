"""Turns an array into the exact Arrow type of its column, or refuses.

Encoders trust the Arrow type and the server trusts the bytes: an int64 written into a float8
column arrives as another number, without any error. So every array passes here first.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.engines.postgresql.buffers import content, fixed_width, validity
from connectors.errors import WrongArrowType
from connectors.schema import Column

_NARROW_DIGITS = 38


def exact(array: pa.Array, column: Column) -> pa.Array:
    """The array in the column's Arrow type, every value unchanged.

    Two roundings are no loss, since the column declares them: a float to the scale of a
    numeric(p, s), and a float or decimal to the nearest value of a narrower float. A numeric
    without a declared scale accepts a decimal128 or decimal256 of any scale as it is.

    Raises:
        WrongArrowType: the array's type means something else than the column's, or a value does
            not fit.
    """
    plain = _plain(array)
    target = arrow_type(column.datatype)
    if plain.type == target:
        return plain
    try:
        found = _converted(plain, column, target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        found = None
    if found is None:
        # Arrow's own message would quote the value that does not fit.
        raise WrongArrowType(
            f"column {column.name} ({column.datatype.sql}) takes Arrow {target}; found "
            f"{array.type}, which does not become that without loss; cast the column to {target} "
            "before it is written"
        ) from None
    return found


def _plain(array: pa.Array) -> pa.Array:
    """The array without a dictionary, runs or an extension type around its values."""
    if isinstance(array, pa.ExtensionArray):
        return _plain(array.storage)
    if pa.types.is_dictionary(array.type):
        return _plain(array.dictionary_decode())
    if pa.types.is_run_end_encoded(array.type):
        return _plain(pc.run_end_decode(array))
    return array


def _converted(array: pa.Array, column: Column, target: pa.DataType) -> pa.Array | None:
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), target)
    if column.datatype.kind is Kind.ARRAY and _is_list(array.type):
        return _list(array, column)
    conversion = _CONVERSIONS.get(column.datatype.kind)
    return conversion(array, column.datatype) if conversion else None


def _is_list(found: pa.DataType) -> bool:
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_kind(found) for is_kind in kinds)


def _list(array: pa.Array, column: Column) -> pa.Array | None:
    if column.datatype.element is None:
        return None
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    elements = exact(array.flatten(), replace(column, datatype=column.datatype.element))
    mask = pc.is_null(array)
    return pa.ListArray.from_arrays(pa.array(offsets).cast(pa.int32()), elements, mask=mask)


def _integer(array: pa.Array, datatype: DataType) -> pa.Array | None:
    found = array.type
    if pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found):
        return array.cast(arrow_type(datatype))
    return None


def _float(array: pa.Array, datatype: DataType) -> pa.Array | None:
    target = arrow_type(datatype)
    if pa.types.is_integer(array.type):
        return array.cast(target)
    if pa.types.is_floating(array.type) or pa.types.is_decimal(array.type):
        return _without_new_infinities(array, array.cast(target, safe=False))
    return None


def _without_new_infinities(before: pa.Array, after: pa.Array) -> pa.Array | None:
    if pa.types.is_decimal(before.type):
        return None if pc.any(pc.is_inf(after)).as_py() else after
    return after if pc.is_inf(before).equals(pc.is_inf(after)) else None


def _decimal(array: pa.Array, datatype: DataType) -> pa.Array | None:
    found, target = array.type, arrow_type(datatype)
    is_free = datatype.precision is None
    if pa.types.is_integer(found):
        # An int64 needs 19 digits, a uint64 20, before Arrow looks at the values.
        return array.cast(pa.decimal128(20, 0)).cast(target)
    if pa.types.is_floating(found):
        # By way of its shortest digits, 0.1 is the decimal 0.1, and what needs more fails.
        return (array.cast(pa.string()) if is_free else array).cast(target)
    if pa.types.is_decimal(found):
        return _rescaled(array, target, is_free)
    return None


def _rescaled(array: pa.Array, target: pa.DataType, is_free: bool) -> pa.Array:
    if not is_free:
        return array.cast(target)
    if pa.types.is_decimal128(array.type) or pa.types.is_decimal256(array.type):
        return array
    return array.cast(pa.decimal128(_NARROW_DIGITS, array.type.scale))


def _text(array: pa.Array, datatype: DataType) -> pa.Array | None:
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    is_text = any(is_kind(array.type) for is_kind in kinds)
    return array.cast(arrow_type(datatype)) if is_text else None


def _bytes(array: pa.Array, datatype: DataType) -> pa.Array | None:
    return array.cast(arrow_type(datatype)) if _is_binary(array.type) else None


def _is_binary(found: pa.DataType) -> bool:
    kinds = (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_binary_view,
        pa.types.is_fixed_size_binary,
    )
    return any(is_kind(found) for is_kind in kinds)


def _date(array: pa.Array, datatype: DataType) -> pa.Array | None:
    found, target = array.type, arrow_type(datatype)
    is_naive = pa.types.is_timestamp(found) and found.tz is None
    if not (is_naive or pa.types.is_date(found)):
        return None
    days = array.cast(target, safe=False)
    # Arrow drops a time of day without a word; only midnights are dates.
    return days if _equal(days.cast(found), array) else None


def _time(array: pa.Array, datatype: DataType) -> pa.Array | None:
    return array.cast(arrow_type(datatype)) if pa.types.is_time(array.type) else None


def _timestamp(array: pa.Array, datatype: DataType) -> pa.Array | None:
    found = array.type
    is_naive = pa.types.is_timestamp(found) and found.tz is None
    return array.cast(arrow_type(datatype)) if is_naive or pa.types.is_date(found) else None


def _timestamptz(array: pa.Array, datatype: DataType) -> pa.Array | None:
    found = array.type
    is_instant = pa.types.is_timestamp(found) and found.tz is not None
    return array.cast(arrow_type(datatype)) if is_instant else None


def _interval(array: pa.Array, datatype: DataType) -> pa.Array | None:
    return array.cast(arrow_type(datatype)) if pa.types.is_duration(array.type) else None


def _uuid(array: pa.Array, datatype: DataType) -> pa.Array | None:
    if _is_binary(array.type):
        return array.cast(pa.binary()).cast(arrow_type(datatype))
    texts = _text(array, replace(datatype, kind=Kind.TEXT))
    return None if texts is None else _parsed_uuids(texts)


def _parsed_uuids(texts: pa.Array) -> pa.Array | None:
    """The forms that PostgreSQL reads: 32 hexadecimal digits, any case, hyphens and braces."""
    digits = pc.replace_substring(pc.ascii_trim(texts, "{}"), "-", "")
    if not pc.all(pc.match_substring_regex(digits, r"^[0-9a-fA-F]{32}\z"), min_count=0).as_py():
        return None
    letters = content(pc.fill_null(digits, "0" * 32)).reshape(-1, 2)
    # '0'-'9' end in their value; 'a'-'f' and 'A'-'F' have bit 6 set and end in their value less 9.
    nibbles = (letters & 0x0F) + 9 * (letters >> 6)
    packed = ((nibbles[:, 0] << 4) | nibbles[:, 1]).view("V16")
    return fixed_width(packed, validity(texts)).cast(pa.binary(16))


def _equal(one: pa.Array, other: pa.Array) -> bool:
    return bool(pc.all(pc.equal(one, other), min_count=0).as_py())


_CONVERSIONS: dict[Kind, Callable[[pa.Array, DataType], pa.Array | None]] = {
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.DECIMAL: _decimal,
    Kind.TEXT: _text,
    Kind.ENUM: _text,
    Kind.JSON: _text,
    Kind.OTHER: _text,
    Kind.BYTES: _bytes,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIMESTAMPTZ: _timestamptz,
    Kind.INTERVAL: _interval,
    Kind.UUID: _uuid,
}
