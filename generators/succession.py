"""Siblings in an order: the rows of each owner, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt

from connectors.invariants import Invariant, Term, key_named, quoted
from connectors.schema import ForeignKey, Schema, Table
from generators.distinct import groups
from generators.invariants import Scene
from generators.sorting import ordered

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FEW = 2_000
_PAIR = 2
_MOST_KEYS = 3
"""Keys up to which a table may be one of pairs."""


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


def sibling_groups(table: Table) -> Iterator[tuple[ForeignKey, str, str]]:
    """Keys with one more column of a unique key, and with the only one that is then left of it.

    That one tells the rows apart that have the others in common: a player's stints of a year.
    """
    seen = set[tuple[frozenset[str], str]]()
    for key in sibling_keys(table):
        for unique in (u for u in table.uniques if u.whole):
            rest = [c for c in unique.columns if c not in key.columns]
            if len(rest) != _PAIR or len(unique.columns) != len(rest) + len(key.columns):
                continue
            for beside, last in permutations(rest):
                group = frozenset({*key.columns, beside}), last
                if group not in seen:
                    seen.add(group)
                    yield key, beside, last


def paired_keys(table: Table) -> Iterator[tuple[ForeignKey, str, None]]:
    """Keys of one column each with another such, where the rows are of pairs: a part of a whole."""
    alone = [key for key in sibling_keys(table) if len(key.columns) == 1]
    unique = [set(u.columns) for u in table.uniques if u.whole]
    for key, other in combinations(alone, 2) if len(alone) <= _MOST_KEYS else ():
        pair = {*key.columns, *other.columns}
        if not any(columns <= pair for columns in unique):
            yield key, other.columns[0], None


def named_groups(table: Table) -> Iterator[str]:
    """Columns of a unique key of several that lead nowhere alone: rows of one year are siblings."""
    led = {key.columns[0] for key in table.foreign_keys if len(key.columns) == 1}
    wide = dict.fromkeys(
        c for u in table.uniques if u.whole and len(u.columns) > 1 for c in u.columns
    )
    yield from (column for column in wide if column not in led)


def siblings_of(rule: Invariant, schema: Schema) -> tuple[str, ...]:
    """The columns that siblings of a rule have in common."""
    if rule.key is None and not rule.beside:
        raise ValueError(f"{rule.kind}: a rule along siblings names what they have in common")
    led = key_named(schema.table(rule.key[0]), rule.key[1]).columns if rule.key else ()
    return (*led, *rule.beside)


def families(scene: Scene, key: str | None, beside: tuple[str, ...]) -> Ints:
    """Per row, a number of those that have an owner and some columns in common; -1 for none."""
    parts = [scene.owners(key)] if key is not None else []
    parts += [groups([scene.values(Term(column))]) for column in beside]
    if len(parts) == 1:
        return parts[0]
    known = np.all([part >= 0 for part in parts], axis=0)
    found = np.full(scene.rows, -1)
    stacked = np.stack([part[known] for part in parts], axis=1)
    found[known] = np.unique(stacked, axis=0, return_inverse=True)[1].reshape(-1)
    return found


def family_of(rule: Invariant, scene: Scene) -> Ints:
    """Per row, a number of its siblings by a rule; -1 for none."""
    return families(scene, rule.key[1] if rule.key else None, rule.beside)


def said_of(rule: Invariant) -> str:
    """What siblings of a rule have in common, in words."""
    return ", ".join((*((rule.key[1],) if rule.key else ()), *rule.beside))


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
