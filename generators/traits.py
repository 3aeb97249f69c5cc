"""What a database's rows look like, in few bins, so that other rows can be held against it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.schema import TableName
from generators.coarse import merged
from generators.encoding import FittedColumn
from generators.privacy.support import Released, Support
from generators.relations.beats import ticks

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_BINS = 8
_SCALE = 1_000_000
_GAPS = 34
_COUNTS = np.array([0, 1, 2, 3, 4, 5, 7, 10, 15, 25, 50, 100, 250, 1_000, 10_000, 100_000])
"""The least number of children of each bin."""


class Sort(StrEnum):
    """What a trait tells."""

    PAIR = "pair"
    """Two columns of a row."""
    PARENT = "parent"
    """A column of a row, and one of the row that a key leads to."""
    SIBLINGS = "siblings"
    """A column of a row, and the same one of the sibling before."""
    GAP = "gap"
    """The time since the sibling before."""
    COUNT = "count"
    """How many rows a key leads to one."""


@dataclass(frozen=True, slots=True)
class Trait:
    """One of them, with the share of rows (of parents, for counts) in each bin.

    Attributes:
        key: name of the foreign key; empty for a pair.
        columns: the row's, then the parent's; none for counts.
        shape: number of bins of each side.
        shares: of shape `shape`, flat; bins with fewer than k units are 0.
        kept: share of the children that were there to be counted.
    """

    sort: Sort
    table: TableName
    key: str
    columns: tuple[str, ...]
    shape: tuple[int, ...]
    shares: Released[Floats]
    kept: float = 1.0

    @property
    def association(self) -> float:
        """Cramer's V of its two sides."""
        return association(np.asarray(self.shares.value).reshape(self.shape))


@dataclass(frozen=True, slots=True)
class Family:
    """Rows beside the row that a key leads to.

    Attributes:
        rows: the children's.
        above: the parent's row of each; null where there is none.
        owners: a number per row, equal for siblings; -1 for none.
    """

    rows: pa.Table
    above: pa.Table
    owners: Ints


@dataclass(frozen=True, slots=True)
class Binning:
    """Values of a column as numbers of a few bins."""

    fitted: FittedColumn
    bins: Ints

    @property
    def size(self) -> int:
        """The number of bins."""
        return int(self.bins.max(initial=0)) + 1

    def __call__(self, rows: pa.Table) -> Ints:
        """The bin of each row's value."""
        values = rows[self.fitted.column.name].combine_chunks()
        return np.asarray(self.bins[self.fitted.encode(values)])


def binnings(
    columns: tuple[FittedColumn, ...], histograms: Mapping[str, Released[Floats]]
) -> Mapping[str, Binning]:
    """The bins of each column with more than one; neighbours share a bin, or rare categories do.

    They follow from what is released alone, so that both sides have the same.
    """
    found = {}
    for fitted in columns:
        shares = np.asarray(histograms[fitted.column.name].value)
        if fitted.feature.size > 1 and shares.sum() > 0:
            mass = np.rint(shares * _SCALE).astype(np.int64)
            one = Binning(fitted, merged(mass, fitted.feature.ordered, _BINS))
            if one.size > 1:
                found[fitted.column.name] = one
    return found


def in_pairs(rows: pa.Table, one: Binning, other: Binning) -> Ints:
    """The bin of each row for a pair of its columns."""
    return one(rows) * other.size + other(rows)


def with_parents(family: Family, one: Binning, above: Binning) -> tuple[Ints, Ints]:
    """The bin of each row that has a parent, and their positions."""
    there = np.flatnonzero(family.owners >= 0)
    rows, parents = (t.take(pa.array(there)) for t in (family.rows, family.above))
    return one(rows) * above.size + above(parents), there


def along(family: Family, clock: str) -> tuple[Ints, Ints]:
    """Positions of rows that have a sibling before them in time, and of that one."""
    times = ticks(family.rows[clock].combine_chunks())
    order = np.lexsort((times, family.owners))
    owners = family.owners[order]
    later = np.flatnonzero((owners[1:] == owners[:-1]) & (owners[1:] >= 0)) + 1
    return order[later], order[later - 1]


def gaps(family: Family, clock: str) -> tuple[Ints, Ints]:
    """The bin of the time since the sibling before, fourfold from bin to bin; and the positions."""
    later, before = along(family, clock)
    times = ticks(family.rows[clock].combine_chunks()).astype(np.float64)
    between = np.maximum(0.0, times[later] - times[before])
    bins = np.floor(np.log2(np.maximum(1.0, between)) / 2).astype(np.int64) + (between > 0)
    return np.minimum(bins, _GAPS - 1), later


def counted(children: Ints) -> Ints:
    """The bin of each number of children."""
    return np.searchsorted(_COUNTS, children, side="right") - 1


def least_children() -> list[int]:
    """The least number of children of each bin of counts."""
    return [int(least) for least in _COUNTS]


SHAPES = {Sort.GAP: (_GAPS,), Sort.COUNT: (len(_COUNTS),)}
"""Of traits whose bins do not depend on a column's."""


def association(joint: Floats) -> float:
    """Cramer's V (1946) of a table of shares; 0 where a side has one value."""
    total = joint.sum()
    sides = joint.sum(1), joint.sum(0)
    degrees = min(np.count_nonzero(sides[0]), np.count_nonzero(sides[1])) - 1
    if degrees < 1 or total <= 0:
        return 0.0
    expected = np.outer(*sides) / total
    there = expected > 0
    squares = ((joint - expected)[there] ** 2 / expected[there]).sum() / total
    return float(np.sqrt(squares / degrees))


def trait_states(traits: tuple[Trait, ...]) -> Iterator[tuple[str, Released[Any]]]:
    """Every released value with its path, `traits/number/field`."""
    for number, one in enumerate(traits):
        words = [one.sort.value, one.table.schema, one.table.name, one.key, *one.columns]
        yield f"traits/{number}/words", Support().declared(words)
        yield f"traits/{number}/shape", Support().declared([*one.shape])
        yield f"traits/{number}/kept", Support().declared(one.kept)
        yield f"traits/{number}/shares", one.shares


def restored_traits(values: Mapping[str, Any]) -> tuple[Trait, ...]:
    """The traits whose `trait_states` were among these values."""
    count = sum(path.startswith("traits/") and path.endswith("/words") for path in values)
    return tuple(_restored(values, f"traits/{number}") for number in range(count))


def _restored(values: Mapping[str, Any], place: str) -> Trait:
    sort, schema, table, key, *columns = values[f"{place}/words"]
    shape = tuple(int(size) for size in values[f"{place}/shape"])
    shares = np.asarray(values[f"{place}/shares"], np.float64)
    if shares.size != int(np.prod(shape)):
        raise ValueError("a trait has other bins than its shape says")
    name = TableName(str(schema), str(table))
    kept = float(values[f"{place}/kept"])
    words = tuple(map(str, columns))
    return Trait(Sort(sort), name, str(key), words, shape, Support().declared(shares), kept)
