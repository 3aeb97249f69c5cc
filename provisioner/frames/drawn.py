"""Rows of a table as a DataFrame that holds every value as it is.

Columns are Arrow-backed, since of pandas' types those alone hold nulls, dates, times and whole
numbers exactly, and they are made without a copy. An enum is categorical, with its labels in their
order. Decimals, uuids, JSON and lists are Python's own objects: pandas can neither describe Arrow's
decimals nor merge by its uuids, and it reads no Arrow list from the Parquet that it wrote.
"""

import datetime as dt
import json
import uuid
from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import INFINITE, DataType, Kind, arrow_type, endless
from connectors.schema import Column, Table

_DIGITS = Context(prec=76)
_ONE = Decimal(1)
_EPOCH = dt.date(1970, 1, 1)
_DAYS = ((dt.date.min - _EPOCH).days, (dt.date.max - _EPOCH).days)
_DAY = 86_400_000_000
_ENDS = {32: _DAYS, 64: (_DAYS[0] * _DAY, (_DAYS[1] + 1) * _DAY - 1)}
"""The first and last moment that Python knows, by bits: infinity has no other counterpart."""


def frame(table: Table, rows: Sequence[pa.RecordBatch]) -> pd.DataFrame:
    """A table's rows, with a column for each of its columns but generated ones.

    Args:
        table: tells the types, also where there is no row.
        rows: batches with a column of the exact Arrow type for each written column.
    """
    index = pd.RangeIndex(sum(batch.num_rows for batch in rows))
    columns = [
        _series(column, pa.chunked_array([b.column(column.name) for b in rows], _type(column)))
        for column in table.written
    ]
    names = [column.name for column in table.written]
    return pd.DataFrame(dict(enumerate(columns)), index=index).set_axis(names, axis="columns")


def _type(column: Column) -> pa.DataType:
    return arrow_type(column.datatype)


def _series(column: Column, values: pa.ChunkedArray) -> "pd.Series[Any]":
    datatype = column.datatype
    if datatype.kind is Kind.ENUM:
        labels = pd.CategoricalDtype(list(datatype.labels), ordered=True)
        return pd.Series(values.to_pylist(), dtype=labels)
    made = _made(datatype)
    if made is not None:
        objects = [None if v is None else made(v) for v in values.to_pylist()]
        return pd.Series(objects, dtype=object)
    return pd.Series(pd.arrays.ArrowExtensionArray(_within_python(values)))


def _made(datatype: DataType) -> Callable[[Any], Any] | None:
    """What makes Python's own object of a value; None for a type that stays in Arrow."""
    if datatype.kind is Kind.ARRAY and datatype.element is not None:
        element = _made(datatype.element) or _same
        return lambda value: [None if v is None else element(v) for v in value]
    if datatype.kind is Kind.DECIMAL:
        return _same if datatype.precision is not None else _shortest
    return _OBJECTS.get(datatype.kind)


def _same(value: Any) -> Any:
    return value


def _uuid(value: bytes) -> uuid.UUID:
    return uuid.UUID(bytes=value)


def _shortest(value: Decimal) -> Decimal:
    """A decimal of no declared scale without the zeros that its Arrow type has at the end."""
    is_whole = value == value.to_integral_value(context=_DIGITS)
    return value.quantize(_ONE, context=_DIGITS) if is_whole else value.normalize(_DIGITS)


_OBJECTS: dict[Kind, Callable[[Any], Any]] = {Kind.UUID: _uuid, Kind.JSON: json.loads}


def _within_python(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Dates and times with the end of Python's calendar in the place of infinity."""
    return pa.chunked_array([_finite(chunk) for chunk in values.chunks], values.type)


def _finite(values: pa.Array) -> pa.Array:
    if not pc.any(endless(values)).as_py():
        return values
    bits = values.type.bit_width
    counts = values.view(pa.int32() if bits == 32 else pa.int64())
    for infinite, end in zip((-INFINITE[bits], INFINITE[bits]), _ENDS[bits], strict=True):
        there = pc.equal(counts, pa.scalar(infinite, counts.type))
        counts = pc.if_else(there, pa.scalar(end, counts.type), counts)
    return counts.view(values.type)
