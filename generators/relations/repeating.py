"""How a row repeats older siblings in one feature: told of learned rows, done to drawn ones."""

import numpy as np
import numpy.typing as npt

from generators.columns import Codes
from generators.relations.histories import AGAIN, EARLIER, LAST, NEW, Repeats, positions

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

MEMORY = 64
"""Older siblings that are searched through."""
_REDRAWS = 4


def repeats_of(ids: Ints, position: Ints) -> Repeats:
    """How rows are like their older siblings in one feature; siblings stand side by side.

    Args:
        ids: equal for equal values; -1 is like nothing.
        position: how many siblings come before each row.
    """
    history = np.cumsum(position == 0)
    seen = _seen_before(history, ids)
    last = np.append(False, ids[1:] == ids[:-1]) & (position > 0)
    again = _followers(history, ids, position) == ids
    found = np.where(seen, np.where(last, LAST, np.where(again, AGAIN, EARLIER)), NEW)
    return np.asarray(found, dtype=np.int8)


def repeated(
    codes: Codes,
    rows: tuple[Ints, Ints],
    how: tuple[Repeats, Ints],
    places: Ints,
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Which of the rows of one turn repeat an older sibling, and which one.

    Args:
        codes: of all rows of the table.
        rows: the rows of the turn, and how many siblings come before each.
        how: how each of them repeats, and its last follower.
        places: per row of the table the place of its beat, -1 for none. What siblings at the same
            beat have is no earlier value.
        rng: source of randomness.
    """
    (own, position), (kind, followers) = rows, how
    chosen = np.where((kind == AGAIN) & (followers >= 0), followers, own - 1)
    left = np.flatnonzero((kind == EARLIER) & (position > 1))
    for _ in range(_REDRAWS):
        back = (rng.random(len(left)) * (position[left] - 1)).astype(np.int64)
        chosen[left] = own[left] - 2 - back
        held, last = codes[chosen[left]], codes[own[left] - 1]
        again = (followers[left] >= 0) & (held == codes[followers[left]])
        here = (places[own[left]] >= 0) & (places[chosen[left]] == places[own[left]])
        left = left[(held == last) | again | here]
    repeating = np.flatnonzero((kind == LAST) | (kind == AGAIN) | (kind == EARLIER))
    return repeating, chosen[repeating]


def held_before(codes: Codes, rows: Ints, fresh: Codes, owners: Ints) -> Bools:
    """Whether an older sibling has the fresh code of each feature.

    Args:
        codes: of all rows, of shape (rows, features).
        rows: those of one turn.
        fresh: their codes.
        owners: each row's owner, of all rows.
    """
    position = positions(owners)[rows]
    found = np.zeros(fresh.shape, np.bool_)
    for back in range(1, min(int(position.max(initial=0)), MEMORY) + 1):
        behind = np.flatnonzero(position >= back)
        found[behind] |= codes[rows[behind] - back] == fresh[behind]
    return found


def _seen_before(history: Ints, ids: Ints) -> Bools:
    """Whether an older row of the same history has the same id; never for -1."""
    order = np.lexsort((ids, history))
    same = (np.diff(history[order]) == 0) & (np.diff(ids[order]) == 0)
    found = np.zeros(len(ids), np.bool_)
    found[order[1:]] = same
    return found & (ids >= 0)


def _followers(history: Ints, ids: Ints, position: Ints) -> Ints:
    """The id of the row that last followed one with the id of the row before; -2 for none."""
    later = np.flatnonzero(position > 0)
    before = ids[later - 1]
    order = np.lexsort((later, before, history[later]))
    same = (np.diff(history[later][order]) == 0) & (np.diff(before[order]) == 0)
    found = np.full(len(ids), -2)
    ranked = later[order]
    found[ranked[1:][same]] = ids[ranked[:-1][same]]
    return found


def last_followers(codes: Codes, sources: Ints, rows: Ints, position: Ints) -> Ints:
    """The older sibling of each row that last followed one like the sibling before; -1 for none.

    Args:
        codes: of all rows of the table.
        sources: per row the older sibling that its code is taken from, else -1.
        rows: the rows asked for.
        position: how many siblings come before each of those.
    """
    found = np.full(len(rows), -1)
    left = np.arange(len(rows))
    for back in range(2, min(int(position.max(initial=0)), MEMORY) + 1):
        left = left[position[left] >= back]
        before, now = rows[left] - 1, rows[left] - back
        alike = _alike(codes, sources, before, now)
        found[left[alike]] = now[alike] + 1
        left = left[~alike]
    return np.where((found >= 0) & (codes[found] != codes[rows - 1]), found, -1)


def has_earlier(codes: Codes, rows: Ints, position: Ints, followers: Ints) -> Bools:
    """Whether a row has an older sibling unlike the one before and unlike its last follower."""
    found = np.zeros(len(rows), np.bool_)
    for back in range(2, min(int(position.max(initial=0)), MEMORY) + 1):
        there = np.flatnonzero((position >= back) & ~found)
        held, last = codes[rows[there] - back], codes[rows[there] - 1]
        follower = followers[there]
        found[there] = (held != last) & ((follower < 0) | (held != codes[follower]))
    return found


def _alike(codes: Codes, sources: Ints, one: Ints, other: Ints) -> Bools:
    """Whether rows have one code, taken from the same row where they are taken."""
    roots = [np.where(sources[rows] < 0, rows, sources[rows]) for rows in (one, other)]
    same = (roots[0] == roots[1]) | (sources[one] < 0)
    return np.asarray((codes[one] == codes[other]) & same)
