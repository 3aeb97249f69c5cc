"""What no learned row was: drawn rows of which it is true are drawn again.

A value out of its era, or a number above that of the beat's row.
"""

import numpy as np
import numpy.typing as npt

from generators.columns import Codes
from generators.relations.casts import Cast, Turns
from generators.relations.histories import AGAIN, LAST, NEW, History, Repeats

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_UNKNOWN = -1


def becoming(
    cast: Cast, found: Turns, rows: Ints, drawn: tuple[Codes, Ints], repeats: tuple[Repeats, Ints]
) -> Codes:
    """The codes that rows will have by what was drawn; -1 where it is not told, or nothing refused.

    Args:
        cast: what the rows are drawn from.
        found: what was drawn so far.
        rows: those that are drawn now.
        drawn: codes of some of the features that are drawn, and which these are.
        repeats: how each of all features repeats others, and per feature the sibling that `AGAIN`
            means; -1 for none.
    """
    (codes, columns), (how, followers) = drawn, repeats
    told = np.full(how.shape, _UNKNOWN, np.int32)
    for own, column in zip(codes.T, columns, strict=True):
        place = cast.places[column]
        if not _is_limited(cast.history, place):
            continue
        for way, taken in ((LAST, rows - 1), (AGAIN, followers[:, place])):
            there = np.flatnonzero((how[:, place] == way) & (taken >= 0))
            told[there, place] = found.codes[taken[there], place]
        new = how[:, place] == NEW
        told[new, place] = np.minimum(own[new], cast.highest[column])
    return told


def refused(cast: Cast, found: Turns, rows: Ints, codes: Codes) -> Bools:
    """Which rows may not have these codes of all features; -1 is refused nothing."""
    bad = np.zeros(len(rows), np.bool_)
    for place, feature in enumerate(cast.history.features):
        if not _is_limited(cast.history, place):
            continue
        told = np.flatnonzero(codes[:, place] != _UNKNOWN)
        own, which = codes[told, place], rows[told]
        if cast.history.eras is not None and feature.name in cast.history.eras.bounds:
            bad[told] |= cast.history.eras.outside(feature.name, own, found.ticks[which])
        if feature.name in cast.history.bounded:
            bad[told] |= _above(cast, found, which, (place, own))
    return bad


def refuses(history: History) -> bool:
    """Whether any codes are refused at all."""
    return any(_is_limited(history, place) for place in range(len(history.features)))


def _is_limited(history: History, place: int) -> bool:
    name = history.features[place].name
    return name in history.bounded or (history.eras is not None and name in history.eras.bounds)


def _above(cast: Cast, found: Turns, rows: Ints, own: tuple[int, Codes]) -> Bools:
    """Whether a code is above that of the beat's row in force."""
    place, codes = own
    if cast.beat is None:
        return np.zeros(len(rows), np.bool_)
    beat = np.append(cast.beat.rows, -1)[found.places[rows]]
    bound = np.append(cast.shared[place], np.iinfo(np.int32).max)[beat]
    return np.asarray(codes > bound)
