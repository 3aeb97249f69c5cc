"""Literals of any type from whole numbers: of plain types, and of those that users compose."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind, Shape
from generators.feistel import mixed
from generators.privacy.support import Ints
from generators.words import neutral_words

NUMBERS = 10_000
"""Numbers from 0 to this are told apart by most types."""

Texts = Callable[[Ints, DataType], pa.Array]
Invent = Callable[[DataType, int, np.random.Generator], pa.Array | None]

_FIRST_DAY = 18_993
"""2022-01-01, as everywhere that no value was seen."""
_HOUR = 3_600_000_000


def composed(
    datatype: DataType, count: int, rng: np.random.Generator, other: Invent
) -> pa.Array | None:
    """Literals of a row type, a range or an array in several dimensions; None if not to be made.

    Args:
        datatype: its parts say what it is made of.
        count: how many.
        rng: what to draw from.
        other: makes literals of types that only their names tell.
    """
    if datatype.shape is Shape.RANGE:
        return _ranges(datatype.parts[0], count, rng)
    size = 4 if datatype.shape is Shape.GRID else 1
    parts = [_part(p, count, rng, other) for p in datatype.parts for _ in range(size)]
    if datatype.shape is None or any(part is None for part in parts):
        return None
    quoted = [_quoted(part) for part in parts]
    if datatype.shape is Shape.ROW:
        return _joined("(", pc.binary_join_element_wise(*quoted, ","), ")")
    rows = (_joined("{", a, ",", b, "}") for a, b in (quoted[:2], quoted[2:]))
    return _joined("{", pc.binary_join_element_wise(*rows, ","), "}")


def is_composed(datatype: DataType, known: Callable[[DataType], bool]) -> bool:
    """Whether literals of a type can be made of those of its parts."""
    return datatype.shape is not None and all(
        part.kind is not Kind.OTHER or known(part) for part in datatype.parts
    )


def _part(
    datatype: DataType, count: int, rng: np.random.Generator, other: Invent
) -> pa.Array | None:
    if datatype.kind is Kind.OTHER:
        return other(datatype, count, rng)
    return _TEXTS[datatype.kind](rng.integers(NUMBERS, size=count), datatype)


def _ranges(part: DataType, count: int, rng: np.random.Generator) -> pa.Array | None:
    """From a number to a higher one; a single value where a type's order is not known here."""
    if part.kind is Kind.OTHER:
        return None
    low, high = np.sort(rng.integers(NUMBERS, size=(2, count)), axis=0)
    high = high if part.kind in _ORDERED else low
    ends = [_quoted(_TEXTS[part.kind](numbers, part)) for numbers in (low, high)]
    return _joined("[", ends[0], ",", ends[1], "]")


def _quoted(texts: pa.Array) -> pa.Array:
    """Texts in double quotes, as the parts of rows, ranges and arrays are read alike."""
    for special in ("\\", '"'):
        texts = pc.replace_substring(texts, special, f"\\{special}")
    return _joined('"', texts, '"')


def _joined(*parts: Any) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _whole(numbers: Ints, _: DataType) -> pa.Array:
    return pa.array(numbers).cast(pa.string())


def _number(numbers: Ints, datatype: DataType) -> pa.Array:
    """As many digits as a decimal has, two of them after the point where it may have so many."""
    digits = 2 if datatype.scale is None else max(0, min(2, datatype.scale))
    whole = 4 if datatype.precision is None else datatype.precision - (datatype.scale or 0) + digits
    found = numbers % 10 ** min(4, max(0, whole)) if whole < 4 else numbers
    return pa.array(found / 10**digits).cast(pa.string())


def _words(numbers: Ints, datatype: DataType) -> pa.Array:
    pool = neutral_words()
    texts = pa.array(pool).take(pa.array(numbers % len(pool)))
    most = datatype.length
    return texts if most is None else pc.utf8_slice_codeunits(texts, 0, most)


def _labels(numbers: Ints, datatype: DataType) -> pa.Array:
    labels = pa.array(datatype.labels or ("",), pa.string())
    return labels.take(pa.array(numbers % len(labels)))


def _flags(numbers: Ints, _: DataType) -> pa.Array:
    return pc.if_else(pa.array(numbers % 2 == 0), "t", "f")


def _days(numbers: Ints, _: DataType) -> pa.Array:
    days = (_FIRST_DAY + numbers // 10).astype(np.int32)
    return pa.array(days).view(pa.date32()).cast(pa.string())


def _moments(numbers: Ints, datatype: DataType) -> pa.Array:
    moments = pa.array(_FIRST_DAY * 24 * _HOUR + numbers * _HOUR).view(pa.timestamp("us"))
    zone = "+00" if datatype.kind is Kind.TIMESTAMPTZ else ""
    return _joined(moments.cast(pa.string()), zone)


def _clocks(numbers: Ints, _: DataType) -> pa.Array:
    return pa.array(numbers * (24 * _HOUR // NUMBERS)).view(pa.time64("us")).cast(pa.string())


def _lengths(numbers: Ints, _: DataType) -> pa.Array:
    return _joined(pa.array(numbers // 10).cast(pa.string()), " hours")


def _uuids(numbers: Ints, _: DataType) -> pa.Array:
    halves = (mixed(numbers.astype(np.uint64), salt) for salt in (1, 2))
    pairs = zip(*(half.tolist() for half in halves), strict=True)
    return pa.array([f"{a:016x}{b:016x}" for a, b in pairs], pa.string())


def _bytes(numbers: Ints, _: DataType) -> pa.Array:
    return pa.array([f"\\x{n:04x}" for n in numbers.tolist()], pa.string())


def _documents(numbers: Ints, _: DataType) -> pa.Array:
    return pa.array([f'{{"number": {n}}}' for n in numbers.tolist()], pa.string())


def _lists(numbers: Ints, datatype: DataType) -> pa.Array:
    element = datatype.element
    if element is None or element.kind is Kind.OTHER:
        return pa.repeat("{}", len(numbers))
    return _joined("{", _quoted(_TEXTS[element.kind](numbers, element)), "}")


_TEXTS: Mapping[Kind, Texts] = {
    Kind.BOOLEAN: _flags,
    Kind.INTEGER: _whole,
    Kind.FLOAT: _number,
    Kind.DECIMAL: _number,
    Kind.TEXT: _words,
    Kind.ENUM: _labels,
    Kind.DATE: _days,
    Kind.TIME: _clocks,
    Kind.TIMESTAMP: _moments,
    Kind.TIMESTAMPTZ: _moments,
    Kind.INTERVAL: _lengths,
    Kind.UUID: _uuids,
    Kind.JSON: _documents,
    Kind.BYTES: _bytes,
    Kind.ARRAY: _lists,
}
_ORDERED = frozenset(
    {
        *(Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL),
        *(Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.TIME, Kind.INTERVAL),
    }
)
"""Kinds whose literals ascend with their numbers."""
