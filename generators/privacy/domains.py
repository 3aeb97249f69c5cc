"""What a column may hold, declared or paid for, and its values as places in that list.

Nothing here comes from rows but through `frequent` and `found_intervals`, so the codes that it
makes may be counted, with noise, without any further care.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import NUMBERS, TIMES, DataType, Kind, arrow_type
from connectors.limits import UNLIMITED, Limits
from connectors.schema import Column
from generators.distinct import hashable
from generators.privacy.accountant import Accountant
from generators.privacy.frequent import Price, frequent
from generators.privacy.intervals import Numbers, found_intervals, found_places
from generators.privacy.numbers import bounds_of, numbers_of, values_of, whole
from generators.privacy.support import Floats, Ints

_MOST_DECLARED = 256
_LISTED = frozenset({Kind.TEXT, Kind.UUID})
_SINGLE = 0.3
"""Share of what an ordered column pays that goes into values that many units hold."""

_TO_PLACE = 0.1
"""Share of the rest that goes into how many digits stand after the point, where no type says it."""

Invent = Callable[[int], pa.Array]


@dataclass(frozen=True, slots=True)
class Domain:
    """The codes of a column: null, single values, intervals, anything else.

    Attributes:
        nullable: whether code 0 stands for null.
        values: single values, in the column's Arrow type.
        intervals: pairs of numbers, ascending; a value in one is drawn evenly from it.
        other: whether the last code stands for a value that is invented.
        places: digits after the point of what is drawn from intervals.
    """

    column: Column
    nullable: bool
    values: pa.Array
    intervals: Floats
    other: bool
    places: int | None = None

    @property
    def size(self) -> int:
        """Number of codes."""
        return int(self.nullable) + len(self.values) + len(self.intervals) + int(self.other)

    @property
    def order(self) -> Floats | None:
        """A number per code by which codes may be put in order; None where there is none."""
        if self.column.datatype.kind not in NUMBERS | TIMES or self.other:
            return None
        numbers = numbers_of(self.values, self.column.datatype)
        found = np.concatenate([numbers, self.intervals.mean(1)])
        return np.concatenate([[-np.inf], found]) if self.nullable else found

    def encode(self, values: pa.Array) -> Ints:
        """The code of each value; what is in no interval gets the nearest one, or `other`."""
        codes = np.full(len(values), self.size - 1, np.int64)
        listed = pc.index_in(hashable(values), value_set=hashable(self.values), skip_nulls=True)
        found = listed.is_valid().to_numpy(zero_copy_only=False)
        missing = values.is_null().to_numpy(zero_copy_only=False)
        codes[found] = pc.drop_null(listed).to_numpy().astype(np.int64) + self.nullable
        rest = ~found & ~missing
        if not self.other and rest.any():
            codes[rest] = self._nearest(values.filter(pa.array(rest)))
        codes[missing] = 0
        return codes

    def decode(self, codes: Ints, rng: np.random.Generator, invent: Invent) -> pa.Array:
        """A value per code; `invent` makes so many values from the column's type alone."""
        kind = arrow_type(self.column.datatype)
        place = codes - self.nullable
        single, count = len(self.values), len(self.intervals)
        within = (place >= single) & (place < single + count)
        beyond = place >= single + count
        low, high = self.intervals[place[within] - single].T if count else (np.empty(0),) * 2
        drawn = values_of(rng.uniform(low, high), self.column.datatype, self.places)
        pool = pa.concat_arrays([self.values.cast(kind), drawn, invent(int(beyond.sum()))])
        at = np.where(within, single + np.cumsum(within) - 1, place)
        at = np.where(beyond, single + len(drawn) + np.cumsum(beyond) - 1, at)
        return pool.take(pa.array(at, mask=place < 0))

    def _nearest(self, values: pa.Array) -> Ints:
        order = self.order
        if order is None:
            return np.full(len(values), self.size - 1, np.int64)
        numbers = numbers_of(values, self.column.datatype)
        if not len(self.intervals):
            return np.asarray(np.abs(numbers[:, None] - order[None, :]).argmin(1))
        at = np.searchsorted(self.intervals[:, 0], numbers, side="right") - 1
        first = int(self.nullable) + len(self.values)
        return np.clip(at, 0, len(self.intervals) - 1).astype(np.int64) + first


def bare(column: Column) -> Domain:
    """Null or not, for a column whose values are invented."""
    values = pa.array([], arrow_type(column.datatype))
    return Domain(column, column.nullable, values, np.empty((0, 2)), other=True)


def declared(column: Column, limits: Limits, told: pa.Array | None = None) -> Domain | None:
    """The domain that a person, checks or the type list; None where they leave too much open."""
    if told is not None:
        return replace(bare(column), values=told.unique(), other=False)
    listed: Sequence[object] = limits.values or ()
    bounded = column.datatype.kind is Kind.INTEGER and None not in (limits.least, limits.most)
    if not listed and bounded and limits.most - limits.least < _MOST_DECLARED:
        listed = range(int(limits.least), int(limits.most) + 1)
    if not listed:
        return None
    values = pa.array(list(dict.fromkeys(listed)), arrow_type(column.datatype))
    return replace(bare(column), values=values, other=False)


@dataclass(frozen=True, slots=True)
class Search:
    """The rows of a column that are looked at, what that may cost, and who writes it down."""

    values: pa.Array
    units: Ints
    k: int
    price: Price
    accountant: Accountant
    limits: Limits = UNLIMITED


def paid(table: str, column: Column, search: Search) -> Domain:
    """A domain found among a column's values: those that many units hold, and intervals."""
    kind = column.datatype.kind
    if kind not in NUMBERS | TIMES | _LISTED:
        return bare(column)
    share = 1.0 if kind in _LISTED else _SINGLE
    price = replace(search.price, rho=search.price.rho * share)
    known = search.values.is_valid().to_numpy(zero_copy_only=False)
    encoded = pc.drop_null(search.values).dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    kept, _ = frequent(
        f"values of {table}.{column.name}",
        codes,
        search.units[known],
        search.k,
        price,
        search.accountant,
    )
    values = encoded.dictionary.take(pa.array(kept))
    domain = replace(bare(column), values=values)
    if kind in _LISTED:
        return domain
    rest = pc.drop_null(search.values).filter(pa.array(~np.isin(codes, kept)))
    return _ranged(table, domain, numbers_of(rest, column.datatype), search)


def _ranged(table: str, domain: Domain, numbers: Floats, search: Search) -> Domain:
    """The domain with intervals for the numbers that it does not hold yet."""
    datatype, name = domain.column.datatype, f"{table}.{domain.column.name}"
    left = search.price.rho * (1 - _SINGLE)
    places, open_ended = datatype.scale, _open_ended(datatype)
    if open_ended:
        price = replace(search.price, rho=left * _TO_PLACE)
        places = found_places(f"digits of {name}", numbers, price, search.accountant)
    price = replace(search.price, rho=left * (1 - _TO_PLACE * open_ended))
    least, most = bounds_of(datatype, search.limits)
    known = Numbers(numbers, whole(datatype) or places == 0, least, most)
    intervals = found_intervals(f"range of {name}", known, price, search.accountant)
    nothing = not len(domain.values) and not len(intervals)
    return replace(domain, intervals=intervals, other=nothing, places=places)


def _open_ended(datatype: DataType) -> bool:
    """Whether a type leaves open how many digits stand after the point."""
    return datatype.kind is Kind.FLOAT or (datatype.kind is Kind.DECIMAL and datatype.scale is None)
