"""Which row lends its moment to one whose own stands on the wrong side of another."""

import numpy as np
import numpy.typing as npt

from generators.magnitudes import Magnitudes
from generators.sorting import ordered

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NEAR = 25
"""Rows to either side, in the order of their anchors, among which one lends its moment."""
_ASKED = 6
"""How many of them a row asks."""


def lenders(
    pair: tuple[Magnitudes, Magnitudes],
    wrong: Ints,
    form: str,
    rng: np.random.Generator,
    *,
    upwards: bool,
) -> Ints:
    """Per row the one whose moment it takes: its own, or for some that break the rule another's.

    Of rows that keep the rule and have about the same anchor; so moments of rows that go on for
    good, and the last one that was observed, stay what they are.
    """
    anchor, moved = pair if upwards else reversed(pair)
    found = np.arange(len(anchor.values))
    keeping = anchor.known & moved.known
    keeping[wrong] = False
    good = np.flatnonzero(keeping)
    good = good[ordered(anchor.values[good])]
    if not len(good):
        return found
    place, left = np.searchsorted(anchor.values[good], anchor.values[wrong]), wrong
    for _ in range(_ASKED):
        near = np.clip(place + rng.integers(-_NEAR, _NEAR, len(left)), 0, len(good) - 1)
        held, own = moved.values[good[near]], anchor.values[left]
        kept = held > own if upwards else held < own
        kept |= (held == own) & (form != "<")
        found[left[kept]] = good[near[kept]]
        place, left = place[~kept], left[~kept]
    return found


def of_several(
    target: Magnitudes, moves: tuple[Ints, Floats | Ints], rows: Ints, gaps: Floats
) -> Ints:
    """The lenders of moments that others have too, or to rows that would lie beyond all others.

    All other rows keep what they were moved to, as far as was learned: a moment that one row alone
    has says nothing of when rows end, and would repeat once it is lent.
    """
    (wrong, moved), found = moves, rows.copy()
    kept = target.known.copy()
    kept[wrong] = False
    every = np.sort(target.values[kept])
    same = np.diff(every, prepend=every[:1] - 1, append=every[-1:] + 1) == 0
    alone = every[~(same[1:] | same[:-1])]
    if not len(alone) or not len(gaps):
        return found
    lent = target.values[rows[wrong]]
    single = alone.take(np.searchsorted(alone, lent), mode="clip") == lent
    inside = (moved >= alone[0]) & (moved <= alone[-1])
    found[wrong] = np.where(single & inside, wrong, found[wrong])
    return found
