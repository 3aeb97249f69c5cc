"""Learns how the rows of a table follow one another under their owners."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.schema import TableName
from generators.columns import Codes
from generators.contexts import joined, timely
from generators.encoding import FittedColumn
from generators.privacy.support import Released, Support, distinct
from generators.randomness import stream
from generators.relations.beats import Beat, moments
from generators.relations.clocks import Origin, choose_start, fit_span, scattered
from generators.relations.eras import learned_eras
from generators.relations.histories import (
    LAST,
    Clock,
    History,
    Repeats,
    Start,
    ahead_codes,
    following,
    positions,
    sums_before,
)
from generators.relations.leading import led
from generators.relations.timing import grid_of
from generators.relations.walks import ADVANCE, ahead, before_first, company, so_far, steps_taken
from generators.tables import Feature, Fitter, Matrix, TableGenerator

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_REPEATED = 0.05
"""Share of rows that must repeat their sibling's value for repeats to have a code of their own."""
_REPEATED_NUMBERS = 0.25
_BEYOND_CHANCE = 1.5
_FREQUENT = 0.05
_FEW_CODES = 4
"""A feature of so few codes repeats the sibling before by chance."""
_BOUND = 0.99
"""Share of rows whose time must be one of the beat's for no other time to be drawn."""
_ON_BEAT = 0.5
"""Share of rows whose time must be one of another child table's for that to be their beat."""


@dataclass(frozen=True, slots=True)
class Course:
    """Training rows of a table, those of an owner side by side and in their order.

    Attributes:
        base: what they have from their owners.
        target: their codes.
        owners: position of each row's owner.
        units: their privacy units.
        repeats: how a value repeats older siblings', of the shape of `target`.
        time: the generator of the column that orders them; None where none does.
        ticks: their times.
        origins: what an owner's first time may be counted from.
        shared: names of features that may be as in the beat's row of the same time.
        places: per row, where its beat stands; None where rows come at other times, too.
        bounded: names of features that are hardly ever above those of the beat's row.
        closing: names of those `shared` of which last rows may be as in the owner's last beat.
    """

    base: Matrix
    target: Matrix
    owners: Ints
    units: Ints
    repeats: Repeats
    time: FittedColumn | None
    ticks: Ints
    origins: tuple[Origin, ...]
    shared: frozenset[str]
    places: Ints | None = None
    bounded: frozenset[str] = frozenset()
    closing: frozenset[str] = frozenset()

    @property
    def timely(self) -> Matrix:
        """The part of `base` that tells when a row comes after others, or by itself."""
        kept = timely(self.base.features)
        return Matrix(tuple(self.base.features[i] for i in kept), self.base.codes[:, kept])


@dataclass(frozen=True, slots=True)
class Pulse:
    """A child table whose times may be those of another.

    Attributes:
        met: the share of its rows that can be met among those read.
    """

    table: TableName
    features: tuple[Feature, ...]
    beat: Beat
    met: float


@dataclass(frozen=True, slots=True)
class Followed:
    """What was learned of rows in their order, and what they are drawn given and as."""

    history: History
    context: Matrix
    target: Matrix


def follow(course: Course, pulse: Pulse | None, fit: Fitter, support: Support) -> Followed:
    """Learns when rows come, and puts beside each what it has from its older siblings.

    Args:
        course: the rows.
        pulse: the table that they have as their beat.
        fit: learns the times.
        support: the rule of release.
    """
    untimed = History(course.target.features, _repeated(course), None, None, ())
    past = _past(course, untimed)
    history = untimed
    if course.time is not None:
        clock = _clock(course, course.time, past, pulse, (fit, support))
        beat = (pulse.table, pulse.features) if pulse else (None, ())
        history = replace(
            untimed,
            clock=clock,
            beat=beat[0],
            beat_features=beat[1],
            shared=course.shared,
            eras=learned_eras(
                course.target.features, course.target.codes, course.ticks, course.units, support
            ),
            bounded=course.bounded,
            closing=course.closing,
        )
    present = Matrix(history.present, _present(course, history, pulse))
    context = joined([course.base, past, present], len(course.owners))
    codes = history.with_repeats(course.target.codes, course.repeats)
    return Followed(history, context, Matrix(history.drawn, codes))


