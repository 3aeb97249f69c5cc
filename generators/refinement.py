"""Holds learned histories against drawn ones, so that drawing can prefer what looks learned."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.columns import Codes
from generators.contexts import timely
from generators.encoding import FittedColumn
from generators.privacy.support import Released, Support, distinct
from generators.raking import margins, raked
from generators.relations.casts import Cast
from generators.relations.courses import Course, Followed, Pulse
from generators.relations.drawings import drawings
from generators.relations.histories import History
from generators.relations.lives import lives, single
from generators.relations.referee import Referee, candidates, fit_referee
from generators.siblings import Seen
from generators.tables import Matrix, TableGenerator

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

_FEWEST_OWNERS = 300
_MOST_ROWS = 200_000
"""Rows of the owners that are drawn for; others add little but time."""
_SECONDS = 1e-5
"""Per row that is drawn and feature."""


class Compared(Protocol):
    """What is drawn, and what it is held against."""

    @property
    def seconds(self) -> float:
        """About how long it takes to learn a referee: a bound for one core."""
        ...

    def referee(self) -> Referee | None:
        """What tells learned from drawn; None where there are too few owners to learn from."""
        ...


@dataclass(frozen=True, slots=True)
class Refining:
    """What histories are drawn from, and what they are held against.

    Attributes:
        followed: what was learned of rows in their order.
        course: the learned rows.
        pulse: the table that they have as their beat.
        generator: draws what `followed` leaves to it.
        columns: how values are encoded.
        beat: what is known of the pulse's table; None without one.
        histograms: the margins of each feature.
        support: the rule of release.
    """

    followed: Followed
    course: Course
    pulse: Pulse | None
    generator: TableGenerator
    columns: tuple[FittedColumn, ...]
    beat: Seen | None
    histograms: Mapping[str, Released[Any]]
    support: Support

    @property
    def seconds(self) -> float:
        """See `Compared`."""
        return refining_seconds(len(self.course.owners), len(self.course.target.features))

    def referee(self) -> Referee | None:
        """See `Compared`."""
        starts = np.flatnonzero(np.diff(self.course.owners[_some(self.course)], prepend=-1))
        return _of_histories(self, starts) if len(starts) >= _FEWEST_OWNERS else None


@dataclass(frozen=True, slots=True)
class Sifting:
    """What rows that own others are drawn from, and what they are held against.

    Attributes:
        context: what the learned rows have from elsewhere.
        target: the learned rows.
        units: the privacy unit of each.
        generator: draws them.
        histograms: the margins of each feature.
        support: the rule of release.
    """

    context: Matrix
    target: Matrix
    units: Ints
    generator: TableGenerator
    histograms: Mapping[str, Released[Any]]
    support: Support

    @property
    def seconds(self) -> float:
        """See `Compared`."""
        return refining_seconds(len(self.units), len(self.target.features))

    def referee(self) -> Referee | None:
        """See `Compared`."""
        return _of_rows(self) if len(self.units) >= _FEWEST_OWNERS else None


Refiner = Callable[[Compared], Referee | None]
"""What learns as `refined` does, now or later or not at all."""


def refined(of: Compared) -> Referee | None:
    """Draws several times what was learned, and learns to tell that from what was learned.

    None where there are too few owners to learn from.
    """
    return of.referee()


def _of_histories(of: Refining, starts: Ints) -> Referee:
    course, history, support = of.course, of.followed.history, of.support
    kept = _some(course)
    part, base = _cast(of).of(kept), course.base.features
    told = of.followed.context.codes[kept], course.target.codes[kept]
    real = lives(history, base, told, starts)
    drawn = drawings(part, candidates(len(part.owners)), np.random.default_rng(0))
    binned = [lives(history, base, (t.told.codes, t.codes), starts).binned for t in drawn]
    units, shares = course.units[kept][starts], margins(history.features, of.histograms)
    found = fit_referee(real.binned, binned, real.widths, units, support)
    return _tilting(found, binned, [t.codes for t in drawn], starts, shares, (units, support))


def _of_rows(of: Sifting) -> Referee:
    some = slice(0, _MOST_ROWS)
    context, target, units = of.context.codes[some], of.target.codes[some], of.units[some]
    features, rng = (of.context.features, of.target.features), np.random.default_rng(0)
    real = single(features, (context, target))
    times = range(candidates(len(units)))
    drawn = [of.generator.sample(context, {}, rng) for _ in times]
    binned = [single(features, (context, codes)).binned for codes in drawn]
    found = fit_referee(real.binned, binned, real.widths, units, of.support)
    starts, shares = np.arange(len(units)), margins(of.target.features, of.histograms)
    return _tilting(found, binned, drawn, starts, shares, (units, of.support))


def _tilting(
    found: Referee,
    binned: Sequence[Bytes],
    drawn: Sequence[Codes],
    starts: Ints,
    shares: Mapping[int, Floats],
    units: tuple[Ints, Support],
) -> Referee:
    """A referee that keeps the margins of what it chooses from, whatever it prefers."""
    if not found.trees:
        return found
    odds = np.stack([found.odds(candidate) for candidate in binned])
    return found.tilting(raked(odds, drawn, starts, shares), distinct(units[0]), units[1])


def unrefined(of: Compared) -> None:
    """Leaves it at what is drawn first."""
    del of


def refining_seconds(rows: int, features: int) -> float:
    """What `refined` takes for so many rows: a bound for one core, from counts alone."""
    some = min(rows, _MOST_ROWS)
    return _SECONDS * some * candidates(some) * features


def _some(course: Course) -> slice:
    """The rows of the first owners."""
    if len(course.owners) <= _MOST_ROWS:
        return slice(None)
    last = course.owners[_MOST_ROWS]
    return slice(0, int(np.searchsorted(course.owners, last)))


def _cast(of: Refining) -> Cast:
    """The learned owners, with what their rows are drawn from."""
    course, history = of.course, of.followed.history
    rows = len(course.owners)
    ticks, known = np.zeros(rows, np.int64), np.zeros(rows, np.bool_)
    if history.clock is not None and history.clock.start is not None:
        name = history.clock.start.name
        origin = next(o for o in course.origins if o.name == name)
        ticks, known = origin.ticks, origin.known
    return Cast(
        history,
        of.generator,
        course.time,
        course.base.codes,
        timely(course.base.features),
        course.owners,
        ticks,
        known,
        None if of.pulse is None else of.pulse.beat,
        {} if of.beat is None else _shared(history, of.columns, of.beat),
    )


def _shared(history: History, columns: tuple[FittedColumn, ...], beat: Seen) -> Mapping[int, Codes]:
    """The codes that the beat's values have here, for each feature that may be as in its row."""
    there = pa.array(np.flatnonzero(beat.owners >= 0))
    fitted = {c.column.name: c for c in columns}
    return {
        place: fitted[f.name].encode(beat.rows[f.name].combine_chunks().take(there))
        for place, f in enumerate(history.features)
        if f.name in history.shared | history.bounded and f.name in fitted
    }
