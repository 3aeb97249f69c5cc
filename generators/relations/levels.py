"""Self-references: how deep a row lies below a root, and how many rows refer to each."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from connectors.datatypes import DataType, Kind
from connectors.schema import Column, ForeignKey
from generators.privacy.support import Support
from generators.randomness import stream

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_DEEPEST = 30
_ROUNDS = 6
"""Rounds in which rows try to take what is free, before them and then anywhere; the first wins."""
_SAME = 0.99
"""Share of rows that must have the owner of the row that they refer to, for all to have it."""


@dataclass(frozen=True, slots=True)
class Descent:
    """How the training rows of a table lie below each other.

    Attributes:
        rooted: whether there are roots: rows that refer to none, or to themselves.
        depths: per row, how many levels it lies below a root; at most `levels`.
        branches: per row, how many others refer to it.
        levels: how many levels below the roots are told apart.
        within: whether a row has the owner of the one that it refers to.
        older: whether a row's key is larger than that of the one that it refers to.
    """

    rooted: bool
    depths: Ints
    branches: Ints
    levels: int
    within: bool
    older: bool

    @property
    def codes(self) -> npt.NDArray[np.int32]:
        """Per row its level; 0 for the first one that there is."""
        return np.maximum(self.depths - (not self.rooted), 0).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the rows of a shard may find the rows that they refer to.

    Attributes:
        levels: per row, how deep it shall lie; 0 for a root.
        counts: per row, how many rows shall refer to it.
        have: per row, a number of what rows that refer to it must want; -1 for nothing.
        want: per row, a number of what a row must have that it refers to.
        older: whether a row may refer to rows before it alone.
    """

    levels: Ints
    counts: Ints
    have: Ints
    want: Ints
    older: bool = False


def branching_column(key: ForeignKey) -> Column:
    """The pseudo-column of a row that holds how many rows of its table refer to it."""
    return Column(f"#{key.name}", DataType(Kind.INTEGER, "bigint", bits=64), nullable=False)


def descent(
    links: Ints, null: Bools, alike: tuple[Ints | None, Ints | None], units: Ints, support: Support
) -> Descent:
    """How rows lie below each other.

    Args:
        links: per row, the position of the row that it refers to; -1 where that is not there.
        null: which rows refer to none.
        alike: per row, the position of its owner, and its key as a number; None for no such thing.
        units: per row, its privacy unit.
        support: the rule of release.
    """
    roots = null | (links == np.arange(len(links)))
    found = depths(links, roots, stream(0, "depths"))
    most = levels(found, units, support)
    others = np.flatnonzero((links >= 0) & ~roots)
    owners, keys = alike

    def holds(found: Bools | None) -> bool:
        return found is not None and support.share(found, units[others]).value >= _SAME

    within = None if owners is None else owners[others] == owners[links[others]]
    older = None if keys is None else keys[others] > keys[links[others]]
    return Descent(
        bool(roots.any()),
        np.minimum(found, most),
        branches(links),
        most,
        holds(within),
        holds(older),
    )


def depths(links: Ints, roots: Bools, rng: np.random.Generator) -> Ints:
    """Per row how many steps it lies below a root, at most 30.

    A row whose parent is not among the rows lies as deep as some other row that is no root; one
    on a ring lies one step below.

    Args:
        links: per row, the position of the row that it refers to; -1 where that is not there.
        roots: which rows refer to none, or to themselves.
        rng: source of randomness.
    """
    found = _below(np.where(roots, 0, -1), links)
    lost = np.flatnonzero(~roots & (links < 0))
    if len(lost):
        known = found[found > 0]
        found[lost] = rng.choice(known, len(lost)) if len(known) else 1
        found = _below(found, links)
    return np.where(found < 0, 1, found)


def branches(links: Ints) -> Ints:
    """Per row how many others refer to it."""
    others = links[(links >= 0) & (links != np.arange(len(links)))]
    return np.bincount(others, minlength=len(links))


def levels(depth: Ints, units: Ints, support: Support) -> int:
    """The greatest depth at or below which rows of k units lie; at least 1."""
    deepest = int(depth.max(initial=0))
    for level in range(deepest, 1, -1):
        if len(np.unique(units[depth >= level])) >= support.k:
            return level
    return 1


def refer(places: Places, rng: np.random.Generator) -> Ints:
    """The row that each row refers to, one level above it; -1 for roots and where there is none.

    A row is referred to about as often as it shall be, and mostly by later rows. Where no row of
    the level above is to be had, one further up stands in, or the first row that finds none.
    """
    found = np.full(len(places.levels), -1)
    for level in range(1, int(places.levels.max(initial=0)) + 1):
        rows = np.flatnonzero((places.levels == level) & (places.want >= 0))
        found[rows] = _matched(places, rows, np.flatnonzero(places.levels == level - 1), rng)
        left = rows[found[rows] < 0]
        found[left] = _matched(places, left, np.flatnonzero(places.levels < level - 1), rng)
        left = left[found[left] < 0]
        first = left[np.unique(places.want[left], return_index=True)[1]]
        left = np.setdiff1d(left, first)
        found[left] = _matched(places, left, first, rng)
    return found


def _below(depth: Ints, links: Ints) -> Ints:
    """Depths of the rows below those whose depth is known; -1 stays where none is."""
    found, linked = depth.copy(), np.maximum(links, 0)
    for _ in range(_DEEPEST):
        fresh = np.flatnonzero((found < 0) & (links >= 0) & (found[linked] >= 0))
        if not len(fresh):
            break
        found[fresh] = np.minimum(found[linked[fresh]] + 1, _DEEPEST)
    return found


def _matched(places: Places, rows: Ints, above: Ints, rng: np.random.Generator) -> Ints:
    """For each of `rows` one of `above` that has what it wants, as often as that one's count.

    One before it where one is free, else one after it, if that may be; where all are taken, any.
    """
    total, slots = len(places.levels), _slots(places, above)
    slots = np.sort(places.have[slots] * total + slots)
    want = places.want[rows] * total
    last = want + (rows if places.older else total)
    chosen, still = np.full(len(rows), -1), slots
    for turn in range(2 * _ROUNDS):
        left = np.flatnonzero(chosen < 0)
        end = want + rows if turn < _ROUNDS else last
        place = _drawn(still, want[left], end[left], rng)
        taken, winner = np.unique(place, return_index=True)
        won = taken >= 0
        chosen[left[winner[won]]] = still[taken[won]]
        still = np.delete(still, taken[won])
    left = np.flatnonzero(chosen < 0)
    place = _drawn(slots, want[left], last[left], rng)
    chosen[left[place >= 0]] = slots[place[place >= 0]]
    return np.where(chosen < 0, -1, chosen % max(1, total))


def _drawn(slots: Ints, low: Ints, high: Ints, rng: np.random.Generator) -> Ints:
    """The place of any slot from `low` to below `high`, row by row; -1 where there is none."""
    first, end = np.searchsorted(slots, low), np.searchsorted(slots, high)
    place = first + (rng.random(len(low)) * (end - first)).astype(np.int64)
    return np.where(end > first, place, -1)


def _slots(places: Places, above: Ints) -> Ints:
    """Rows as often as they shall be referred to; once each where no like one shall be."""
    known = above[places.have[above] >= 0]
    slots = np.repeat(known, places.counts[known])
    served = np.isin(places.have[known], places.have[slots])
    return np.concatenate([slots, known[~served]])
