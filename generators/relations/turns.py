"""Draws the rows of all owners turn by turn: every first row, every second one, and so on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.columns import Codes, Draw
from generators.encoding import FittedColumn
from generators.relations.beats import Beat, moments, ticks
from generators.relations.histories import (
    CURRENT,
    EARLIER,
    LAST,
    NEW,
    Clock,
    History,
    Repeats,
    ahead_codes,
    following,
    positions,
)
from generators.tables import TableGenerator

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_ENDLESS = 2**61
_REDRAWS = 4


@dataclass(frozen=True, slots=True)
class Cast:
    """What the rows of one table in one shard are drawn from.

    Attributes:
        history: what rows have from their older siblings.
        generator: of a row, given its context.
        time: the generator of the clock's column; None without a clock.
        base: context codes of each row, its siblings beside it.
        timely: which of them tell when a row comes.
        owners: position of each row's owner, equal ones side by side.
        origins: per row, the tick that its owner's first row is counted from.
        started: per row, whether that is known.
        beat: the beat table's rows, where there is one.
        shared: per feature that may be as in the beat's row, by its place, the codes that the
            beat table's values have here.
    """

    history: History
    generator: TableGenerator
    time: FittedColumn | None
    base: Codes
    timely: Ints
    owners: Ints
    origins: Ints
    started: Bools
    beat: Beat | None
    shared: Mapping[int, Codes]


@dataclass(frozen=True, slots=True)
class _Way:
    """How times are drawn: the first rows' where they are known, and none beyond `highest`."""

    firsts: Ints | None
    highest: int


@dataclass(frozen=True, slots=True)
class Turns:
    """Rows that were drawn.

    Attributes:
        context: the codes that each row was drawn given.
        codes: per row and feature, the clock's column too.
        sources: the older sibling from which a value is taken, of the same shape; else -1.
        current: the beat table's row from which it is taken, likewise.
        ticks: per row, its time; 0 without a clock.
    """

    context: Codes
    codes: Codes
    sources: Ints
    current: Ints
    ticks: Ints


def take_turns(cast: Cast, rng: np.random.Generator) -> Turns:
    """Draws all rows of some owners.

    An owner whose rows would go on beyond the latest time begins earlier by as much, and its rows
    are drawn again.
    """
    clock = cast.history.clock
    if clock is None or cast.time is None or not len(cast.owners):
        return _turns(cast, _Way(None, 0), rng)
    found = _turns(cast, _Way(None, _ENDLESS), rng)
    starts = np.flatnonzero(positions(cast.owners) == 0)
    beyond = np.maximum.reduceat(found.ticks, starts) - clock.bounds[1]
    beyond = np.repeat(beyond, np.diff(np.append(starts, len(cast.owners))))
    late = np.flatnonzero(beyond > 0)
    if len(late):
        firsts = np.maximum((found.ticks - beyond)[late], _earliest(cast, clock)[late])
        again = _turns(_part(cast, late), _Way(firsts, clock.bounds[1]), rng)
        sources = np.where(again.sources < 0, -1, late[again.sources])
        for field in Turns.__dataclass_fields__:
            fresh = sources if field == "sources" else getattr(again, field)
            getattr(found, field)[late] = fresh
    return found


def _earliest(cast: Cast, clock: Clock) -> Ints:
    """The earliest time that each owner's first row may have."""
    lowest = np.full(len(cast.owners), clock.bounds[0])
    if clock.start is None:
        return lowest
    codes = np.arange(clock.start.spans.feature.size, dtype=np.int32)
    spans = ticks(clock.start.spans.decode(codes, _draw(len(codes), np.random.default_rng(0))))
    return np.where(cast.started, np.maximum(lowest, cast.origins + spans.min()), lowest)


def _part(cast: Cast, rows: Ints) -> Cast:
    """The same for some owners alone."""
    return replace(
        cast,
        base=cast.base[rows],
        owners=cast.owners[rows],
        origins=cast.origins[rows],
        started=cast.started[rows],
    )


