"""A column of Python objects as Arrow: their kind is found by looking at every one of them."""

import datetime as dt
import json
import math
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from connectors.datatypes import DataType, Kind
from provisioner.errors import WrongFrame
from provisioner.frames.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTERVAL,
    JSON,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    array_of,
    lossless,
    numeric,
)

Values: TypeAlias = Sequence[Any]
Column: TypeAlias = tuple[DataType, pa.ChunkedArray]

_LARGEST, _WHOLE = 2**63, 2**53
_DIGITS = (38, 76)
_TYPES: tuple[tuple[Kind, tuple[type, ...]], ...] = (
    (Kind.BOOLEAN, (bool, np.bool_)),
    (Kind.INTEGER, (int, np.integer)),
    (Kind.FLOAT, (float, np.floating)),
    (Kind.DECIMAL, (Decimal,)),
    (Kind.TEXT, (str,)),
    (Kind.BYTES, (bytes, bytearray, memoryview)),
    (Kind.TIMESTAMP, (dt.datetime,)),
    (Kind.DATE, (dt.date,)),
    (Kind.TIME, (dt.time,)),
    (Kind.INTERVAL, (dt.timedelta,)),
    (Kind.UUID, (uuid.UUID,)),
    (Kind.JSON, (dict,)),
    (Kind.ARRAY, (list, tuple, np.ndarray)),
)
"""The first that fits counts: a bool is an int to Python, and a datetime a date."""
_JOINT = {
    frozenset({Kind.INTEGER, Kind.FLOAT}): Kind.FLOAT,
    frozenset({Kind.INTEGER, Kind.DECIMAL}): Kind.DECIMAL,
    frozenset({Kind.JSON, Kind.ARRAY}): Kind.JSON,
}


def of_objects(given: Iterable[Any]) -> Column:
    """The type and the values of a column of Python objects; what pandas calls missing is null.

    Raises:
        WrongFrame: the objects are of several kinds, or of one that no column can hold.
    """
    series = pd.Series(list(given), dtype=object)
    values = [None if gone else v for v, gone in zip(series, series.isna(), strict=True)]
    kinds = _kinds(values)
    if not kinds:
        return TEXT, pa.chunked_array([pa.nulls(len(values), pa.string())])
    kind = next(iter(kinds)) if len(kinds) == 1 else _JOINT.get(frozenset(kinds))
    if kind is None:
        told = " and ".join(f"{n} of type {kinds[k]}" for k, n in _counted(values).items())
        raise WrongFrame(f"it holds {told}; expected values of one type: convert them first")
    datatype, array = _COLUMNS[kind](values)
    return datatype, lossless(pa.chunked_array([array]), datatype)


def _kinds(values: Values) -> dict[Kind, str]:
    """The kinds of the values that are there, each with the name of its Python type."""
    types = {type(v) for v in values if v is not None}
    return {_kind(t): t.__name__ for t in sorted(types, key=lambda t: t.__name__)}


def _counted(values: Values) -> Counter[Kind]:
    return Counter(_kind(type(v)) for v in values if v is not None)


def _kind(found: type) -> Kind:
    for kind, types in _TYPES:
        if issubclass(found, types):
            return kind
    raise WrongFrame(
        f"it holds objects of type {found.__name__}, which no column can hold; convert them first"
    )


def _each(make: Callable[[Any], Any], values: Values) -> list[Any]:
    return [None if v is None else make(v) for v in values]


def _there(values: Values) -> list[Any]:
    return [v for v in values if v is not None]


def _boolean(values: Values) -> tuple[DataType, pa.Array]:
    return BOOLEAN, pa.array(_each(bool, values), pa.bool_())


def _integer(values: Values) -> tuple[DataType, pa.Array]:
    whole = _each(int, values)
    if all(-_LARGEST <= v < _LARGEST for v in _there(whole)):
        return BIGINT, pa.array(whole, pa.int64())
    return _decimal(whole)


def _float(values: Values) -> tuple[DataType, pa.Array]:
    wide = sum(not isinstance(v, float | np.floating) and abs(v) > _WHOLE for v in _there(values))
    if wide:
        raise WrongFrame(f"{wide} whole numbers beside floats are too large for a float; use one")
    return DOUBLE, pa.array(_each(float, values), pa.float64())


