"""Column types as every engine can state them, and the one Arrow type in which each travels."""

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc


class Kind(StrEnum):
    """What a column holds, whatever the engine calls it."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEXT = "text"
    ENUM = "enum"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    INTERVAL = "interval"
    UUID = "uuid"
    JSON = "json"
    BYTES = "bytes"
    ARRAY = "array"
    OTHER = "other"


class Shape(StrEnum):
    """How the literal of a type that travels as one is put together from its parts."""

    ROW = "row"
    RANGE = "range"
    GRID = "grid"


NUMBERS = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL})
TIMES = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.INTERVAL})


@dataclass(frozen=True, slots=True)
class DataType:
    """A column type.

    Attributes:
        kind: what it holds.
        sql: the type as the engine spells it, quoted where needed; good for a cast.
        bits: width of an integer (16, 32, 64) or a float (32, 64).
        length: most characters of a text; None where unlimited.
        padded: True for character(n), whose trailing blanks mean nothing.
        precision: digits of a decimal; None where unlimited.
        scale: digits after the point of a decimal; None where unlimited.
        labels: the labels of an enum, in their order; of a text or integer that tells the type of
            a polymorphic key, the values that the configuration names.
        element: the type of an array's elements.
        domain: the domain's qualified name, where the column's type is one.
        base: the type that a domain stands on, as the engine spells it.
        shape: of a composite type, of a range that a user defined, or of an array declared with
            several dimensions: how its literal is put together.
        parts: the types that it is put together from.
    """

    kind: Kind
    sql: str
    bits: int | None = None
    length: int | None = None
    padded: bool = False
    precision: int | None = None
    scale: int | None = None
    labels: tuple[str, ...] = ()
    element: "DataType | None" = None
    domain: str | None = None
    base: str | None = None
    shape: Shape | None = None
    parts: tuple["DataType", ...] = ()

    @property
    def plain(self) -> str:
        """The type's spelling, without any domain over it."""
        return self.base or self.sql


INFINITE = {32: 2**31 - 1, 64: 2**63 - 1}
"""By bits of its Arrow type: how an infinite date or timestamp travels, as in DuckDB.

Minus infinity is the negative of it.
"""

_FIXED = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(),
    Kind.ENUM: pa.string(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
    Kind.INTERVAL: pa.duration("us"),
    Kind.UUID: pa.binary(16),
    Kind.JSON: pa.string(),
    Kind.BYTES: pa.binary(),
    Kind.OTHER: pa.string(),
}
_INTEGERS = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
_FLOATS = {32: pa.float32(), 64: pa.float64()}
_NARROW_DIGITS = 38
_MOST_DIGITS = 76
_FREE_SCALE = 12


def endless(values: pa.Array) -> pa.Array:
    """Which dates or timestamps are infinite; nothing else is."""
    if not (pa.types.is_date32(values.type) or pa.types.is_timestamp(values.type)):
        return pa.repeat(False, len(values))
    bits = values.type.bit_width
    counts = values.view(pa.int32() if bits == 32 else pa.int64())
    found = pc.is_in(counts, pa.array([INFINITE[bits], -INFINITE[bits]], counts.type))
    return pc.and_(found, values.is_valid())


def arrow_type(datatype: DataType) -> pa.DataType:
    """The Arrow type in which values of a column travel between all stages.

    An interval travels as its length in microseconds, any type without a form of its own
    (`Kind.OTHER`) as the text of its literal. A decimal without a declared precision travels as
    decimal256 with 76 digits, of which 12 stand after the point; one of more than 76 digits gives
    up the last of those after the point.
    """
    if datatype.kind is Kind.INTEGER:
        return _INTEGERS[datatype.bits or 64]
    if datatype.kind is Kind.FLOAT:
        return _FLOATS[datatype.bits or 64]
    if datatype.kind is Kind.DECIMAL:
        return _decimal(datatype)
    if datatype.kind is Kind.ARRAY and datatype.element is not None:
        return pa.list_(arrow_type(datatype.element))
    return _FIXED[datatype.kind]


def _decimal(datatype: DataType) -> pa.DataType:
    if datatype.precision is None:
        return pa.decimal256(_MOST_DIGITS, _FREE_SCALE)
    scale = datatype.scale or 0
    if datatype.precision <= _NARROW_DIGITS:
        return pa.decimal128(datatype.precision, scale)
    surplus = max(0, datatype.precision - _MOST_DIGITS)
    return pa.decimal256(datatype.precision - surplus, max(scale - surplus, min(scale, 0)))