def _turns(cast: Cast, way: _Way, rng: np.random.Generator) -> Turns:
    """All rows of some owners, turn by turn."""
    history, rows = cast.history, len(cast.owners)
    width = cast.base.shape[1] + len(history.past) + len(history.present)
    found = Turns(
        np.zeros((rows, width), np.int32),
        np.zeros((rows, len(history.features)), np.int32),
        np.full((rows, len(history.features)), -1),
        np.full((rows, len(history.features)), -1),
        np.zeros(rows, np.int64),
    )
    sums = np.zeros((rows, len(history.averaged)))
    position = positions(cast.owners)
    order = np.argsort(position, kind="stable")
    ends = np.cumsum(np.bincount(position))
    for number, turn in enumerate(np.split(order, ends[:-1]) if rows else ()):
        if number:
            sums[turn] = sums[turn - 1] + found.codes[turn - 1][:, history.averaged]
        past = history.past_codes(found.codes[turn - 1], sums[turn], np.full(len(turn), number))
        known = np.concatenate([cast.base[turn], past], axis=1)
        found.context[turn] = _with_present(cast, found, turn, (known, way), rng)
        _draw_rows(cast, found, turn, rng)
    return found


def drawn_again(cast: Cast, found: Turns, rows: Ints, rng: np.random.Generator) -> Turns:
    """The same rows with some of them replaced, each drawn given what it was drawn given before."""
    again = replace(
        found,
        codes=found.codes.copy(),
        sources=found.sources.copy(),
        current=found.current.copy(),
    )
    _draw_rows(cast, again, rows, rng)
    return again


def _draw_rows(cast: Cast, found: Turns, rows: Ints, rng: np.random.Generator) -> None:
    """Draws codes of rows whose context and time are there, in place."""
    known, history = found.context[rows], cast.history
    position, beat = positions(cast.owners)[rows], _beat_rows(cast, found, rows)
    codes = cast.generator.sample(known, {}, rng)
    for _ in range(_REDRAWS):
        wrong = np.flatnonzero((_impossible(history.repeats(codes), position, beat)).any(axis=1))
        if not len(wrong):
            break
        codes[wrong] = cast.generator.sample(known[wrong], {}, rng)
    how = history.repeats(codes)
    how[_impossible(how, position, beat)] = NEW
    fresh = history.spread(codes)
    for place in history.places:
        limit = history.features[place].size - 1
        found.codes[rows, place] = np.minimum(fresh[:, place], limit)
        found.sources[rows, place] = found.current[rows, place] = -1
        if how[:, place].any():
            _repeat(found, rows, int(place), (how[:, place], position), rng)
            now = np.flatnonzero(how[:, place] == CURRENT)
            found.current[rows[now], place] = beat[now]
            if len(now):
                found.codes[rows[now], place] = cast.shared[int(place)][beat[now]]


def _beat_rows(cast: Cast, found: Turns, rows: Ints) -> Ints:
    """The beat's row of each row's time; -1 where there is none."""
    if cast.beat is None:
        return np.full(len(rows), -1)
    return cast.beat.current(cast.owners[rows], found.ticks[rows])


def _impossible(how: Repeats, position: Ints, beat: Ints) -> Bools:
    """Where a row repeats an older sibling or a row of the beat that is not there."""
    alone = (position == 0)[:, None] & ((how == LAST) | (how == EARLIER))
    return np.asarray(alone | ((beat < 0)[:, None] & (how == CURRENT)))


def _repeat(
    found: Turns, rows: Ints, place: int, how: tuple[Repeats, Ints], rng: np.random.Generator
) -> None:
    """Gives rows of one turn the code of an older sibling, in place."""
    kind, position = how
    codes = found.codes[:, place]
    chosen = rows - 1
    left = np.flatnonzero((kind == EARLIER) & (position > 1))
    for _ in range(_REDRAWS):
        back = (rng.random(len(left)) * (position[left] - 1)).astype(np.int64)
        chosen[left] = rows[left] - 2 - back
        left = left[codes[chosen[left]] == codes[rows[left] - 1]]
    repeating = (kind == LAST) | (kind == EARLIER)
    taken, own = chosen[repeating], found.sources[chosen[repeating], place]
    found.codes[rows[repeating], place] = codes[taken]
    found.sources[rows[repeating], place] = np.where(own < 0, taken, own)


