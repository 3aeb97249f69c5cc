"""What an owner's rows of one child table tell of its number of others: how many, or how long."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import Kind
from connectors.schema import Column, TableName
from generators.magnitudes import Scale, finite, magnitudes
from generators.privacy.support import Floats, Released, Support
from generators.relations.beats import ticks
from generators.relations.clocks import Candidate, choose_clock, tells_when

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_FEWEST = 3.0
"""Children of an owner, on average of those with any, for a span to be worth a look."""
_NEVER = 2**62


@dataclass(frozen=True, slots=True)
class Pace:
    """How children follow one another, in microseconds, or in years of columns that hold such.

    Attributes:
        step: the usual time from one to the next, as one number.
        latest: the latest time of any, likewise.
    """

    step: Released[Floats]
    latest: Released[Floats]


@dataclass(frozen=True, slots=True)
class Measure:
    """What an owner's number of children is told beside: its rows of another child table.

    Those may be counted; or what they span may be, in steps of the children: a salary is set once
    a year, as long as an employee has a post.

    Attributes:
        table: the other table, whose rows are drawn before.
        begin: its column whose first time begins the span; "" where rows are counted.
        end: its column whose last time ends it, null or infinite for not yet.
        pace: how time is told; None where rows are counted.
    """

    table: TableName
    begin: str = ""
    end: str = ""
    pace: Pace | None = None

    def of(self, values: Mapping[str, pa.Array], parents: Ints, owners: int) -> Ints:
        """The number of rows of each owner, or of steps begun in what they span; 0 for none.

        Args:
            values: the other table's rows, by column.
            parents: the position of each one's owner.
            owners: how many owners there are.
        """
        if self.pace is None:
            return np.asarray(np.bincount(parents, minlength=owners), dtype=np.int64)
        step, latest = float(self.pace.step.value[0]), int(self.pace.latest.value[0])
        begins, known = instants(values[self.begin])
        ends, ended = instants(values[self.end])
        ends = np.where(ended, np.minimum(ends, latest), latest)
        first, last = np.full(owners, _NEVER), np.full(owners, -_NEVER)
        np.minimum.at(first, parents[known], begins[known])
        np.maximum.at(last, parents, ends)
        there = first < _NEVER
        spans = np.where(there, np.maximum(last - first, 0), 0)
        return np.where(there, 1 + (spans / step).astype(np.int64), 0)


@dataclass(frozen=True, slots=True)
class Kin:
    """The training rows of a child table.

    Attributes:
        rows: as stored, with their privacy units.
        parents: position of each one's owner; -1 for none.
        columns: theirs.
    """

    table: TableName
    rows: pa.Table
    units: Ints
    parents: Ints
    columns: tuple[Column, ...]

    def values(self, *names: str) -> Mapping[str, pa.Array]:
        """Some columns of the rows that have an owner."""
        kept = pa.array(np.flatnonzero(self.parents >= 0))
        return {name: self.rows[name].combine_chunks().take(kept) for name in names}

    @property
    def owned(self) -> Ints:
        """The owners of the rows that have one."""
        return self.parents[self.parents >= 0]

    @property
    def times(self) -> list[Column]:
        """The columns that tell when something is."""
        return [c for c in self.columns if tells_when(c, self.rows[c.name].combine_chunks())]

    @property
    def clock(self) -> Candidate | None:
        """The time by which rows of an owner follow one another; None where none does that."""
        found = []
        for column in self.times:
            values, known = instants(self.values(column.name)[column.name])
            if known.all():
                found.append(Candidate(column, values))
        return choose_clock(found, self.owned)


def measures(children: Kin, others: Iterable[Kin], support: Support) -> Iterator[Measure]:
    """What the number of children may be told beside, of other child tables of their owner."""
    paced = None if _average(children.owned) < _FEWEST else _pace(children, support)
    for other in others:
        yield Measure(other.table)
        if paced is not None:
            years, pace = paced
            ways = [c.name for c in other.times if (c.datatype.kind is Kind.INTEGER) == years]
            yield from (Measure(other.table, b, e, pace) for b, e in product(ways, ways))


def instants(values: pa.Array) -> tuple[Ints, Bools]:
    """Microseconds of dates and timestamps, whole numbers as they are; and which are finite."""
    if pa.types.is_integer(values.type):
        return ticks(values), np.asarray(values.is_valid().to_numpy(zero_copy_only=False))
    return np.asarray(magnitudes(values, Scale.MOMENT).values, np.int64), finite(values)


def _average(owners: Ints) -> float:
    return len(owners) / max(1, len(np.unique(owners)))


def _pace(children: Kin, support: Support) -> tuple[bool, Pace] | None:
    """Whether children come by years, their usual step and their latest time.

    None where no column orders them, or fewer than k units have a step.
    """
    owners, units = children.owned, children.units[children.parents >= 0]
    clock = children.clock
    if clock is None:
        return None
    order = np.lexsort((clock.ticks, owners))
    later = 1 + np.flatnonzero(np.diff(owners[order]) == 0)
    steps = np.diff(clock.ticks[order])[later - 1].astype(np.float64)
    some = steps > 0
    step = support.quantiles(steps[some], units[order[later]][some], np.array([0.5]))
    latest = support.quantiles(clock.ticks.astype(np.float64), units, np.array([1.0]))
    if not len(step.value) or not len(latest.value):
        return None
    return clock.column.datatype.kind is Kind.INTEGER, Pace(step, latest)
