"""Values in the server's binary form, one row after the other.

The form of each type is that of its receive function in the server's source
(src/backend/utils/adt), the frame that of the manual's page on COPY, "Binary Format".
"""

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import INFINITE, DataType, Kind
from connectors.engines.postgresql.buffers import (
    Bools,
    Ints,
    content,
    fixed_values,
    fixed_width,
    offsets,
    validity,
    variable_width,
)
from connectors.engines.postgresql.numeric import numeric_wire
from connectors.errors import WrongArrowType

# A part of every row: of one width (numpy, big-endian; without dimensions where it is the same in
# every row) or of a width that varies (an Arrow binary array, whose nulls stand for no bytes).
Piece: TypeAlias = npt.NDArray[Any] | pa.Array

_EPOCH_DAYS = 10_957  # from 1970-01-01 to 2000-01-01
_DAY = 86_400_000_000
_HOUR, _MOST_HOURS = 3_600_000_000, 2**31 - 1
_MONTH, _YEAR, _LEAP = 30 * _DAY, 1461 * _DAY // 4, 4
_OF_MONTHS = re.compile(r"interval (year|month|year to month)( .*)?")
_LENGTH = ">i4"
_NULL = -1
_MODIFIER = re.compile(r"\(.*?\)")
# The oids are the server's own (src/include/catalog/pg_type.dat) and never change.
_BUILT_IN: dict[tuple[Kind, str], int] = {
    (Kind.BOOLEAN, "boolean"): 16,
    (Kind.BYTES, "bytea"): 17,
    (Kind.TEXT, "name"): 19,
    (Kind.INTEGER, "bigint"): 20,
    (Kind.INTEGER, "smallint"): 21,
    (Kind.INTEGER, "integer"): 23,
    (Kind.TEXT, "text"): 25,
    (Kind.JSON, "json"): 114,
    (Kind.FLOAT, "real"): 700,
    (Kind.FLOAT, "double precision"): 701,
    (Kind.TEXT, "bpchar"): 1042,
    (Kind.TEXT, "character"): 1042,
    (Kind.TEXT, "character varying"): 1043,
    (Kind.DATE, "date"): 1082,
    (Kind.TIME, "time without time zone"): 1083,
    (Kind.TIMESTAMP, "timestamp without time zone"): 1114,
    (Kind.TIMESTAMPTZ, "timestamp with time zone"): 1184,
    (Kind.INTERVAL, "interval"): 1186,
    (Kind.DECIMAL, "numeric"): 1700,
    (Kind.UUID, "uuid"): 2950,
    (Kind.JSON, "jsonb"): 3802,
}


def oid(datatype: DataType) -> int | None:
    """The oid of a built-in type; None for any other, whose oid each database chooses itself."""
    spelling = " ".join(_MODIFIER.sub(" ", datatype.sql).split())
    if datatype.kind is Kind.INTERVAL and spelling.startswith("interval "):
        spelling = "interval"  # interval year to month and the like are spelled with their fields
    return _BUILT_IN.get((datatype.kind, spelling))


def binary_rows(arrays: Sequence[pa.Array], datatypes: Sequence[DataType]) -> bytes:
    """The rows of some columns of equal length, each led by its count of fields.

    Args:
        arrays: every one in the exact Arrow type of its column.
        datatypes: the columns' types, each with a binary form.
    """
    pieces: list[Piece] = [np.array(len(arrays), ">i2")]
    for array, datatype in zip(arrays, datatypes, strict=True):
        pieces += _field(array, datatype)
    return content(_woven(pieces, len(arrays[0]))).tobytes()


def _woven(pieces: Sequence[Piece], rows: int) -> pa.Array:
    """One binary value per row: its pieces, end to end."""
    runs = groupby(pieces, key=lambda piece: isinstance(piece, np.ndarray))
    parts = [part for is_fixed, run in runs for part in _parts(list(run), is_fixed, rows)]
    if len(parts) == 1:
        return parts[0]
    options = {"null_handling": "replace", "null_replacement": b""}
    return pc.binary_join_element_wise(*parts, b"", **options)