def _decimal(values: Values) -> tuple[DataType, pa.Array]:
    """With room to spare before the point: a precision found in the rows would tell of them."""
    numbers = _each(lambda v: Decimal(int(v)) if isinstance(v, np.integer) else Decimal(v), values)
    endless = sum(not v.is_finite() for v in _there(numbers))
    if endless:
        raise WrongFrame(f"{endless} decimals are infinite, which Arrow cannot hold; drop them")
    scale = max((-int(v.as_tuple().exponent) for v in _there(numbers)), default=0)
    scale = max(0, scale)
    whole = max((v.adjusted() + 1 for v in _there(numbers) if v), default=0)
    precision = next((digits for digits in _DIGITS if max(0, whole) + scale <= digits), None)
    if precision is None:
        raise WrongFrame(f"its decimals need more than {_DIGITS[-1]} digits; round them first")
    wanted = pa.decimal128 if precision == _DIGITS[0] else pa.decimal256
    return numeric(precision, scale), pa.array(numbers, wanted(precision, scale))


def _text(values: Values) -> tuple[DataType, pa.Array]:
    return TEXT, _encoded(_each(str, values))


def _encoded(texts: list[Any]) -> pa.Array:
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        raise WrongFrame("it holds text that UTF-8 cannot hold; drop lone surrogates") from None


def _bytes(values: Values) -> tuple[DataType, pa.Array]:
    return BYTES, pa.array(_each(bytes, values), pa.large_binary())


def _timestamp(values: Values) -> tuple[DataType, pa.Array]:
    _refuse_nanoseconds(values, "nanosecond")
    zoned = sum(v.tzinfo is not None for v in _there(values))
    if zoned not in {0, len(_there(values))}:
        raise WrongFrame(f"{zoned} times have a zone and others have none; expected all or none")
    zone = "UTC" if zoned else None
    return TIMESTAMPTZ if zoned else TIMESTAMP, pa.array(values, pa.timestamp("us", zone))


def _date(values: Values) -> tuple[DataType, pa.Array]:
    return DATE, pa.array(values, pa.date32())


def _time(values: Values) -> tuple[DataType, pa.Array]:
    zoned = sum(v.tzinfo is not None for v in _there(values))
    if zoned:
        raise WrongFrame(f"{zoned} times of day have a zone; expected none")
    return TIME, pa.array(values, pa.time64("us"))


def _interval(values: Values) -> tuple[DataType, pa.Array]:
    _refuse_nanoseconds(values, "nanoseconds")
    return INTERVAL, pa.array(values, pa.duration("us"))


def _refuse_nanoseconds(values: Values, attribute: str) -> None:
    """Arrow would drop the nanoseconds of pandas' own objects without a word."""
    fine = sum(bool(getattr(v, attribute, 0)) for v in _there(values))
    if fine:
        raise WrongFrame(f"{fine} values are finer than a microsecond; round them first")


def _uuid(values: Values) -> tuple[DataType, pa.Array]:
    return UUID, pa.array(_each(lambda v: v.bytes, values), pa.binary(16))


def _json(values: Values) -> tuple[DataType, pa.Array]:
    wrong = sum(not _is_json(v) for v in _there(values))
    if wrong:
        raise WrongFrame(
            f"{wrong} values hold what JSON cannot; expected dicts with texts as keys, lists, "
            "texts without NUL, finite numbers, booleans and None"
        )
    return JSON, _encoded(_each(lambda v: json.dumps(v, ensure_ascii=False), values))


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) and "\0" not in k for k in value) and all(
            map(_is_json, value.values())
        )
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, int) or (isinstance(value, str) and "\0" not in value)


def _array(values: Values) -> tuple[DataType, pa.Array]:
    """Lists of plain values are arrays; nested ones are JSON, since rows of an array are equal."""
    lists = _each(list, values)
    elements = [e for part in _there(lists) for e in part]
    if any(isinstance(e, dict | list | tuple) for e in elements):
        return _json(lists)
    element, flat = of_objects(elements)
    datatype = array_of(element)
    if datatype is None:
        raise WrongFrame("it holds lists of what no array can hold; convert them first")
    offsets = np.cumsum([0, *(0 if part is None else len(part) for part in lists)])
    gone = pa.array([part is None for part in lists], pa.bool_())
    array = pa.LargeListArray.from_arrays(
        pa.array(offsets, pa.int64()), flat.combine_chunks(), mask=gone
    )
    return datatype, array


_COLUMNS: dict[Kind, Callable[[Values], tuple[DataType, pa.Array]]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.DECIMAL: _decimal,
    Kind.TEXT: _text,
    Kind.BYTES: _bytes,
    Kind.TIMESTAMP: _timestamp,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.INTERVAL: _interval,
    Kind.UUID: _uuid,
    Kind.JSON: _json,
    Kind.ARRAY: _array,
}
