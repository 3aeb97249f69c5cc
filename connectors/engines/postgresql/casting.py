"""How each type is read, so that its values arrive in Arrow as they are."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from connectors.datatypes import INFINITE, DataType, Kind, arrow_type
from connectors.schema import Table


def columns_as_arrow(table: Table, alias: str = "r0", before: str = "") -> list[sql.Composable]:
    """SELECT list of a table's written columns from an alias, each in a form ADBC reads.

    `before` stands before the name of each.
    """
    return [
        sql.SQL("{} AS {}").format(
            _whole(sql.Identifier(alias, c.name), c.datatype), sql.Identifier(before + c.name)
        )
        for c in table.written
    ]


_CASTS = {
    Kind.BOOLEAN: "boolean",
    Kind.TEXT: "text",
    Kind.ENUM: "text",
    Kind.JSON: "text",
    Kind.OTHER: "text",
    Kind.TIME: "time",
    Kind.BYTES: "bytea",
}
_WIDTHS = {16: "int2", 32: "int4", 64: "int8"}


def _cast(datatype: DataType) -> str:
    if datatype.kind is Kind.INTEGER:
        return _WIDTHS[datatype.bits or 64]
    if datatype.kind is Kind.FLOAT:
        return f"float{(datatype.bits or 64) // 8}"
    if datatype.kind is Kind.ARRAY and datatype.element is not None:
        return f"{_cast(datatype.element)}[]"
    return _CASTS.get(datatype.kind, "text")


_FORMS = {
    Kind.UUID: "uuid_send({0})",
    Kind.INTERVAL: "(extract(epoch FROM {0}) * 1000000)::int8",
    Kind.DATE: "CASE WHEN isfinite({0}) THEN {0}::date END",
    Kind.TIMESTAMP: "CASE WHEN isfinite({0}) THEN {0}::timestamp END",
    Kind.TIMESTAMPTZ: "CASE WHEN isfinite({0}) THEN {0}::timestamptz END",
    Kind.DECIMAL: "nullif({0}::text, 'NaN')",
}
"""What a mere cast does not give; infinite numbers, and infinite elements, read as null."""
_WITH_INFINITY = (
    "CASE WHEN isfinite({0}) THEN {0}::{1} WHEN {0} > '2000-01-01' THEN {2}"
    " WHEN {0} < '2000-01-01' THEN {3} END"
)
_ENDS = {
    Kind.DATE: ("date", "5874897-12-31", "4714-11-24 BC"),
    Kind.TIMESTAMP: ("timestamp", "294246-01-01", "4714-11-24 BC"),
    Kind.TIMESTAMPTZ: ("timestamptz", "294246-01-01 00:00+00", "4714-11-24 00:00+00 BC"),
}
"""Stand in for infinity where ADBC reads: the last and the first day that server or Arrow hold."""
_STAND_INS = {
    32: (2_145_042_905, -2_440_588),
    64: (9_223_339_708_800_000_000, -210_866_803_200_000_000),
}
"""The same as days, or microseconds, since 1970."""
_WIDE_NUMBER = (
    "CASE WHEN {0} - {0} = 0 THEN round(least(greatest({0}::numeric, -{1}), {1}), {2})::text END"
)
"""Cut to what its Arrow type holds with room to round up; infinity less infinity is no number."""
_ITEMS = (
    "CASE WHEN {0} IS NOT NULL THEN ARRAY(SELECT {1} FROM unnest({0})"
    " WITH ORDINALITY AS u(e, n) ORDER BY n) END"
)


def _whole(value: sql.Composable, datatype: DataType) -> sql.Composable:
    """A column's value; its infinity by a stand-in."""
    if datatype.kind not in _ENDS:
        return _readable(value, datatype)
    name, last, first = _ENDS[datatype.kind]
    ends = (sql.SQL("{}::{}").format(sql.Literal(end), sql.SQL(name)) for end in (last, first))
    return sql.SQL(_WITH_INFINITY).format(value, sql.SQL(name), *ends)


def _readable(value: sql.Composable, datatype: DataType) -> sql.Composable:
    """A value of the type in a form that ADBC reads and Arrow casts to the exact type."""
    element = datatype.element
    if datatype.kind is Kind.ARRAY and element is not None and element.kind in _FORMS:
        return sql.SQL(_ITEMS).format(value, _readable(sql.Identifier("u", "e"), element))
    found = arrow_type(datatype)
    if pa.types.is_decimal256(found):
        most = sql.Literal(9 * 10 ** (found.precision - found.scale - 1))
        return sql.SQL(_WIDE_NUMBER).format(value, most, sql.Literal(found.scale))
    if datatype.kind in _FORMS:
        return sql.SQL(_FORMS[datatype.kind]).format(value)
    return sql.SQL("{}::{}").format(value, sql.SQL(_cast(datatype)))


def exact_batch(batch: pa.RecordBatch, types: Sequence[DataType | None]) -> pa.RecordBatch:
    """A batch whose columns have exactly the Arrow types of theirs; None leaves one as it is."""
    arrays = [
        array if datatype is None else _exact(array, datatype)
        for array, datatype in zip(batch.columns, types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _exact(array: pa.Array, datatype: DataType) -> pa.Array:
    wanted = arrow_type(datatype)
    if datatype.kind is Kind.TEXT and datatype.padded:
        return pc.utf8_rtrim(array, characters=" ")
    if datatype.kind in _ENDS:
        return _with_infinity(pc.cast(array, wanted))
    return pc.cast(array, wanted)


def _with_infinity(array: pa.Array) -> pa.Array:
    """Dates or timestamps, with infinity in the place of what stands in for it."""
    bits = array.type.bit_width
    counts = array.view(pa.int32() if bits == 32 else pa.int64())
    for stand_in, infinite in zip(_STAND_INS[bits], (INFINITE[bits], -INFINITE[bits]), strict=True):
        there = pc.equal(counts, stand_in)
        if pc.any(there).as_py():
            counts = pc.if_else(there, pa.scalar(infinite, counts.type), counts)
    return counts.view(array.type)
