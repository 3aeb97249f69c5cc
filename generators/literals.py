"""Invented literals of the types that have no form of their own: addresses, shapes, words."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from connectors.datatypes import DataType
from generators.composed import composed, is_composed
from generators.numbered import joined, numbered
from generators.words import neutral_words

Literals = Callable[[int, np.random.Generator, DataType], pa.Array]


def is_known(datatype: DataType) -> bool:
    """Whether literals of a type can be invented."""
    return type_name(datatype) in _INVENTED or is_composed(datatype, is_known)


def invented_literals(datatype: DataType, count: int, rng: np.random.Generator) -> pa.Array | None:
    """So many literals that the server reads; None for a type that nobody here knows."""
    if datatype.shape is not None:
        return composed(datatype, count, rng, invented_literals)
    invent = _INVENTED.get(type_name(datatype))
    return None if invent is None else invent(count, rng, datatype).cast(pa.string())


def type_name(datatype: DataType) -> str:
    """The type's name without schema, quotes and modifiers."""
    plain = datatype.plain
    bare = plain.split("(")[0] + plain.rpartition(")")[2] * ("(" in plain)
    return bare.rpartition(".")[2].replace('"', "").strip().lower()


def _constant(literal: str) -> Literals:
    return lambda count, _rng, _datatype: pa.repeat(literal, count)


def _words(count: int, rng: np.random.Generator) -> pa.Array:
    pool = neutral_words()
    return pa.array(pool).take(pa.array(rng.integers(len(pool), size=count)))


def _numbers(count: int, rng: np.random.Generator, _datatype: DataType) -> pa.Array:
    return joined(rng.integers(1, 10_000, size=count))


def _networks(mask: str) -> Literals:
    """Addresses of 198.18.0.0/15, which RFC 2544 keeps for tests and no network routes."""

    def literals(count: int, rng: np.random.Generator, _datatype: DataType) -> pa.Array:
        third, fourth = rng.integers(256, size=count), rng.integers(1, 255, size=count)
        last = ["0"] * count if mask else fourth
        return joined("198.", rng.integers(18, 20, size=count), ".", third, ".", last, mask)

    return literals


def _hardware(groups: int) -> Literals:
    """Locally administered hardware addresses, which no maker hands out."""

    def literals(count: int, rng: np.random.Generator, _datatype: DataType) -> pa.Array:
        pairs = pa.array([f":{byte:02x}" for byte in range(256)])
        drawn = (pairs.take(pa.array(rng.integers(256, size=count))) for _ in range(groups - 1))
        return joined("02", *drawn)

    return literals


def _bits(count: int, rng: np.random.Generator, datatype: DataType) -> pa.Array:
    """Exactly n bits for bit(n), at most n for bit varying(n); 1 and 8 where n is not said."""
    digits = "".join(c for c in datatype.plain if c.isdigit())
    length = int(digits) if digits else (8 if "var" in datatype.plain else 1)
    drawn = rng.integers(48, 50, size=(count, length)).astype(np.uint8)
    return pa.array([bytes(row).decode("ascii") for row in drawn], pa.string())


def _points(before: str, between: str, after: str, pairs: int) -> Literals:
    """Points with ascending coordinates, so that boxes and segments are none of them empty."""

    def literals(count: int, rng: np.random.Generator, _datatype: DataType) -> pa.Array:
        parts: list[Any] = [before]
        for pair in range(pairs):
            low = 100 * pair
            x, y = (
                rng.integers(low, low + 100, size=count),
                rng.integers(low, low + 100, size=count),
            )
            parts += ["(", x, ",", y, ")", between if pair < pairs - 1 else after]
        return joined(*parts)

    return literals


def _ranges(before: str, after: str) -> Literals:
    def literals(count: int, rng: np.random.Generator, _datatype: DataType) -> pa.Array:
        low = rng.integers(0, 1000, size=count)
        return joined(before, "[", low, ",", low + rng.integers(1, 100, size=count), ")", after)

    return literals


def _date_ranges(before: str, clock: str, after: str) -> Literals:
    def literals(count: int, rng: np.random.Generator, _datatype: DataType) -> pa.Array:
        first = rng.integers(18_993, 20_000, size=count)
        days = [
            pa.array(day.astype(np.int32)).view(pa.date32()).cast(pa.string())
            for day in (first, first + rng.integers(1, 60, size=count))
        ]
        return joined(before, '["', days[0], clock, '","', days[1], clock, '")', after)

    return literals