def with_chooser(
    followed: Followed,
    codes: Matrix,
    units: Ints,
    fit: Fitter,
    support: Support,
) -> Followed:
    """The same with what draws features that may repeat others, before the rest of a row.

    How numbers do comes first, then what all of them are.

    Args:
        followed: what was learned so far.
        codes: what all features are.
        units: the rows' privacy units.
        fit: learns each of the two.
        support: the rule of release.
    """
    history, drawn = followed.history, followed.target
    if not len(history.choices) or len(codes.codes) != len(drawn.codes):
        return followed
    features = tuple(drawn.features[i] for i in history.choices)
    target = Matrix(features, drawn.codes[:, history.choices])
    ways = Matrix(tuple(history.manners.values()), history.manner_codes(target.codes))
    manner = fit(followed.context, ways, units, support) if ways.features else None
    if not len(history.rest):
        return replace(followed, history=replace(history, manner=manner))
    chooser = fit(joined([followed.context, ways], len(units)), target, units, support)
    return replace(followed, history=replace(history, chooser=chooser, manner=manner))


def rest_of(followed: Followed, codes: Matrix | None) -> tuple[Matrix, Matrix]:
    """What the table's generator draws, and given what: all, or what a chooser leaves."""
    history, drawn = followed.history, followed.target
    if codes is None or (history.chooser is None and history.manner is None):
        return followed.context, drawn
    if history.chooser is None:
        ways = history.manner_codes(drawn.codes[:, history.choices])
        told = Matrix(tuple(history.manners.values()), ways)
        return joined([followed.context, told], len(ways)), drawn
    features = (*followed.context.features, *history.chosen)
    known = history.with_choices(followed.context.codes, drawn.codes, codes.codes)
    rest = tuple(drawn.features[i] for i in history.rest)
    return Matrix(features, known), Matrix(rest, drawn.codes[:, history.rest])


def choose_beat(ticks: Ints, owners: Ints, pulses: Sequence[Pulse]) -> Pulse | None:
    """The table at whose times most rows come, if that is at least half of them.

    Else the one with whose rows most owners' rows begin: a salary, the day the post does.
    """
    rows, first = np.arange(len(ticks)), np.flatnonzero(positions(owners) == 0)
    for those in (rows, first):
        found = [(_share_on(pulse.beat, owners[those], ticks[those]), pulse) for pulse in pulses]
        best = max(found, key=lambda f: f[0], default=None)
        if best is not None and best[0] >= _ON_BEAT:
            return best[1]
    return None


def is_bound(ticks: Ints, owners: Ints, pulse: Pulse) -> bool:
    """Whether rows come at times of the beat alone."""
    return _share_on(pulse.beat, owners, ticks) >= _BOUND * pulse.met


def _share_on(beat: Beat, owners: Ints, ticks: Ints) -> float:
    """The share of rows whose time is one of the beat's."""
    return float((beat.current(owners, ticks) >= 0).mean()) if len(ticks) else 0.0


def _repeated(course: Course) -> frozenset[str]:
    """Features in which siblings repeat one another more often than their codes make likely."""
    later = positions(course.owners) > 0
    timed = course.time.column.name if course.time else None
    codes, repeats = course.target.codes, course.repeats
    places = [
        place
        for place, f in enumerate(course.target.features)
        if f.name != timed and _repeats(f, codes[:, place], repeats[:, place], later)
    ]
    features = [course.target.features[place] for place in places]
    free = [i for i, f in enumerate(features) if f.name not in course.shared]
    among = [places[i] for i in free]
    follow = led([features[i] for i in free], codes[:, among], repeats[:, among], later)
    return frozenset(f.name for f in features) - follow


def _repeats(feature: Feature, codes: Codes, repeats: Repeats, later: Bools) -> bool:
    """Whether repeats deserve codes; in numbers a frequent value is its own reason."""
    number = feature.ordered and feature.size > 1
    mass = np.bincount(codes, minlength=feature.size) / max(1, len(codes))
    told = later & (mass[codes] < _FREQUENT) if number else later
    if feature.size in range(2, _FEW_CODES + 1) or told.mean() < _REPEATED:
        return False
    chance = float(mass[codes[told]].mean()) if feature.size > 1 else 0.0
    least = _REPEATED_NUMBERS if number else _REPEATED
    return float((repeats[told] == LAST).mean()) >= max(least, _BEYOND_CHANCE * chance)


def _past(course: Course, history: History) -> Matrix:
    position, codes = positions(course.owners), course.target.codes
    sums = sums_before(codes[:, history.averaged], position)
    previous = codes[np.arange(len(position)) - 1]
    return Matrix(history.past, history.past_codes(previous, sums, position))


