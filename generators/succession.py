"""Siblings in an order: the rows of each owner, one after the other."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from connectors.invariants import Invariant, key_named, quoted
from connectors.schema import ForeignKey, Schema, Table
from generators.sorting import ordered

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FEW = 2_000


@dataclass(frozen=True, slots=True)
class Succession:
    """Rows owner by owner, those of each in their order.

    Attributes:
        rows: their positions in the table.
        first: which of them begin an owner's.
    """

    rows: Ints
    first: Bools

    @property
    def last(self) -> Bools:
        """Which of them end an owner's."""
        return np.append(self.first[1:], np.ones(min(1, len(self.first)), np.bool_))

    @property
    def number(self) -> Ints:
        """A number of the owner of each, ascending from 0."""
        return np.cumsum(self.first) - 1

    @property
    def place(self) -> Ints:
        """How many siblings stand before each."""
        starts = np.flatnonzero(self.first)
        return np.arange(len(self.rows)) - starts[self.number]

    @property
    def pairs(self) -> tuple[Ints, Ints]:
        """Positions of all rows but each owner's last, and of the sibling that follows each."""
        return self.rows[~self.last], self.rows[~self.first]


def succession(owners: Ints, orders: tuple[Floats | Ints, ...], known: Bools) -> Succession:
    """The rows with an owner and a known order; `orders` go from the first to the last tie."""
    rows = np.flatnonzero(known & (owners >= 0))
    rows = rows[ordered(owners[rows], *(order[rows] for order in orders))]
    return Succession(rows, np.diff(owners[rows], prepend=-1) != 0)


def mixed(along: Succession) -> Ints:
    """The rows in an order of chance within each owner."""
    chance = np.random.default_rng(len(along.rows)).random(len(along.rows))
    return along.rows[ordered(along.number, chance)]


def sibling_keys(table: Table) -> tuple[ForeignKey, ...]:
    """The foreign keys along which a row can have siblings, those of fewer columns first."""
    alone = [frozenset(u.columns) for u in table.uniques if u.whole]
    found = {frozenset(key.columns): key for key in reversed(table.foreign_keys)}
    kept = (key for columns, key in found.items() if not any(one <= columns for one in alone))
    return tuple(sorted(kept, key=lambda key: (len(key.columns), key.columns)))


def siblings_of(rule: Invariant, schema: Schema) -> tuple[str, ...]:
    """The columns that siblings of a rule have in common."""
    if rule.key is None:
        raise ValueError(f"{rule.kind}: a rule along siblings names their foreign key")
    return key_named(schema.table(rule.key[0]), rule.key[1]).columns


def parted(columns: tuple[str, ...]) -> str:
    """Columns as a list in SQL."""
    return ", ".join(quoted(column) for column in columns)


def owned(columns: tuple[str, ...]) -> str:
    """The condition in SQL that a row has an owner."""
    return " AND ".join(f"{quoted(column)} IS NOT NULL" for column in columns)


def few_families(owners: Ints) -> Ints:
    """Positions of some families' rows, about 2,000 or one family, for weeding out."""
    sizes = np.bincount(owners[owners >= 0])
    several = np.flatnonzero(sizes > 1)
    several = several[np.random.default_rng(len(owners)).permutation(len(several))]
    enough = int(np.searchsorted(np.cumsum(sizes[several]), _FEW)) + 1
    chosen = np.zeros(len(sizes) + 1, np.bool_)
    chosen[several[:enough]] = True
    return np.flatnonzero(chosen[owners])
