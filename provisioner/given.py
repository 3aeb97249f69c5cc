"""Rows made by hand: the values that somebody gives some columns of some rows of a table."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import INFINITE, DataType, Kind, arrow_type
from connectors.schema import Column, TableName
from generators.model import TableModel
from generators.shift import shifted
from provisioner.plan import Plan
from provisioner.request import HandMade

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_INFINITIES = {"infinity": 1, "-infinity": -1}
_TRUTHS = {"true": True, "t": True, "yes": True, "1": True}
_TRUTHS |= {"false": False, "f": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """The hand-made rows of a table.

    Attributes:
        places: where each row stands in its file, for errors.
        values: a value per row, of each column that any row gives.
        given: which rows give it; what others leave out is drawn.
    """

    table: TableName
    places: tuple[str, ...]
    values: Mapping[str, pa.Array]
    given: Mapping[str, Bools]

    @property
    def digest(self) -> str:
        """SHA-256 of all values."""
        arrays = {f"={name}": values for name, values in sorted(self.values.items())}
        arrays |= {f"?{name}": pa.array(told) for name, told in sorted(self.given.items())}
        rows, sink = pa.table(arrays), pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as stream:
            stream.write_table(rows)
        return hashlib.sha256(sink.getvalue()).hexdigest()

    def whole(self, columns: tuple[str, ...]) -> Ints:
        """The rows that give all of some columns."""
        held = [self.given.get(c, np.zeros(len(self.places), np.bool_)) for c in columns]
        return np.flatnonzero(np.all(held, axis=0)) if columns else np.empty(0, np.int64)


def planned_rows(given: Given, model: TableModel) -> HandMade:
    """What a plan must know of hand-made rows; it holds none of their values."""
    outside = []
    for fitted in model.columns:
        pattern, name = fitted.generator.reserved, fitted.column.name
        if pattern is not None and name in given.values:
            told = [v for v in given.values[name].to_pylist() if v is not None]
            outside.append((name, sum(re.search(pattern, str(v)) is None for v in told)))
    return HandMade(given.table, len(given.places), given.digest, tuple(outside))


def as_drawn(given: Mapping[TableName, Given], plan: Plan) -> Mapping[TableName, Given]:
    """Hand-made rows with their times where they must be drawn, so that shifted they are theirs."""
    shift = plan.shift
    if shift is None:
        return given
    return {
        name: replace(
            one,
            values={
                c: shifted(v, -shift.days) if c in shift.of(name) else v
                for c, v in one.values.items()
            },
        )
        for name, one in given.items()
    }


def value_of(column: Column, text: str | None) -> pa.Array:
    """One value of a column's exact type.

    Raises:
        ValueError: the text is no such value; it says what was expected, and never the text.
    """
    kind = arrow_type(column.datatype)
    if text is None:
        if not column.nullable:
            raise ValueError("found null; this column must hold a value")
        return pa.nulls(1, kind)
    read = _READERS.get(column.datatype.kind)
    if read is None:
        raise ValueError(f"values of type {column.datatype.sql} cannot be given; leave it out")
    try:
        found = read(text, column.datatype)
        return found if isinstance(found, pa.Array) else pa.array([found], kind)
    except _Unfit as problem:
        raise ValueError(f"expected {problem}") from None
    except (ValueError, OverflowError, InvalidOperation, pa.ArrowException):
        raise ValueError(f"expected a value of type {column.datatype.sql}") from None


class _Unfit(Exception):
    """A text that is no value; its own text says what was expected."""


def _boolean(text: str, _datatype: DataType) -> bool:
    if text.lower() not in _TRUTHS:
        raise _Unfit("true or false")
    return _TRUTHS[text.lower()]


def _text(text: str, datatype: DataType) -> str:
    if datatype.length is not None and len(text) > datatype.length:
        raise _Unfit(f"at most {datatype.length} characters")
    if "\0" in text:
        raise _Unfit("a text without the character of code 0")
    return text


def _label(text: str, datatype: DataType) -> str:
    if text not in datatype.labels:
        raise _Unfit(f"one of {', '.join(datatype.labels)}")
    return text


def _date(text: str, _datatype: DataType) -> date | pa.Array:
    if text in _INFINITIES:
        return _endless(text, pa.int32()).view(pa.date32())
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _Unfit("a day such as 2026-01-31") from None


def _moment(text: str, datatype: DataType) -> datetime | pa.Array:
    kind = arrow_type(datatype)
    if text in _INFINITIES:
        return _endless(text, pa.int64()).view(kind)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _Unfit("a moment such as 2026-01-31 12:00:00") from None
    if datatype.kind is Kind.TIMESTAMPTZ:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    if found.tzinfo is not None:
        raise _Unfit("a moment without a time zone")
    return found


def _endless(text: str, stored: pa.DataType) -> pa.Array:
    return pa.array([_INFINITIES[text] * INFINITE[stored.bit_width]], stored)


def _json(text: str, _datatype: DataType) -> str:
    json.loads(text)
    return text


def _decimal(text: str, datatype: DataType) -> pa.Array:
    found = Decimal(text)
    if not found.is_finite():
        raise _Unfit("a finite number")
    return pa.array([found], arrow_type(datatype))


_READERS: Mapping[Kind, Callable[[str, DataType], object]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: lambda text, _: int(text),
    Kind.FLOAT: lambda text, _: float(text),
    Kind.DECIMAL: _decimal,
    Kind.TEXT: _text,
    Kind.ENUM: _label,
    Kind.DATE: _date,
    Kind.TIME: lambda text, _: time.fromisoformat(text),
    Kind.TIMESTAMP: _moment,
    Kind.TIMESTAMPTZ: _moment,
    Kind.UUID: lambda text, _: UUID(text).bytes,
    Kind.JSON: _json,
    Kind.BYTES: lambda text, _: bytes.fromhex(text.removeprefix("\\x")),
    Kind.OTHER: _text,
}
