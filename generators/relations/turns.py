"""Draws the rows of all owners turn by turn: every first row, every second one, and so on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.columns import Codes, Draw
from generators.encoding import FittedColumn
from generators.relations.beats import Beat, moments, ticks
from generators.relations.histories import (
    AGAIN,
    CURRENT,
    EARLIER,
    HERE,
    LAST,
    NEW,
    Clock,
    History,
    Repeats,
    ahead_codes,
    following,
    positions,
)
from generators.relations.repeating import has_earlier, held_before, last_followers, repeated
from generators.relations.walks import advanced, ahead, before_first
from generators.tables import Feature, TableGenerator

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
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
        before: per row, how many siblings come before it in its history.
        after: per row, how many come after it.
        heard: the context codes that tell when each row comes.
        places: where each feature that is drawn stands among all features.
        highest: the highest code of each of them.
        repeating: whether any may repeat what another row has.
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
    before: Ints = field(init=False, repr=False)
    after: Ints = field(init=False, repr=False)
    heard: Codes = field(init=False, repr=False)
    places: Ints = field(init=False, repr=False)
    highest: Ints = field(init=False, repr=False)
    repeating: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        places, features = self.history.places, self.history.features
        every = len(self.timely) == self.base.shape[1]
        known = {
            "before": positions(self.owners),
            "after": following(self.owners),
            "heard": self.base if every else self.base[:, self.timely],
            "places": places,
            "highest": np.array([features[p].size - 1 for p in places], np.int64),
            "repeating": any(self.history.ways(features[p].name) for p in places),
        }
        for name, value in known.items():
            object.__setattr__(self, name, value)

    def of(self, rows: Ints | slice) -> "Cast":
        """The same for some owners alone."""
        return replace(
            self,
            base=self.base[rows],
            owners=self.owners[rows],
            origins=self.origins[rows],
            started=self.started[rows],
        )


@dataclass(frozen=True, slots=True)
class _Way:
    """How times are drawn: some or all rows' are known, and none lies beyond `highest`."""

    known: Ints | None
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
        places: per row, where its beat stands; -1 for none.
    """

    context: Codes
    codes: Codes
    sources: Ints
    current: Ints
    ticks: Ints
    places: Ints


def take_turns(cast: Cast, rng: np.random.Generator) -> Turns:
    """Draws all rows of some owners.

    An owner whose rows would go on beyond the latest time begins earlier by as much, and its rows
    are drawn again. Where rows are scattered, all their times are drawn at once.
    """
    clock = cast.history.clock
    if clock is not None and clock.scattered and cast.time is not None:
        return _turns(cast, _Way(_scattered_ticks(cast, clock, rng), 0), rng)
    if clock is None or clock.walk is not None or cast.time is None or not len(cast.owners):
        return _turns(cast, _Way(None, 0), rng)
    found = _turns(cast, _Way(None, _ENDLESS), rng)
    starts = np.flatnonzero(cast.before == 0)
    beyond = np.maximum.reduceat(found.ticks, starts) - clock.bounds[1]
    beyond = np.repeat(beyond, np.diff(np.append(starts, len(cast.owners))))
    late = np.flatnonzero(beyond > 0)
    if len(late):
        firsts = np.maximum((found.ticks - beyond)[late], _earliest(cast, clock)[late])
        again = _turns(cast.of(late), _Way(firsts, clock.bounds[1]), rng)
        sources = np.where(again.sources < 0, -1, late[again.sources])
        for field in Turns.__dataclass_fields__:
            fresh = sources if field == "sources" else getattr(again, field)
            getattr(found, field)[late] = fresh
    return found


def _scattered_ticks(cast: Cast, clock: Clock, rng: np.random.Generator) -> Ints:
    """All rows' times, each drawn from the calendar; those of an owner ascend."""
    ticks = _first_ticks(cast, clock, np.arange(len(cast.owners)), rng)
    groups = np.cumsum(np.diff(cast.owners, prepend=-1) != 0)
    return ticks[np.lexsort((ticks, groups))]


