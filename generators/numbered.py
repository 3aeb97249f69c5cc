"""Literals that differ wherever their numbers do, of types without a form of their own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generators.privacy.support import Ints

_FIRST_DAY = 18_993
"""2022-01-01, as everywhere that no value was seen."""
_WEIGHTS = (1, 3)
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Numbered:
    """A literal for each number from 0 to count - 1."""

    count: int
    write: Callable[[Ints], pa.Array]


def numbered(name: str) -> Numbered | None:
    """The literals of a type, by its bare name; None where nobody here can tell them apart."""
    return _NUMBERED.get(name)


def joined(*parts: Any) -> pa.Array:
    """Texts put together from texts and whole numbers, entry by entry."""
    texts = [p if isinstance(p, str) else pa.array(p).cast(pa.string()) for p in parts]
    return pc.binary_join_element_wise(*texts, "")


def _padded(numbers: Ints, width: int) -> pa.Array:
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")


def _articles(before: str, after: str = "") -> Numbered:
    """Article numbers of thirteen digits, the last of which checks the others.

    ISO 2108 for books, ISO 3297 for serials and ISO 10957 for music share the check digit of
    GS1's EAN-13: weights 1 and 3 in turn, and what is missing to a multiple of ten.
    """
    free = _DIGITS - len(before) - len(after)
    fixed = int(before + "0" * free + after)

    def write(numbers: Ints) -> pa.Array:
        whole = fixed + numbers * 10 ** len(after)
        total = np.zeros(len(numbers), np.int64)
        for place in range(_DIGITS):
            digit = whole // 10 ** (_DIGITS - 1 - place) % 10
            total += digit * _WEIGHTS[place % 2]
        return joined(_padded(whole, _DIGITS), -total % 10)

    return Numbered(10**free, write)


def _number_range(numbers: Ints) -> pa.Array:
    return joined("[", numbers + 1, ",", numbers + 2, ")")


def _date_range(numbers: Ints) -> pa.Array:
    first, last = (_day(_FIRST_DAY + numbers + more) for more in (0, 1))
    return joined("[", first, ",", last, ")")


def _day(days: Ints) -> pa.Array:
    return pa.array(days.astype(np.int32)).view(pa.date32()).cast(pa.string())


def _moment_range(zone: str) -> Callable[[Ints], pa.Array]:
    def write(numbers: Ints) -> pa.Array:
        hours = _FIRST_DAY * 24 + numbers
        ends = (
            pa.array((hours + more) * 3_600_000_000).view(pa.timestamp("us")) for more in (0, 1)
        )
        first, last = (end.cast(pa.string()) for end in ends)
        return joined('["', first, f'{zone}","', last, f'{zone}")')

    return write


def _network(mask: str) -> Callable[[Ints], pa.Array]:
    """Addresses of 198.18.0.0/15, which RFC 2544 keeps for tests and no network routes."""

    def write(numbers: Ints) -> pa.Array:
        return joined(
            "198.", 18 + (numbers >> 16), ".", numbers >> 8 & 255, ".", numbers & 255, mask
        )

    return write


def _hardware(groups: int) -> Callable[[Ints], pa.Array]:
    """Locally administered hardware addresses, which no maker hands out."""

    def write(numbers: Ints) -> pa.Array:
        pairs = pa.array([f":{byte:02x}" for byte in range(256)])
        places = [numbers >> 8 * place & 255 for place in reversed(range(groups - 1))]
        return joined("02", *(pairs.take(pa.array(place)) for place in places))

    return write


def _plain(before: str, after: str) -> Callable[[Ints], pa.Array]:
    return lambda numbers: joined(before, numbers + 1, after)


_MANY = 2**31 - 3
_RANGES = {
    "int4range": Numbered(_MANY, _number_range),
    "int8range": Numbered(_MANY, _number_range),
    "numrange": Numbered(_MANY, _number_range),
    "daterange": Numbered(2_000_000, _date_range),
    "tsrange": Numbered(50_000_000, _moment_range("")),
    "tstzrange": Numbered(50_000_000, _moment_range("+00")),
}
_NUMBERED: Mapping[str, Numbered] = {
    **_RANGES,
    "isbn": _articles("978"),
    "isbn13": _articles("978"),
    "issn": _articles("977", "00"),
    "issn13": _articles("977", "00"),
    "ismn": _articles("9790"),
    "ismn13": _articles("9790"),
    "ean13": _articles("200"),
    "upc": _articles("04"),
    "inet": Numbered(2**17, _network("")),
    "cidr": Numbered(2**17, _network("/32")),
    "macaddr": Numbered(2**40, _hardware(6)),
    "macaddr8": Numbered(2**56, _hardware(8)),
    "oid": Numbered(_MANY, _plain("", "")),
    "xid8": Numbered(_MANY, _plain("", "")),
    "money": Numbered(_MANY, _plain("", ".00")),
    "pg_lsn": Numbered(9_999_999, _plain("0/", "")),
    "ltree": Numbered(_MANY, _plain("top.n", "")),
    "tsvector": Numbered(_MANY, _plain("'n", "':1")),
    "hstore": Numbered(_MANY, _plain('"n"=>"', '"')),
    "cube": Numbered(_MANY, _plain("(", ")")),
}