def _with_present(
    cast: Cast, found: Turns, rows: Ints, given: tuple[Codes, _Way], rng: np.random.Generator
) -> Codes:
    """The context of one turn's rows, once they have their times."""
    known, way = given
    history, clock = cast.history, cast.history.clock
    if clock is None or cast.time is None:
        return known
    past = known[:, cast.base.shape[1] :]
    if past.any():
        _set_later(cast, found, rows, (past, way), rng)
        since = 1 + clock.since_previous.encode(pa.array(found.ticks[rows] - found.ticks[rows - 1]))
    else:
        fresh = way.firsts
        firsts = _first_ticks(cast, clock, rows, rng) if fresh is None else fresh[rows]
        found.ticks[rows] = _on_beat(cast, rows, firsts)
        since = np.zeros(len(rows), np.int32)
    times = cast.time.encode(moments(found.ticks[rows], cast.time.column.datatype))
    place = [f.name for f in history.features].index(clock.column)
    found.codes[rows, place] = times
    present = history.present_codes(times, since, cast.owners[rows], found.ticks[rows], cast.beat)
    return np.concatenate([known, present], axis=1)


def _set_later(
    cast: Cast, found: Turns, rows: Ints, given: tuple[Codes, _Way], rng: np.random.Generator
) -> None:
    """Draws the times of rows that have an older sibling, in place."""
    clock, (past, way) = cast.history.clock, given
    if clock is None:
        return
    before, after = found.ticks[rows - 1], following(cast.owners)[rows]
    ahead = ahead_codes(clock.since_previous, cast.beat, cast.owners[rows], before, after)
    asked = np.concatenate([cast.base[rows][:, cast.timely], past, ahead.codes], axis=1)
    found.ticks[rows] = _on_beat(cast, rows, _later_ticks(clock, asked, (before, way.highest), rng))


def _on_beat(cast: Cast, rows: Ints, ticks: Ints) -> Ints:
    """The times, at times of the beat where there may be no others."""
    if cast.beat is None or not cast.history.bound:
        return ticks
    return cast.beat.snapped(cast.owners[rows], ticks)


def _first_ticks(cast: Cast, clock: Clock, rows: Ints, rng: np.random.Generator) -> Ints:
    given, origins = cast.base[rows][:, cast.timely], cast.origins[rows]
    started = cast.started[rows] & (clock.start is not None)

    def drawn(left: Ints) -> Ints:
        found = np.zeros(len(left), np.int64)
        counted = started[left]
        if clock.start is not None and counted.any():
            codes = clock.start.generator.sample(given[left[counted]], {}, rng)[:, 0]
            spans = ticks(clock.start.spans.decode(codes, _draw(len(codes), rng)))
            found[counted] = origins[left[counted]] + spans
        if cast.time is not None and not counted.all():
            codes = clock.calendar.sample(given[left[~counted]], {}, rng)[:, 0]
            found[~counted] = ticks(cast.time.decode(codes, _draw(len(codes), rng)))
        return found

    return _within(drawn, np.full(len(rows), clock.bounds[0]), clock.bounds[1])


def _later_ticks(
    clock: Clock, given: Codes, bounds: tuple[Ints, int], rng: np.random.Generator
) -> Ints:
    before, highest = bounds

    def drawn(left: Ints) -> Ints:
        codes = clock.later.sample(given[left], {}, rng)[:, 0]
        spans = ticks(clock.since_previous.decode(codes, _draw(len(codes), rng)))
        return np.asarray(before[left] + spans)

    return _within(drawn, before, highest)


def _within(drawn: Callable[[Ints], Ints], lowest: Ints, highest: int) -> Ints:
    """Ticks between bounds: drawn again a few times where they lie outside, then moved inside."""
    found = drawn(np.arange(len(lowest)))
    for _ in range(_REDRAWS):
        outside = np.flatnonzero((found < lowest) | (found > highest))
        if not len(outside):
            break
        found[outside] = drawn(outside)
    return np.clip(found, lowest, np.maximum(lowest, highest))


def _draw(rows: int, rng: np.random.Generator) -> Draw:
    everything = np.arange(rows)
    return Draw(rng, everything, everything.astype(np.uint64))