def _earliest(cast: Cast, clock: Clock) -> Ints:
    """The earliest time that each owner's first row may have."""
    lowest = np.full(len(cast.owners), clock.bounds[0])
    if clock.start is None:
        return lowest
    codes = np.arange(clock.start.spans.feature.size, dtype=np.int32)
    spans = ticks(clock.start.spans.decode(codes, _draw(len(codes), np.random.default_rng(0))))
    return np.where(cast.started, np.maximum(lowest, cast.origins + spans.min()), lowest)


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
        np.full(rows, -1),
    )
    averaged, past = history.averaged, len(history.past)
    sums = np.zeros((rows, len(averaged)), np.int32)
    order = np.argsort(cast.before, kind="stable")
    # Both are in the order in which rows are drawn, so that those of a turn stand side by side.
    context, base = _with_room(cast.base.take(order, axis=0), width)
    heard, told = _with_room(cast.heard.take(order, axis=0), cast.heard.shape[1] + past)
    ends = np.cumsum(np.bincount(cast.before))
    for number, end in enumerate(ends if rows else ()):
        now = slice(ends[number - 1] if number else 0, end)
        turn, known = order[now], context[now]
        before, mean = found.codes.take(turn - 1, axis=0), sums.take(turn - 1, axis=0)
        if number:
            mean += before[:, averaged]
            _put(sums, turn, mean)
        codes = history.past_codes(before, mean, np.full(len(turn), number))
        known[:, base : base + past] = heard[now, told:] = codes
        known[:, base + past :] = _with_present(cast, found, turn, (heard[now], way), rng)
        _draw_rows(cast, found, (turn, known), rng)
    _put(found.context, order, context)
    return found


def _with_room(codes: Codes, width: int) -> tuple[Codes, int]:
    """Codes with room for more on their right, and where that begins."""
    found = np.empty((len(codes), width), np.int32)
    found[:, : codes.shape[1]] = codes
    return found, codes.shape[1]


def _put(matrix: npt.NDArray[Any], rows: Ints, fresh: npt.NDArray[Any]) -> None:
    """Sets whole rows of a matrix, in place: numpy is faster with a row that is one thing."""
    if matrix.shape[1]:
        row = np.dtype((np.void, matrix.itemsize * matrix.shape[1]))
        matrix.view(row)[rows] = np.ascontiguousarray(fresh, matrix.dtype).view(row)


def drawn_again(cast: Cast, found: Turns, rows: Ints, rng: np.random.Generator) -> Turns:
    """The same rows with some of them replaced, each drawn given what it was drawn given before."""
    again = _copied(found, rows)
    _draw_rows(cast, again, (rows, found.context[rows]), rng)
    return again


def drawn_given(
    cast: Cast, found: Turns, rows: Ints, evidence: Mapping[str, Codes], rng: np.random.Generator
) -> tuple[Turns, Floats]:
    """As `drawn_again` with evidence, and the weight of each row; see `TableGenerator`."""
    again = _copied(found, rows)
    codes = _draw_rows(cast, again, (rows, found.context[rows]), rng, evidence)
    return again, _log_weight(cast, again, rows, codes, evidence)


def _log_weight(
    cast: Cast, found: Turns, rows: Ints, codes: Codes, evidence: Mapping[str, Codes]
) -> Floats:
    """The weight of rows drawn with evidence, their choices and their rest together."""
    history, known = cast.history, found.context[rows]
    if history.chooser is None:
        return cast.generator.log_weight(known, codes, evidence)
    choices, rest = (_of(evidence, history, p) for p in (history.choices, history.rest))
    given = history.with_choices(known, codes, found.codes[rows])
    return history.chooser.log_weight(
        known, codes[:, history.choices], choices
    ) + cast.generator.log_weight(given, codes[:, history.rest], rest)


def _copied(found: Turns, rows: Ints) -> Turns:
    """A copy in which some rows, about to be drawn anew, repeat nothing."""
    again = replace(
        found,
        codes=found.codes.copy(),
        sources=found.sources.copy(),
        current=found.current.copy(),
    )
    again.sources[rows] = again.current[rows] = -1
    return again


def _draw_rows(
    cast: Cast,
    found: Turns,
    asked: tuple[Ints, Codes],
    rng: np.random.Generator,
    evidence: Mapping[str, Codes] = MappingProxyType({}),
) -> Codes:
    """Draws codes of rows with their context, in place; answers the generator's."""
    (rows, known), history = asked, cast.history
    codes = _chosen(cast, known, evidence, rng)
    if cast.repeating:
        _draw_repeats(cast, found, asked, (codes, evidence), rng)
    else:
        _set_codes(cast, found, rows, codes)
    if history.chooser is not None:
        given_codes = history.with_choices(known, codes, found.codes[rows])
        rest = _of(evidence, history, history.rest)
        codes[:, history.rest] = cast.generator.sample(given_codes, rest, rng)
        for column in history.rest:
            found.codes[rows, cast.places[column]] = codes[:, column]
    return codes


