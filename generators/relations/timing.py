"""Draws when the rows of a turn come: one from the other, along a beat, or from the calendar."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.columns import Codes, Draw
from generators.encoding import FittedColumn
from generators.relations.beats import moments, ticks
from generators.relations.casts import Cast, Turns
from generators.relations.histories import HERE, Clock, ahead_codes
from generators.relations.walks import advanced, ahead, before_first
from generators.sorting import ordered
from generators.tables import TableGenerator

Ints = npt.NDArray[np.int64]

_REDRAWS = 4
_ROOM = 0.5
"""Share of the time that rows take for which an owner begins sooner than any that was learned."""
_SHORTEST = 64
"""Draws of each code of a span that tell how short it may be."""


@dataclass(frozen=True, slots=True)
class Way:
    """How times are drawn.

    Attributes:
        known: the times of owners' first rows, or of all; None where all are drawn.
        highest: none that is drawn lies beyond it.
        every: whether those of all rows are known.
    """

    known: Ints | None
    highest: int
    every: bool = False


def grid_of(time: FittedColumn | None) -> int:
    """How far apart the times of a column lie at least: a day, where all are midnights."""
    step = None if time is None else time.generator.released().get("step")
    return 1 if step is None else max(1, int(step.value))


def on_grid(ticks: Ints, grid: int) -> Ints:
    """The times nearest to these that lie on a grid."""
    return ticks if grid == 1 else (ticks + grid // 2) // grid * grid


def scattered_ticks(cast: Cast, clock: Clock, rng: np.random.Generator) -> Ints:
    """All rows' times, each drawn from the calendar; those of an owner ascend."""
    ticks = _first_ticks(cast, clock, np.arange(len(cast.owners)), rng)
    groups = np.cumsum(np.diff(cast.owners, prepend=-1) != 0)
    return ticks[ordered(groups, ticks)]


def earlier(cast: Cast, clock: Clock, drawn: Ints) -> tuple[Ints, Ints, Ints]:
    """Times before the latest one, and the rows of owners that move, and that have less time.

    Rows come earlier by as much as they would lie beyond it. An owner that cannot begin so early
    begins as soon as it can, and all its rows come in the time that is left: were those beyond it
    moved to the latest time, they would pile up there, more of them than can differ in all else.
    """
    starts, highest = np.flatnonzero(cast.before == 0), clock.bounds[1]
    number = np.cumsum(cast.before == 0) - 1
    first, latest = drawn[starts], np.maximum.reduceat(drawn, starts)
    taken = latest - first
    begins = np.maximum(highest - taken, _earliest(cast, clock, starts, taken))
    begins = np.minimum(on_grid(begins, grid_of(cast.time)), first)
    room = np.clip(highest - begins, 0, taken)
    times = begins[number] + pressed(drawn - first[number], taken[number], room[number])
    late, whole = latest > highest, room == taken
    return times, np.flatnonzero((late & whole)[number]), np.flatnonzero((late & ~whole)[number])


