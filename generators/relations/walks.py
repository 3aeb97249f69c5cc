"""Rows that come at the rows of a sibling table, their beat: how many beats further each one lies.

Several rows may share a beat, and beats of one time are told apart: two teams of one season, say.
"""

import numpy as np
import numpy.typing as npt

from generators.columns import Codes
from generators.relations.beats import Beat
from generators.relations.counts import BUCKETS, bucket
from generators.relations.histories import HERE
from generators.tables import Feature, Matrix

Ints = npt.NDArray[np.int64]

ADVANCE = Feature("@advance", 8, ordered=True)
"""Beats between a row's beat and that of the sibling before; the last code is for more, too."""
_SPARE = 16
"""Rows more than beats, or fewer, up to which a walk knows how many."""


def matched(beat: Beat, owners: Ints, ticks: Ints, ids: list[tuple[Ints, Ints]]) -> Ints:
    """The place of each row's beat: of those at its time the one that it is most like; else -1.

    Args:
        beat: the sibling table's rows.
        owners: each row's owner.
        ticks: each row's time.
        ids: per column that both tables have, numbers of the values of these rows and of the
            beat's, before the order; -1 for null.
    """
    first, end = beat.span(owners, ticks)
    sizes = end - first
    pairs = np.repeat(np.arange(len(owners)), sizes)
    offsets = np.arange(len(pairs)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    places = first[pairs] + offsets
    alike = np.zeros(len(pairs), np.int64)
    for own, others in ids:
        alike += (own[pairs] == others[beat.rows[places]]) & (own[pairs] >= 0)
    order = np.lexsort((places, -alike, pairs))
    best = order[np.flatnonzero(np.diff(pairs[order], prepend=-1))]
    found = np.full(len(owners), -1)
    found[pairs[best]] = places[best]
    return found


def before_first(beat: Beat, owners: Ints) -> Ints:
    """The place before each row's own beats where its history begins.

    A history that goes on from another one of the same owner begins as far along the beats as
    along the rows. Equal owners stand side by side.
    """
    first, end = beat.block(owners)
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    sizes = np.diff(np.append(starts, len(owners)))
    offset = np.arange(len(owners)) - np.repeat(starts, sizes)
    return np.asarray(first - 1 + offset * (end - first) // np.repeat(sizes, sizes))


def ahead(
    beat: Beat, features: tuple[Feature, ...], owners: Ints, state: tuple[Ints, Ints, Ints]
) -> Matrix:
    """What a walk knows: its beat and the next one, how many are left, and for how many rows.

    Args:
        beat: the sibling table's rows.
        features: of its codes.
        owners: each row's owner.
        state: per row the place of the sibling before, how many siblings are there in a row, and
            how many come after this one.
    """
    before, here, after = state
    first, end = beat.block(owners)
    left = np.maximum(end - 1 - before, 0)
    now = np.where((before >= first) & (before < end), before, -1)
    following = np.where(before + 1 < end, before + 1, -1)
    spare = np.clip(after + 1 - left, -_SPARE, _SPARE) + _SPARE
    counts = np.stack([spare, bucket(left), np.minimum(here, HERE - 1)], axis=1)
    sizes = {"@spare": 2 * _SPARE + 1, "@beats left": BUCKETS, "@here": HERE}
    told = [Feature(name, size, ordered=True) for name, size in sizes.items()]
    for prefix in ("at.", "next."):
        told += [Feature(prefix + f.name, f.size + 1, f.ordered) for f in features]
    codes = [counts, beat.codes_at(now), beat.codes_at(following)]
    return Matrix(tuple(told), np.concatenate(codes, axis=1).astype(np.int32))


def advanced(beat: Beat, owners: Ints, before: Ints, steps: Codes) -> Ints:
    """The place of each row's beat, so many steps on; -1 where the owner has no beat at all."""
    first, end = beat.block(owners)
    found = np.clip(before + steps, first, np.maximum(end - 1, first))
    return np.where(end > first, found, -1)


def steps_taken(places: Ints, before: Ints) -> Codes:
    """The codes of `ADVANCE` between places."""
    steps = np.clip(places - before, 0, ADVANCE.size - 1)
    return np.asarray(steps, dtype=np.int32)


def so_far(places: Ints, position: Ints) -> Ints:
    """How many rows in a row before each one share the beat of the one before it."""
    fresh = np.flatnonzero(np.append(True, places[1:] != places[:-1]) | (position == 0))
    sizes = np.diff(np.append(fresh, len(places)))
    run = np.arange(len(places)) - np.repeat(fresh, sizes) + 1
    return np.where(position > 0, np.append(0, run[:-1]), 0)


def company(places: Ints, position: Ints) -> Ints:
    """How many rows in a row before each one share its own beat."""
    before = so_far(places, position)
    return np.where(np.append(False, places[1:] == places[:-1]), before, 0)