def _set_codes(cast: Cast, found: Turns, rows: Ints, codes: Codes) -> None:
    """Puts what was drawn into its place, in place; codes of repeats count as the highest one."""
    own = found.codes.take(rows, axis=0)
    own[:, cast.places] = np.minimum(codes, cast.highest)
    _put(found.codes, rows, own)


def _draw_repeats(
    cast: Cast,
    found: Turns,
    asked: tuple[Ints, Codes],
    drawn: tuple[Codes, Mapping[str, Codes]],
    rng: np.random.Generator,
) -> None:
    """Sets codes, in place, with those of rows that repeat what others have; draws others anew."""
    (rows, known), (codes, evidence), history = asked, drawn, cast.history
    position, beat = cast.before[rows], _beat_rows(cast, found, rows)
    followers, earlier = _older(cast, found, rows, position)
    for _ in range(_REDRAWS):
        how = history.repeats(codes)
        bad = _impossible(how, position, beat, (followers, earlier)).any(axis=1)
        wrong = np.flatnonzero(bad | _seen_again(cast, found, rows, codes))
        if not len(wrong):
            break
        given = {name: known_codes[wrong] for name, known_codes in evidence.items()}
        codes[wrong] = _chosen(cast, known[wrong], given, rng)
    how = history.repeats(codes)
    how[_impossible(how, position, beat, (followers, earlier))] = NEW
    _set_codes(cast, found, rows, codes)
    for place in cast.places[how[:, cast.places].any(axis=0)]:
        way = how[:, place], followers[:, place]
        own, turn = found.codes[:, place], (rows, position)
        repeating, taken = repeated(own, turn, way, found.places, rng)
        root = found.sources[taken, place]
        found.codes[rows[repeating], place] = found.codes[taken, place]
        found.sources[rows[repeating], place] = np.where(root < 0, taken, root)
        now = np.flatnonzero(how[:, place] == CURRENT)
        found.current[rows[now], place] = beat[now]
        if len(now):
            found.codes[rows[now], place] = cast.shared[int(place)][beat[now]]


def _chosen(
    cast: Cast, known: Codes, evidence: Mapping[str, Codes], rng: np.random.Generator
) -> Codes:
    """Codes of all that is drawn; where there is a chooser, only its part is there."""
    history = cast.history
    if history.chooser is None:
        return cast.generator.sample(known, evidence, rng)
    codes = np.zeros((len(known), len(history.drawn)), np.int32)
    given = _of(evidence, history, history.choices)
    codes[:, history.choices] = history.chooser.sample(known, given, rng)
    return codes


def _of(evidence: Mapping[str, Codes], history: History, places: Ints) -> Mapping[str, Codes]:
    """The evidence on some of the drawn features."""
    names = {history.drawn[place].name for place in places}
    return {name: codes for name, codes in evidence.items() if name in names}


def _seen_again(cast: Cast, found: Turns, rows: Ints, codes: Codes) -> Bools:
    """Rows with a new category that an older sibling has: as a repeat it has a code of its own."""
    history = cast.history
    kept = [p for p in history.places if _is_told(history, history.features[p])]
    if not kept:
        return np.zeros(len(rows), np.bool_)
    fresh, new = history.spread(codes)[:, kept], history.repeats(codes)[:, kept] == NEW
    held = held_before(found.codes[:, kept], rows, fresh, cast.owners)
    return np.asarray((held & new).any(axis=1))


def _is_told(history: History, feature: Feature) -> bool:
    """Whether equal codes of a feature are mostly equal values; not so for references."""
    return feature.name in history.repeated and not (feature.ordered or feature.name[:2] == "->")


def _beat_rows(cast: Cast, found: Turns, rows: Ints) -> Ints:
    """The beat's row in force at each row's time; -1 where there is none."""
    if cast.beat is None:
        return np.full(len(rows), -1)
    return np.append(cast.beat.rows, -1)[found.places[rows]]