def pressed(since: Ints, taken: Ints, room: Ints) -> Ints:
    """Spans from a start, as far apart in less room, in proportion, on the grid that all lie on."""
    unit = max(1, int(np.gcd.reduce(since))) if len(since) else 1
    fresh = np.floor(since / np.maximum(taken, 1) * (room // unit)).astype(np.int64) * unit
    return np.where(room < taken, fresh, since)


def _earliest(cast: Cast, clock: Clock, starts: Ints, taken: Ints) -> Ints:
    """The earliest time that each owner's first row may have, given how long its rows take.

    Who would have too little time left does not wait until even the shortest span has passed.
    """
    lowest = np.full(len(starts), clock.bounds[0])
    if clock.start is None:
        return lowest
    codes = np.repeat(np.arange(clock.start.spans.feature.size, dtype=np.int32), _SHORTEST)
    spans = ticks(clock.start.spans.decode(codes, _draw(len(codes), np.random.default_rng(0))))
    origins, needed = cast.origins[starts], np.ceil(_ROOM * taken).astype(np.int64)
    soon = np.minimum(origins, clock.bounds[1])
    usual = np.minimum(origins + spans.min(), np.maximum(soon, clock.bounds[1] - needed))
    return np.where(cast.started[starts], np.maximum(lowest, usual), lowest)


def with_present(
    cast: Cast, found: Turns, rows: Ints, given: tuple[Codes, Way], rng: np.random.Generator
) -> Codes:
    """What one turn's rows have by their times, which they get here from what tells of times.

    `given` are what they have from their older siblings, and how times are drawn.
    """
    past, way = given
    history, clock = cast.history, cast.history.clock
    if clock is None or cast.time is None:
        return np.empty((len(rows), 0), np.int32)
    later = bool(cast.before[rows].any())
    if clock.walk is not None and cast.beat is not None:
        _set_beats(cast, found, rows, (past, later), rng)
    elif way.known is not None and (way.every or not later):
        found.ticks[rows] = way.known[rows]
    elif later:
        _set_later(cast, found, rows, (past, way), rng)
    else:
        found.ticks[rows] = _first_ticks(cast, clock, rows, rng)
    if cast.beat is not None and clock.walk is None:
        found.places[rows] = cast.beat.at(cast.owners[rows], found.ticks[rows])
    since = np.zeros(len(rows), np.int32)
    if later:
        since = 1 + clock.since_previous.encode(pa.array(found.ticks[rows] - found.ticks[rows - 1]))
    times = cast.time.encode(moments(found.ticks[rows], cast.time.column.datatype))
    place = [f.name for f in history.features].index(clock.column)
    found.codes[rows, place] = times
    there = found.places[rows], _company(cast, found.places, rows, later=later)
    timed = times, since, cast.after[rows]
    return history.present_codes(timed, found.ticks[rows], there, cast.beat)


def _set_later(
    cast: Cast, found: Turns, rows: Ints, given: tuple[Codes, Way], rng: np.random.Generator
) -> None:
    """Draws the times of rows that have an older sibling, in place."""
    clock, (past, way) = cast.history.clock, given
    if clock is None or clock.later is None:
        return
    before, after = found.ticks[rows - 1], cast.after[rows]
    ahead = ahead_codes(clock.since_previous, cast.beat, cast.owners[rows], before, after)
    asked = np.concatenate([cast.heard.take(rows, axis=0), past, ahead.codes], axis=1)
    since, bounds = clock.since_previous, (before, way.highest)
    going = clock.later, grid_of(cast.time)
    found.ticks[rows] = _later_ticks(going, since, asked, bounds, rng)


def _set_beats(
    cast: Cast, found: Turns, rows: Ints, given: tuple[Codes, bool], rng: np.random.Generator
) -> None:
    """Draws which beats rows come at, in place; of an owner without beats, times as they may be."""
    clock, (past, later) = cast.history.clock, given
    if clock is None or clock.walk is None or cast.beat is None:
        return
    owners = cast.owners[rows]
    before, here = before_first(cast.beat, cast.owners)[rows], np.zeros(len(rows), np.int64)
    if later:
        before = found.places[rows - 1]
        here = _so_far(cast, found.places, rows)
    state = before, here, cast.after[rows]
    told = ahead(cast.beat, cast.history.beat_features, owners, state)
    asked = np.concatenate([cast.heard.take(rows, axis=0), past, told.codes], axis=1)
    steps = clock.walk.sample(asked, {}, rng)[:, 0]
    found.places[rows] = advanced(cast.beat, owners, before, steps)
    found.ticks[rows] = cast.beat.ticks_at(found.places[rows])
    lost = rows[found.places[rows] < 0]
    if len(lost):
        found.ticks[lost] = found.ticks[lost - 1] if later else _first_ticks(cast, clock, lost, rng)


def _company(cast: Cast, places: Ints, rows: Ints, *, later: bool) -> Ints:
    """How many siblings in a row before each one share its own beat."""
    if not later or cast.beat is None:
        return np.zeros(len(rows), np.int64)
    return np.where(places[rows] == places[rows - 1], _so_far(cast, places, rows), 0)


def _so_far(cast: Cast, places: Ints, rows: Ints) -> Ints:
    """How many siblings in a row, the one before each row among them, share its beat."""
    found, position = np.ones(len(rows), np.int64), cast.before[rows]
    going = np.ones(len(rows), np.bool_)
    for back in range(2, HERE + 1):
        going &= (position >= back) & (places[rows - np.minimum(back, rows)] == places[rows - 1])
        found += going
    return found


def _first_ticks(cast: Cast, clock: Clock, rows: Ints, rng: np.random.Generator) -> Ints:
    every = len(rows) == len(cast.owners)  # none twice
    told = cast.heard if clock.scattered else cast.base
    given, origins = told if every else told.take(rows, axis=0), cast.origins[rows]
    started = cast.started[rows] & (clock.start is not None)

    def drawn(left: Ints | slice) -> Ints:
        counted, known = started[left], given[left]
        found = np.zeros(len(counted), np.int64)
        if clock.start is not None and counted.any():
            asked = known if counted.all() else known[counted]
            codes = clock.start.generator.sample(asked, {}, rng)[:, 0]
            spans = ticks(clock.start.spans.decode(codes, _draw(len(codes), rng)))
            found[counted] = on_grid(origins[left][counted] + spans, grid_of(cast.time))
        if cast.time is not None and not counted.all():
            asked = known[~counted] if counted.any() else known
            codes = clock.calendar.sample(asked, {}, rng)[:, 0]
            found[~counted] = ticks(cast.time.decode(codes, _draw(len(codes), rng)))
        return found

    return _within(drawn, np.full(len(rows), clock.bounds[0]), clock.bounds[1])


def _later_ticks(
    going: tuple[TableGenerator, int],
    since: FittedColumn,
    given: Codes,
    bounds: tuple[Ints, int],
    rng: np.random.Generator,
) -> Ints:
    (later, grid), (before, highest) = going, bounds

    def drawn(left: Ints | slice) -> Ints:
        codes = later.sample(given[left], {}, rng)[:, 0]
        spans = ticks(since.decode(codes, _draw(len(codes), rng)))
        return on_grid(before[left] + spans, grid)

    return _within(drawn, before, highest)


def _within(drawn: Callable[[Ints | slice], Ints], lowest: Ints, highest: int) -> Ints:
    """Ticks between bounds: drawn again a few times where they lie outside, then moved inside."""
    found = drawn(slice(None))
    for _ in range(_REDRAWS):
        outside = np.flatnonzero((found < lowest) | (found > highest))
        if not len(outside):
            break
        found[outside] = drawn(outside)
    return np.clip(found, lowest, np.maximum(lowest, highest))


def _draw(rows: int, rng: np.random.Generator) -> Draw:
    everything = np.arange(rows)
    return Draw(rng, everything, everything.astype(np.uint64))
