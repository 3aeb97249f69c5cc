"""Values of one column that its checks allow, drawn at random, whatever was learned."""

from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import rstr

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.limits import Limits
from generators.patterns import alphabets
from generators.shapes import texts_of, written

Numbers = npt.NDArray[np.int64]

_MOST_TEXTS = 500
"""Texts of an intricate pattern made at once, one by one."""
_WIDTH = 1_000_000
"""Numbers between a bound and the far end, where only one bound is declared."""
_DAYS = 3_650
_MICROSECONDS = 1_000_000
_MOST_LISTED = 100_000
_SMALL = 16
"""Bits of the only type of numbers whose values are few enough to be listed without checks."""
_LATEST = (date(2020, 1, 1) - date(1970, 1, 1)).days
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def allowed(
    datatype: DataType,
    limits: Limits,
    patterns: tuple[str, ...],
    rows: int,
    rng: np.random.Generator,
) -> pa.Array | None:
    """Values for some rows, each as likely as any other; None where checks set no limit.

    Where several patterns are given, each value is as one of them says.
    """
    if limits.values:
        known = pa.array(limits.values, arrow_type(datatype))
        return known.take(pa.array(rng.integers(0, len(known), rows)))
    if datatype.kind is Kind.TEXT:
        return _texts(datatype, limits, patterns, rows, rng)
    ends = _ends(datatype, limits)
    if ends is None or ends[0] > ends[1]:
        return None
    return _moments_or_numbers(datatype, rng.integers(ends[0], ends[1], rows, endpoint=True))


def wide(datatype: DataType, most: int, rows: int, rng: np.random.Generator) -> pa.Array | None:
    """Whole numbers below `most`, or days before 2020; None for other types."""
    if datatype.kind is Kind.INTEGER:
        least = min(most, 1 << ((datatype.bits or 64) - 1))
        return _moments_or_numbers(datatype, rng.integers(0, least, rows))
    if datatype.kind is Kind.DATE:
        return _moments_or_numbers(datatype, _LATEST - rng.integers(0, min(most, _LATEST), rows))
    if datatype.kind in {Kind.TIMESTAMP, Kind.TIMESTAMPTZ}:
        days = _LATEST - rng.integers(0, min(most, _LATEST), rows)
        return _moments_or_numbers(datatype, days * 86_400)
    return None


def every(datatype: DataType, limits: Limits) -> pa.Array | None:
    """All values that checks and the type leave; None where those are too many to list."""
    listed = {Kind.BOOLEAN: (False, True), Kind.ENUM: datatype.labels or None}
    values = limits.values or listed.get(datatype.kind)
    if values:
        return pa.array(values, arrow_type(datatype)).unique()
    ends = _ends(datatype, limits) if datatype.kind in {Kind.INTEGER, Kind.DATE} else None
    whole = datatype.bits == _SMALL or None not in {limits.least, limits.most}
    if ends is None or not whole or not 0 <= ends[1] - ends[0] < _MOST_LISTED:
        return None
    return _moments_or_numbers(datatype, np.arange(ends[0], ends[1] + 1))


def _texts(
    datatype: DataType,
    limits: Limits,
    patterns: tuple[str, ...],
    rows: int,
    rng: np.random.Generator,
) -> pa.Array | None:
    if patterns:
        return _of_form(patterns[int(rng.integers(len(patterns)))], datatype, rows, rng)
    if limits.shortest is None and limits.longest is None:
        return None
    sizes = [n for n in (limits.longest, datatype.length) if n is not None]
    size = min([max(limits.shortest or 0, 8), *sizes])
    return _spelt([_LETTERS] * size, rows, rng)


def _of_form(pattern: str, datatype: DataType, rows: int, rng: np.random.Generator) -> pa.Array:
    plain = alphabets(pattern)
    if plain is not None and all(c.isascii() for letters in plain for c in letters):
        return _spelt(plain, rows, rng)
    drawn = rstr.Rstr(Random(int(rng.integers(2**62))))  # noqa: S311 - test data, no secrets
    most = datatype.length or 200
    texts = [drawn.xeger(pattern) for _ in range(min(rows, _MOST_TEXTS))]
    fitting = pa.array([t for t in texts if len(t) <= most] or texts, pa.string())
    return fitting.take(pa.array(rng.integers(0, max(1, len(fitting)), rows)))


def _spelt(letters: list[str], rows: int, rng: np.random.Generator) -> pa.Array:
    """Texts with a letter of each alphabet; a column of the matrix is a place in the text."""
    places = [written(rng.integers(0, len(a), rows), [a]) for a in letters]
    return texts_of(np.hstack(places)) if places else pa.array([""] * rows)


def _ends(datatype: DataType, limits: Limits) -> tuple[int, int] | None:
    """The bounds in whole steps of the type; None where there are none, or it has no steps."""
    if limits.least is None and limits.most is None:
        return None
    low, high = (None if v is None else _steps(v, datatype) for v in (limits.least, limits.most))
    width = {Kind.DATE: _DAYS, Kind.TIMESTAMP: _DAYS * 86_400, Kind.TIMESTAMPTZ: _DAYS * 86_400}
    room = width.get(datatype.kind, _WIDTH)
    if low is None and high is None:
        return None
    low = high - room if low is None and high is not None else low
    if low is None:
        return None
    high = low + room if high is None else high
    if datatype.kind is not Kind.INTEGER:
        return low, high
    least, most = -(1 << ((datatype.bits or 64) - 1)), (1 << ((datatype.bits or 64) - 1)) - 1
    return max(low, least), min(high, most)


def _steps(value: Any, datatype: DataType) -> int | None:
    if datatype.kind in {Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL}:
        return int(Decimal(str(value)).scaleb(_digits(datatype)))
    if isinstance(value, datetime):
        return int((value.replace(tzinfo=UTC) - _EPOCH).total_seconds())
    return (value - _EPOCH.date()).days if isinstance(value, date) else None


def _digits(datatype: DataType) -> int:
    known = datatype.kind is Kind.DECIMAL and datatype.precision is not None
    return 0 if datatype.kind is Kind.INTEGER else min(6, datatype.scale or 0) if known else 2


def _moments_or_numbers(datatype: DataType, steps: Numbers) -> pa.Array:
    target = arrow_type(datatype)
    if datatype.kind is Kind.DATE:
        return pa.array(steps.astype(np.int32)).view(target)
    if datatype.kind in {Kind.TIMESTAMP, Kind.TIMESTAMPTZ}:
        return pa.array(steps * _MICROSECONDS).view(target)
    if datatype.kind is Kind.INTEGER:
        return pc.cast(pa.array(steps), target, safe=False)
    numbers = pa.array(np.round(steps / 10 ** _digits(datatype), _digits(datatype)))
    return pc.cast(numbers, target, safe=False)