def _clock(
    course: Course,
    time: FittedColumn,
    past: Matrix,
    pulse: Pulse | None,
    how: tuple[Fitter, Support],
) -> Clock:
    fit, support = how
    position = positions(course.owners)
    later, first = np.flatnonzero(position > 0), np.flatnonzero(position == 0)
    before = course.ticks[later - 1]
    spans = course.ticks[later] - before
    since_previous = fit_span("@since previous", spans, course.units[later], support)
    after, beat = following(course.owners)[later], pulse.beat if pulse else None
    limits = _limits(course, time, support)
    if course.places is not None and pulse is not None:
        calendar = _calendar((course, course.base), time, first, how)
        walk = _walk(course, past, pulse, how)
        return Clock(time.column.name, None, calendar, since_previous, None, limits, walk)
    start, told = _start(course, first, how)
    if start is None and scattered(course.ticks, course.owners, stream(0, "scattered")):
        everything = _calendar((course, course.timely), time, np.arange(len(course.ticks)), how)
        return Clock(time.column.name, None, everything, since_previous, None, limits)
    ahead = ahead_codes(since_previous, beat, course.owners[later], before, after)
    parts = [_rows(course.timely, later), _rows(past, later), ahead]
    going = Matrix((since_previous.feature,), since_previous.encode(pa.array(spans))[:, None])
    return Clock(
        time.column.name,
        start,
        _calendar((course, course.base), time, first if len(told) < support.k else told, how),
        since_previous,
        fit(joined(parts, len(later)), going, course.units[later], support),
        limits,
    )


def _limits(course: Course, time: FittedColumn, support: Support) -> Released[Floats]:
    """The earliest and the latest tick, each a mean over k units, on the grid of all times.

    Rows that would come later are moved to the latest tick, and all their owner's with them.
    """
    ends = support.quantiles(course.ticks.astype(np.float64), course.units, np.array([0.0, 1.0]))
    grid = grid_of(time)
    inside = ends.value // grid * grid
    inside[:1] += grid * (inside[:1] < ends.value[:1])
    return support.seal(inside, distinct(course.units)) or ends


def _walk(
    course: Course, past: Matrix, pulse: Pulse, how: tuple[Fitter, Support]
) -> TableGenerator:
    """How many beats further each row lies, given the one before and the next."""
    fit, support = how
    position, owners = positions(course.owners), course.owners
    places = np.full(len(owners), -1) if course.places is None else course.places
    start = before_first(pulse.beat, owners)
    before = np.where(position > 0, places[np.arange(len(places)) - 1], start)
    state = before, so_far(places, position), following(owners)
    known = [course.timely, past, ahead(pulse.beat, pulse.features, owners, state)]
    target = Matrix((ADVANCE,), steps_taken(places, before)[:, None])
    told = np.flatnonzero((places >= 0) & ((position > 0) | (before < pulse.beat.block(owners)[0])))
    return fit(
        _rows(joined(known, len(owners)), told), _rows(target, told), course.units[told], support
    )


def _start(course: Course, first: Ints, how: tuple[Fitter, Support]) -> tuple[Start | None, Ints]:
    """What first times are counted from, and the first rows for which that is not known."""
    fit, support = how
    origin = choose_start(course.ticks, first, course.origins)
    if origin is None:
        return None, first
    told = first[origin.known[first]]
    since = course.ticks[told] - origin.ticks[told]
    spans = fit_span("@since start", since, course.units[told], support)
    codes = Matrix((spans.feature,), spans.encode(pa.array(since))[:, None])
    model = fit(_rows(course.base, told), codes, course.units[told], support)
    return Start(origin.name, spans, model), first[~origin.known[first]]


def _calendar(
    told: tuple[Course, Matrix], time: FittedColumn, rows: Ints, how: tuple[Fitter, Support]
) -> TableGenerator:
    """When some rows come, given what tells of all of them."""
    (course, given), (fit, support) = told, how
    codes = time.encode(moments(course.ticks[rows], time.column.datatype))
    target = Matrix((time.feature,), codes[:, None])
    return fit(_rows(given, rows), target, course.units[rows], support)


def _present(course: Course, history: History, pulse: Pulse | None) -> Codes:
    """The codes of `History.present`."""
    if history.clock is None:
        return np.empty((len(course.owners), 0), np.int32)
    position = positions(course.owners)
    spans = course.ticks - course.ticks[np.arange(len(position)) - 1]
    steps = 1 + history.clock.since_previous.encode(pa.array(spans))
    names = [f.name for f in course.target.features]
    times = course.target.codes[:, names.index(history.clock.column)]
    since = np.where(position > 0, steps, 0).astype(np.int32)
    beat, place = pulse.beat if pulse else None, course.places
    if place is None:
        place = np.full(len(times), -1) if beat is None else beat.at(course.owners, course.ticks)
    there, timed = (place, company(place, position)), (times, since, following(course.owners))
    return history.present_codes(timed, course.ticks, there, beat)


def _rows(matrix: Matrix, rows: Ints) -> Matrix:
    return Matrix(matrix.features, matrix.codes[rows])