def _parts(run: list[Piece], is_fixed: bool, rows: int) -> list[pa.Array]:
    return [_block(run, rows)] if is_fixed else run


def _block(pieces: Sequence[npt.NDArray[Any]], rows: int) -> pa.Array:
    """Neighbours of fixed width as one: a record is written faster than its fields are joined."""
    names = [f"f{place}" for place in range(len(pieces))]
    block = np.empty(rows, list(zip(names, [piece.dtype for piece in pieces], strict=True)))
    for name, piece in zip(names, pieces, strict=True):
        block[name] = piece
    return fixed_width(block)


def _field(array: pa.Array, datatype: DataType) -> list[Piece]:
    """A column's pieces: each value after its length in bytes, nulls as the length -1."""
    valid = validity(array) if array.null_count else None
    if datatype.kind in _FIXED:
        return _fixed_field(_FIXED[datatype.kind](array, datatype), valid)
    if datatype.kind is Kind.ARRAY:
        return _varying_field(_array_wire(array, datatype), valid)
    if oid(datatype) == _BUILT_IN[Kind.JSON, "jsonb"]:
        return _jsonb_field(array, valid)
    return _varying_field(array, valid)


def _fixed_field(values: npt.NDArray[Any], valid: Bools | None) -> list[Piece]:
    width = values.dtype.itemsize
    if valid is None:
        return [np.array(width, _LENGTH), values]
    return [np.where(valid, width, _NULL).astype(_LENGTH), fixed_width(values, valid)]


def _varying_field(values: pa.Array, valid: Bools | None) -> list[Piece]:
    lengths = np.diff(offsets(values))
    if valid is not None:
        lengths = np.where(valid, lengths, _NULL)
    return [lengths.astype(_LENGTH), values.view(pa.binary())]


def _jsonb_field(values: pa.Array, valid: Bools | None) -> list[Piece]:
    """A jsonb is its text after the number of the format's only version; a null has neither."""
    lengths = np.diff(offsets(values)) + 1
    version = np.array(1, "u1")
    if valid is None:
        return [lengths.astype(_LENGTH), version, values.view(pa.binary())]
    lengths = np.where(valid, lengths, _NULL).astype(_LENGTH)
    versions = fixed_width(np.full(len(values), version), valid)
    return [lengths, versions, values.view(pa.binary())]


def _boolean_wire(array: pa.Array, _: DataType) -> npt.NDArray[Any]:
    return fixed_values(array.cast(pa.uint8()), "u1")


def _integer_wire(array: pa.Array, _: DataType) -> npt.NDArray[Any]:
    width = array.type.bit_width // 8
    return fixed_values(array, f"<i{width}").astype(f">i{width}")


def _float_wire(array: pa.Array, _: DataType) -> npt.NDArray[Any]:
    width = array.type.bit_width // 8
    return fixed_values(array, f"<f{width}").astype(f">f{width}")


def _numeric_wire(array: pa.Array, datatype: DataType) -> npt.NDArray[Any]:
    return numeric_wire(array, is_free=datatype.precision is None)


def _date_wire(array: pa.Array, datatype: DataType) -> npt.NDArray[Any]:
    return _since_2000(array, datatype, "i4", _EPOCH_DAYS)


def _time_wire(array: pa.Array, _: DataType) -> npt.NDArray[Any]:
    return fixed_values(array, "<i8").astype(">i8")


def _timestamp_wire(array: pa.Array, datatype: DataType) -> npt.NDArray[Any]:
    return _since_2000(array, datatype, "i8", _EPOCH_DAYS * _DAY)


def _since_2000(array: pa.Array, datatype: DataType, form: str, epoch: int) -> npt.NDArray[Any]:
    counts = fixed_values(array, f"<{form}")
    if array.null_count:
        counts = np.where(validity(array), counts, counts.dtype.type(0))
    endless = np.abs(counts) == INFINITE[array.type.bit_width]
    if endless.any():
        # The server's minus infinity is one less than the negative of its infinity.
        infinite = counts - (counts < 0)
        wire = np.where(endless, infinite, np.where(endless, 0, counts) - epoch)
        return np.asarray(wire.astype(counts.dtype)).astype(f">{form}")
    if int(counts.min(initial=0)) < np.iinfo(counts.dtype).min + epoch:
        raise WrongArrowType(
            f"a value of type {datatype.sql} lies before the first that PostgreSQL can hold, in "
            "4713 BC"
        )
    return np.asarray(counts - counts.dtype.type(epoch)).astype(f">{form}")