def _older(cast: Cast, found: Turns, rows: Ints, position: Ints) -> tuple[Ints, Bools]:
    """Per feature the last follower of a sibling like the one before, and whether others are left.

    -1 where nothing followed.
    """
    names, repeated_names = [f.name for f in cast.history.features], cast.history.repeated
    followers = np.full((len(rows), len(names)), -1)
    earlier = np.zeros(followers.shape, np.bool_)
    for place in (p for p, name in enumerate(names) if name in repeated_names):
        codes, sources = found.codes[:, place], found.sources[:, place]
        followers[:, place] = last_followers(codes, sources, rows, position)
        earlier[:, place] = has_earlier(codes, rows, position, followers[:, place])
    return followers, earlier


def _impossible(how: Repeats, position: Ints, beat: Ints, older: tuple[Ints, Bools]) -> Bools:
    """Where a row repeats an older sibling or a row of the beat that is not there."""
    followers, earlier = older
    alone = (position == 0)[:, None] & (how == LAST)
    alone |= ((followers < 0) & (how == AGAIN)) | (~earlier & (how == EARLIER))
    return np.asarray(alone | ((beat < 0)[:, None] & (how == CURRENT)))


def _with_present(
    cast: Cast, found: Turns, rows: Ints, given: tuple[Codes, _Way], rng: np.random.Generator
) -> Codes:
    """What one turn's rows have by their times, which they get here from what tells of times."""
    heard, way = given
    history, clock = cast.history, cast.history.clock
    if clock is None or cast.time is None:
        return np.empty((len(rows), 0), np.int32)
    later = bool(cast.before[rows].any())
    if clock.walk is not None and cast.beat is not None:
        _set_beats(cast, found, rows, (heard, later), rng)
    elif way.known is not None and (clock.scattered or not later):
        found.ticks[rows] = way.known[rows]
    elif later:
        _set_later(cast, found, rows, (heard, way), rng)
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
    cast: Cast, found: Turns, rows: Ints, given: tuple[Codes, _Way], rng: np.random.Generator
) -> None:
    """Draws the times of rows that have an older sibling, in place."""
    clock, (heard, way) = cast.history.clock, given
    if clock is None or clock.later is None:
        return
    before, after = found.ticks[rows - 1], cast.after[rows]
    ahead = ahead_codes(clock.since_previous, cast.beat, cast.owners[rows], before, after)
    asked = np.concatenate([heard, ahead.codes], axis=1) if ahead.features else heard
    since, bounds = clock.since_previous, (before, way.highest)
    found.ticks[rows] = _later_ticks(clock.later, since, asked, bounds, rng)


def _set_beats(
    cast: Cast, found: Turns, rows: Ints, given: tuple[Codes, bool], rng: np.random.Generator
) -> None:
    """Draws which beats rows come at, in place; of an owner without beats, times as they may be."""
    clock, (heard, later) = cast.history.clock, given
    if clock is None or clock.walk is None or cast.beat is None:
        return
    owners = cast.owners[rows]
    before, here = before_first(cast.beat, cast.owners)[rows], np.zeros(len(rows), np.int64)
    if later:
        before = found.places[rows - 1]
        here = _so_far(cast, found.places, rows)
    state = before, here, cast.after[rows]
    told = ahead(cast.beat, cast.history.beat_features, owners, state)
    asked = np.concatenate([heard, told.codes], axis=1)
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
    given, origins = cast.heard.take(rows, axis=0), cast.origins[rows]
    started = cast.started[rows] & (clock.start is not None)

    def drawn(left: Ints | slice) -> Ints:
        counted, known = started[left], given[left]
        found = np.zeros(len(counted), np.int64)
        if clock.start is not None and counted.any():
            asked = known if counted.all() else known[counted]
            codes = clock.start.generator.sample(asked, {}, rng)[:, 0]
            spans = ticks(clock.start.spans.decode(codes, _draw(len(codes), rng)))
            found[counted] = origins[left][counted] + spans
        if cast.time is not None and not counted.all():
            codes = clock.calendar.sample(known[~counted], {}, rng)[:, 0]
            found[~counted] = ticks(cast.time.decode(codes, _draw(len(codes), rng)))
        return found

    return _within(drawn, np.full(len(rows), clock.bounds[0]), clock.bounds[1])


def _later_ticks(
    later: TableGenerator,
    since: FittedColumn,
    given: Codes,
    bounds: tuple[Ints, int],
    rng: np.random.Generator,
) -> Ints:
    before, highest = bounds

    def drawn(left: Ints | slice) -> Ints:
        codes = later.sample(given[left], {}, rng)[:, 0]
        spans = ticks(since.decode(codes, _draw(len(codes), rng)))
        return np.asarray(before[left] + spans)

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
