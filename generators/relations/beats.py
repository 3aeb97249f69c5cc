"""Times as whole ticks, and finding a sibling table's row that is current at one."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind, arrow_type
from generators.columns import Codes
from generators.sorting import ordered

Ints = npt.NDArray[np.int64]

CLOCKS = frozenset({Kind.INTEGER, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
"""The kinds of columns that can order siblings."""
_MOMENTS = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Beat:
    """The rows of a child table by owner and time.

    Attributes:
        owners: position of each row's owner, ascending.
        ticks: each row's time, ascending under each owner.
        codes: each row's codes.
        rows: each row's position before it was put in this order.
        known: the times that occur, ascending.
        order: owner and time of each row as one number, ascending.
    """

    owners: Ints
    ticks: Ints
    codes: Codes
    rows: Ints
    known: Ints
    order: Ints

    @classmethod
    def of(cls, owners: Ints, ticks: Ints, codes: Codes) -> Self:
        """The rows in the order in which they are looked up."""
        rows = ordered(owners, ticks)
        owners, ticks, known = owners[rows], ticks[rows], np.unique(ticks)
        order = owners * (len(known) + 1) + np.searchsorted(known, ticks, side="right")
        return cls(owners, ticks, codes[rows], rows, known, order)

    def at(self, owners: Ints, ticks: Ints) -> Ints:
        """The owner's last row that is not after a time; -1 where there is none."""
        place = self._behind(owners, ticks) - 1
        return self._own(place, owners)

    def after(self, owners: Ints, ticks: Ints) -> Ints:
        """The owner's first row after a time; -1 where there is none."""
        return self._own(self._behind(owners, ticks), owners)

    def left(self, owners: Ints, ticks: Ints) -> Ints:
        """How many of the owner's rows come after a time."""
        ends = np.searchsorted(self.owners, owners, side="right")
        return np.asarray(ends - self._behind(owners, ticks))

    def block(self, owners: Ints) -> tuple[Ints, Ints]:
        """Where the rows of each owner begin, and where they end."""
        return (
            np.searchsorted(self.owners, owners),
            np.searchsorted(self.owners, owners, side="right"),
        )

    def span(self, owners: Ints, ticks: Ints) -> tuple[Ints, Ints]:
        """Where the owner's rows of just that time begin, and where they end."""
        first = self._behind(owners, ticks - 1)
        end = self._behind(owners, ticks)
        return np.maximum(first, self.block(owners)[0]), end

    def first(self, owners: Ints) -> Ints:
        """The owner's first row; -1 where there is none."""
        return self._own(np.searchsorted(self.owners, owners), owners)

    def last(self, owners: Ints) -> Ints:
        """The owner's last row; -1 where there is none."""
        return self._own(np.searchsorted(self.owners, owners, side="right") - 1, owners)

    def ticks_at(self, place: Ints) -> Ints:
        """The times of the rows at some places; 0 where the place is -1."""
        padded = np.append(self.ticks, 0)
        return np.asarray(padded[place])

    def current(self, owners: Ints, ticks: Ints) -> Ints:
        """The position of the owner's row at just that time, before the order; -1 for none."""
        place = self.at(owners, ticks)
        there = (place >= 0) & (self.ticks_at(place) == ticks)
        padded = np.append(self.rows, -1)
        return np.where(there, padded[place], -1)

    def codes_at(self, place: Ints) -> Codes:
        """One more than the codes of the rows at some places; 0 where the place is -1."""
        padded = np.append(self.codes + 1, np.zeros((1, self.codes.shape[1]), np.int32), axis=0)
        return np.asarray(padded[place], dtype=np.int32)

    def _behind(self, owners: Ints, ticks: Ints) -> Ints:
        """How many rows come before (owner, time) or are there, in the order of owners."""
        asked = np.searchsorted(self.known, ticks, side="right")
        return np.searchsorted(self.order, owners * (len(self.known) + 1) + asked, side="right")

    def _own(self, place: Ints, owners: Ints) -> Ints:
        if not len(self.owners):
            return np.full(len(owners), -1)
        inside = np.clip(place, 0, len(self.owners) - 1)
        return np.where((place == inside) & (self.owners[inside] == owners), inside, -1)


def ticks(values: pa.Array) -> Ints:
    """Days of dates, microseconds of timestamps, whole numbers as they are; 0 for null."""
    if pa.types.is_temporal(values.type):
        stored = pa.int32() if values.type.bit_width == 32 else pa.int64()
        values = values.view(stored)
    found = pc.fill_null(values, 0) if values.null_count else values
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def moments(counts: Ints, datatype: DataType) -> pa.Array:
    """The values of a column at these ticks."""
    target = arrow_type(datatype)
    if datatype.kind is Kind.INTEGER:
        return pa.array(counts.astype(target.to_pandas_dtype()), target)
    return pa.array(counts.astype(np.int32 if target.bit_width == 32 else np.int64)).view(target)


def converted(counts: Ints, source: Kind, target: Kind) -> Ints:
    """Ticks of one kind as those of another: a date's year is a whole number's tick."""
    if source is target or {source, target} <= _MOMENTS:
        return counts
    if target is Kind.INTEGER:
        days = counts if source is Kind.DATE else counts // _DAY
        return (
            np.asarray(days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)) + 1970
        )
    if target is Kind.DATE:
        return counts // _DAY
    return counts * _DAY
