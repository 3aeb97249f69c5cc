"""Groups of rows by how often each of several keys leads to them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_NOTHING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class _Kinds:
    """Rows that every key leads to equally often, as one; of many, some are apart at both ends.

    Else a few rows that keys lead to could not be told from thousands that none leads to: with
    some of the latter they are as many as a group has at least.

    Attributes:
        levels: per kind and key, the square root of the degree, in its standard deviations: of a
            count that chance makes, its variance does not depend on its mean (Bartlett 1936). One
            more where the degree is not 0: rows that nothing leads to are apart from all others.
        rows: how many rows each stands for.
        least: rows that a group has at least.
    """

    levels: Floats
    rows: Ints
    least: int


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Kinds of one group, and how it would be divided.

    Attributes:
        gain: what dividing it takes from the sum of squares within groups; 0 where it cannot be.
        low: the kinds that rarer lead to.
        high: all others.
    """

    kinds: Ints
    gain: float
    low: Ints
    high: Ints


def grouped(degrees: Ints, parts: Ints, most: int, least: int) -> Ints:
    """The group of each row, groups of like degrees side by side.

    The group that is most uneven is divided where it falls into the most even halves, as a
    regression tree of all degrees at once is grown (De'ath 2002).

    Args:
        degrees: of each key, how often it leads to each row, of shape (keys, rows).
        parts: rows that no group holds in common with those of other parts.
        most: groups at most, one of each part apart.
        least: rows that a group has at least, where its part has as many.
    """
    if not len(parts):
        return np.empty(0, np.int64)
    place = np.unique(parts, return_inverse=True)[1].astype(np.int64)
    for one in degrees:
        place = np.unique(place * (one.max(initial=0) + 1) + one, return_inverse=True)[1]
    place = np.unique(place * 3 + _ends(place, least), return_inverse=True)[1]
    _, first, rows = np.unique(place, return_index=True, return_counts=True)
    roots = np.sqrt(degrees.T) + (degrees.T > 0)
    spread = roots.std(0)
    levels = np.where(spread > 0, roots[first] / np.where(spread > 0, spread, 1.0), 0.0)
    kinds, own = _Kinds(levels, rows, least), parts[first]
    found = [_group(kinds, np.flatnonzero(own == part)) for part in np.unique(own)]
    while len(found) < most:
        widest = max(range(len(found)), key=lambda n: found[n].gain)
        chosen = found[widest]
        if chosen.gain <= _NOTHING:
            break
        found[widest : widest + 1] = [_group(kinds, chosen.high), _group(kinds, chosen.low)]
    codes = np.empty(len(rows), np.int64)
    for number, group in enumerate(found):
        codes[group.kinds] = number
    return codes[place]


def _ends(place: Ints, least: int) -> Ints:
    """0 and 2 for the rows at the ends of each kind, as many as a group has at least; 1 between."""
    order = np.argsort(place, kind="stable")
    sizes = np.bincount(place)
    ranks = np.empty(len(place), np.int64)
    ranks[order] = np.arange(len(place)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    ends = (ranks >= least).astype(np.int64) + (ranks >= sizes[place] - least)
    return np.where(sizes[place] >= 2 * least, ends, 0)


def _group(all_kinds: _Kinds, kinds: Ints) -> _Group:
    best = _Group(kinds, 0.0, kinds[:0], kinds)
    for key in range(all_kinds.levels.shape[1]):
        order = kinds[np.argsort(all_kinds.levels[kinds, key], kind="stable")]
        gain, at = _cut(all_kinds, order)
        if gain > best.gain:
            best = _Group(kinds, gain, order[:at], order[at:])
    return best


def _cut(all_kinds: _Kinds, order: Ints) -> tuple[float, int]:
    """What the best cut of kinds in order gains, and how many lie before it; 0 where none is."""
    levels, rows = all_kinds.levels[order], all_kinds.rows[order].astype(np.float64)
    before, sums = np.cumsum(rows), np.cumsum(levels * rows[:, None], axis=0)
    after, rest = before[-1] - before, sums[-1] - sums
    allowed = np.flatnonzero((before >= all_kinds.least) & (after >= all_kinds.least))
    if not len(allowed):
        return 0.0, 0
    whole = (sums[-1] ** 2).sum() / before[-1]
    gains = (sums[allowed] ** 2).sum(1) / before[allowed]
    gains += (rest[allowed] ** 2).sum(1) / after[allowed] - whole
    best = int(gains.argmax())
    return float(gains[best]), int(allowed[best]) + 1
