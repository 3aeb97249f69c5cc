"""The PostgreSQL type of an Arrow type, and values that pass into it without loss."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind, arrow_type
from provisioner.errors import WrongFrame

_ROWS = 1 << 16
_UNITS = ("s", "ms", "us", "ns")
_DAYS = (-2_440_588, 2_145_042_905)
_MICROSECONDS = (-210_866_803_200_000_000, 9_223_339_708_799_999_999)
"""The first and last day and instant that the server can hold, counted from 1970."""

SMALLINT = DataType(Kind.INTEGER, "smallint", bits=16)
INTEGER = DataType(Kind.INTEGER, "integer", bits=32)
BIGINT = DataType(Kind.INTEGER, "bigint", bits=64)
REAL = DataType(Kind.FLOAT, "real", bits=32)
DOUBLE = DataType(Kind.FLOAT, "double precision", bits=64)
BOOLEAN = DataType(Kind.BOOLEAN, "boolean")
TEXT = DataType(Kind.TEXT, "text")
BYTES = DataType(Kind.BYTES, "bytea")
DATE = DataType(Kind.DATE, "date")
TIME = DataType(Kind.TIME, "time without time zone")
TIMESTAMP = DataType(Kind.TIMESTAMP, "timestamp without time zone")
TIMESTAMPTZ = DataType(Kind.TIMESTAMPTZ, "timestamp with time zone")
INTERVAL = DataType(Kind.INTERVAL, "interval")
UUID = DataType(Kind.UUID, "uuid")
JSON = DataType(Kind.JSON, "jsonb")

_FIXED: dict[pa.DataType, DataType] = {
    pa.null(): TEXT,
    pa.bool_(): BOOLEAN,
    pa.int8(): SMALLINT,
    pa.int16(): SMALLINT,
    pa.int32(): INTEGER,
    pa.int64(): BIGINT,
    pa.uint8(): SMALLINT,
    pa.uint16(): INTEGER,
    pa.uint32(): BIGINT,
    pa.float16(): REAL,
    pa.float32(): REAL,
    pa.float64(): DOUBLE,
    pa.string(): TEXT,
    pa.large_string(): TEXT,
    pa.string_view(): TEXT,
    pa.binary(): BYTES,
    pa.large_binary(): BYTES,
    pa.binary_view(): BYTES,
    pa.date32(): DATE,
    pa.date64(): DATE,
    pa.time32("s"): TIME,
    pa.time32("ms"): TIME,
    pa.time64("us"): TIME,
    pa.time64("ns"): TIME,
    **{pa.duration(unit): INTERVAL for unit in _UNITS},
    **{pa.timestamp(unit): TIMESTAMP for unit in _UNITS},
}


def datatype_of(found: pa.DataType) -> DataType | None:
    """The narrowest type that holds every value of an Arrow type; None where there is none."""
    if pa.types.is_uint64(found):
        return numeric(20, 0)
    if pa.types.is_decimal(found):
        return numeric(found.precision, found.scale)
    if pa.types.is_timestamp(found) and found.tz is not None:
        return TIMESTAMPTZ
    if pa.types.is_fixed_size_binary(found):
        return BYTES
    if is_list(found):
        return array_of(datatype_of(found.value_type))
    return _FIXED.get(found)


def numeric(precision: int, scale: int) -> DataType:
    """The type of decimals with so many digits, so many of them after the point."""
    sql = f"numeric({precision},{scale})"
    return DataType(Kind.DECIMAL, sql, precision=precision, scale=scale)


def array_of(element: DataType | None) -> DataType | None:
    """The type of arrays of a type; None for what Arrow's lists do not hold one deep."""
    if element is None or element.kind in {Kind.ARRAY, Kind.JSON}:
        return None
    return DataType(Kind.ARRAY, f"{element.sql}[]", element=element)


def is_list(found: pa.DataType) -> bool:
    """Whether values of an Arrow type are lists, of whatever layout."""
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_kind(found) for is_kind in kinds)


def lossless(values: pa.ChunkedArray, datatype: DataType) -> pa.ChunkedArray:
    """Values in the Arrow type in which their column travels, each of them unchanged.

    Raises:
        WrongFrame: a value does not fit; the text says how many, and none of them.
    """
    wanted = arrow_type(datatype)
    found = [_cast(part, datatype) for part in _parts(values)]
    for part in found:
        _check(part, datatype)
    return pa.chunked_array(found, wanted)


def _parts(values: pa.ChunkedArray) -> Iterator[pa.Array]:
    """The values some thousands at a time: Arrow's texts hold no more than 2 GB in one piece."""
    for chunk in values.chunks:
        yield from (chunk.slice(start, _ROWS) for start in range(0, len(chunk), _ROWS))


def _cast(part: pa.Array, datatype: DataType) -> pa.Array:
    wanted = arrow_type(datatype)
    try:
        return part.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Arrow's own message would quote a value.
        raise WrongFrame(
            f"{_lost(part, wanted)} values do not fit {datatype.sql} without loss, which keeps "
            "times to the microsecond; round or convert them first"
        ) from None


def _lost(part: pa.Array, wanted: pa.DataType) -> str:
    """How many values a cast changes, in words."""
    try:
        again = part.cast(wanted, safe=False).cast(part.type, safe=False)
        return str(pc.sum(pc.not_equal(part, again)).as_py() or "some")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return "some"


def _check(part: pa.Array, datatype: DataType) -> None:
    """Refuses what its type could hold and the server does not."""
    if datatype.kind is Kind.ARRAY and datatype.element is not None:
        _check(part.flatten(), datatype.element)
    elif datatype.kind is Kind.TEXT:
        _refuse(pc.match_substring(part, "\0"), "hold the character NUL, which no text may hold")
    elif datatype.kind is Kind.DATE:
        _check_range(part.view(pa.int32()), _DAYS)
    elif datatype.kind in {Kind.TIMESTAMP, Kind.TIMESTAMPTZ}:
        _check_range(part.view(pa.int64()), _MICROSECONDS)


def _check_range(counts: pa.Array, ends: tuple[int, int]) -> None:
    outside = pc.or_(pc.less(counts, ends[0]), pc.greater(counts, ends[1]))
    _refuse(outside, "lie outside the years 4714 BC to 294245, which is what the server holds")


def _refuse(wrong: pa.Array, why: str) -> None:
    count = pc.sum(wrong).as_py()
    if count:
        raise WrongFrame(f"{count} values {why}; change or drop them first")