def _worded(before: str, after: str) -> Literals:
    return lambda count, rng, _datatype: joined(before, _words(count, rng), after)


def _lines(count: int, rng: np.random.Generator, _datatype: DataType) -> pa.Array:
    first, constant = rng.integers(1, 10, size=count), rng.integers(0, 100, size=count)
    return joined("{", first, ",-1,", constant, "}")


def _circles(count: int, rng: np.random.Generator, _datatype: DataType) -> pa.Array:
    x, y, radius = (rng.integers(1, 100, size=count) for _ in range(3))
    return joined("<(", x, ",", y, "),", radius, ">")


def _clock_times(count: int, rng: np.random.Generator, _datatype: DataType) -> pa.Array:
    tens, minutes = rng.integers(10, 20, size=count), rng.integers(10, 60, size=count)
    return joined(tens, ":", minutes, ":00+00")


def _log_positions(count: int, rng: np.random.Generator, _datatype: DataType) -> pa.Array:
    return joined("0/", rng.integers(1_000_000, 10_000_000, size=count))


def _amounts(count: int, rng: np.random.Generator, _datatype: DataType) -> pa.Array:
    """Two digits after the point; a currency sign is not needed to read money."""
    return joined(rng.integers(1, 1000, size=count), ".", rng.integers(10, 100, size=count))


def _numbered(name: str) -> Literals:
    """Literals of numbers drawn at random."""

    def literals(count: int, rng: np.random.Generator, _datatype: DataType) -> pa.Array:
        known = numbered(name)
        return (
            pa.nulls(count) if known is None else known.write(rng.integers(known.count, size=count))
        )

    return literals


_ARTICLES = ("isbn", "isbn13", "issn", "issn13", "ismn", "ismn13", "ean13", "upc")
_NUMBER_RANGES = ("int4range", "int8range", "numrange")
_DATE_RANGES = {"daterange": "", "tsrange": " 00:00:00", "tstzrange": " 00:00:00+00"}

_INVENTED: Mapping[str, Literals] = {
    "inet": _networks(""),
    "cidr": _networks("/24"),
    "macaddr": _hardware(6),
    "macaddr8": _hardware(8),
    "money": _amounts,
    "bit": _bits,
    "varbit": _bits,
    "bit varying": _bits,
    "xml": _worded("<note>", "</note>"),
    "tsvector": _worded("'", "':1"),
    "tsquery": _worded("'", "'"),
    "hstore": _worded('"note"=>"', '"'),
    "ltree": _worded("top.", ""),
    "lquery": _worded("top.", ""),
    "citext": _worded("", ""),
    "cube": _points("", "", "", 1),
    **{name: _numbered(name) for name in _ARTICLES},
    "name": _worded("", ""),
    "jsonpath": _worded('$."', '"'),
    "point": _points("", "", "", 1),
    "lseg": _points("[", ",", "]", 2),
    "box": _points("", ",", "", 2),
    "path": _points("[", ",", "]", 3),
    "polygon": _points("(", ",", ")", 3),
    "line": _lines,
    "circle": _circles,
    "interval": _constant("1 day"),
    "timetz": _clock_times,
    "time with time zone": _clock_times,
    "pg_lsn": _log_positions,
    "oid": _numbers,
    "xid": _numbers,
    "xid8": _numbers,
    "cid": _numbers,
    "tid": _constant("(0,1)"),
    '"char"': _constant("a"),
    "char": _constant("a"),
    "pg_snapshot": _constant("10:20:10,14,15"),
    "txid_snapshot": _constant("10:20:10,14,15"),
    **{name: _ranges("", "") for name in _NUMBER_RANGES},
    **{n.replace("range", "multirange"): _ranges("{", "}") for n in _NUMBER_RANGES},
    **{name: _date_ranges("", clock, "") for name, clock in _DATE_RANGES.items()},
    **{
        n.replace("range", "multirange"): _date_ranges("{", clock, "}")
        for n, clock in _DATE_RANGES.items()
    },
}