def _interval_wire(array: pa.Array, datatype: DataType) -> npt.NDArray[Any]:
    wire = np.zeros(len(array), [("rest", ">i8"), ("days", ">i4"), ("months", ">i4")])
    parts = interval_parts(fixed_values(array, "<i8"), datatype)
    wire["months"], wire["days"], wire["rest"] = parts
    return wire


def interval_parts(lengths: Ints, datatype: DataType) -> tuple[Ints, Ints, Ints]:
    """Months, days and microseconds of lengths of time.

    Arrow's duration has neither months nor days, PostgreSQL's interval has. "30 days" is what
    people wrote and what a report shows, and so is "30:00:00", though a day equals 24 hours in
    every comparison. What has too many hours is days and hours, what comes to whole years, of 365
    days and a quarter each as the server counts them, is years and months, and so is all of a type
    that has nothing else.
    """
    size = np.abs(lengths)
    years, left = size // _YEAR, size % _YEAR
    months, odd = np.divmod(left, _MONTH)
    whole = (years > 0) & (odd == 0) & ((years % _LEAP > 0) | (left == 0))
    if _OF_MONTHS.fullmatch(datatype.sql):
        months, whole = np.rint(left / _MONTH).astype(np.int64), size >= 0
    months = np.where(whole, 12 * years + months, 0) * np.sign(lengths)
    lengths = np.where(whole, 0, lengths)
    parted = (lengths % _DAY == 0) | (np.abs(lengths // _HOUR) >= _MOST_HOURS)
    rest = np.where(parted, np.fmod(lengths, _DAY), lengths)
    return months, (lengths - rest) // _DAY, rest


def _uuid_wire(array: pa.Array, _: DataType) -> npt.NDArray[Any]:
    return fixed_values(array, "V16")


def _array_wire(array: pa.Array, datatype: DataType) -> pa.Array:
    """Arrays of one dimension: dimensions, a flag, the element's oid, length, lower bound, items.

    The flag "holds a null" may be 0: the server looks for itself.
    """
    element = datatype.element or DataType(Kind.OTHER, "unknown")
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy().astype(np.int64)
    head: list[Piece] = [
        (lengths > 0).astype(_LENGTH),
        np.array(0, _LENGTH),
        np.array(oid(element), _LENGTH),
    ]
    wire = _woven([*head, _dimension(lengths), _bodies(array, element, lengths)], len(array))
    return pc.if_else(pc.is_valid(array), wire, None) if array.null_count else wire


def _dimension(lengths: Ints) -> pa.Array:
    """Length and lower bound; an empty array has no dimension."""
    wire = np.ones(len(lengths), [("length", _LENGTH), ("lower_bound", _LENGTH)])
    wire["length"] = lengths
    return fixed_width(wire, lengths > 0)


def _bodies(array: pa.Array, element: DataType, lengths: Ints) -> pa.Array:
    """The items of every array; joined by their bounds, since items lie end to end already."""
    items = array.flatten()
    woven = _woven(_field(items, element), len(items))
    bounds = np.concatenate(([0], np.cumsum(lengths)))
    return variable_width(content(woven), offsets(woven)[bounds].astype(np.int32))


_FIXED: dict[Kind, Callable[[pa.Array, DataType], npt.NDArray[Any]]] = {
    Kind.BOOLEAN: _boolean_wire,
    Kind.INTEGER: _integer_wire,
    Kind.FLOAT: _float_wire,
    Kind.DECIMAL: _numeric_wire,
    Kind.DATE: _date_wire,
    Kind.TIME: _time_wire,
    Kind.TIMESTAMP: _timestamp_wire,
    Kind.TIMESTAMPTZ: _timestamp_wire,
    Kind.INTERVAL: _interval_wire,
    Kind.UUID: _uuid_wire,
}
